#include "core/base/fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace gnomon {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

void Fields::declare(Field field) {
  expect(!find(field.name), "fields: '{}' is declared twice", field.name);
  fields_.push_back(std::move(field));
}

// A saved configuration contains the defaults: they must be accepted when it is read again.
void Fields::declare_checked(Field field) {
  field.set(field.value);
  declare(std::move(field));
}

void Fields::integer(std::string name, size_t& field, size_t low, size_t high, std::string help) {
  auto set = [&field, name, low, high](const std::string& s) {
    field = parse_integer(s, low, high, name);
  };
  declare_checked(
      {name, std::move(help), fmt::format("{}", field), fmt::format("{} to {}", low, high), set});
}

void Fields::number(std::string name, double& field, double low, double high, std::string help) {
  auto set = [&field, name, low, high](const std::string& s) {
    field = parse_number(s, low, high, name);
  };
  declare_checked(
      {name, std::move(help), fmt::format("{}", field), fmt::format("{} to {}", low, high), set});
}

void Fields::flag(std::string name, bool& field, std::string help) {
  auto set = [&field, name](const std::string& s) {
    if (s != "true" && s != "false") fail_option(name, "expected true or false, got '{}'", s);
    field = s == "true";
  };
  declare_checked({name, std::move(help), field ? "true" : "false", "true | false", set});
}

void Fields::choice(std::string name, std::string& field, std::vector<std::string> allowed,
                    std::string help) {
  auto set = [&field, name, allowed](const std::string& s) {
    if (std::find(allowed.begin(), allowed.end(), s) == allowed.end()) {
      const std::string near = nearest(s, allowed);
      fail_option(name, "expected one of {}, got '{}'{}", fmt::join(allowed, ", "), s,
                  near.empty() ? "" : "; did you mean '" + near + "'?");
    }
    field = s;
  };
  declare_checked(
      {name, std::move(help), field, fmt::format("{}", fmt::join(allowed, " | ")), set});
}

void Fields::text(std::string name, std::string& field, std::string help,
                  std::function<std::string(const std::string&)> read) {
  auto set = [&field, read](const std::string& s) { field = read ? read(s) : s; };
  declare({name, std::move(help), field, "text", set, [&field] { return field; }});
}

void Fields::texts(std::string name, std::vector<std::string>& field, std::string help) {
  auto set = [&field](const std::string& s) { field.push_back(s); };
  declare(
      {name, std::move(help), fmt::format("{}", fmt::join(field, ", ")), "text", set, {}, true});
}

const Field* Fields::find(std::string_view name) const {
  const auto f = std::find_if(fields_.begin(), fields_.end(),
                              [&](const Field& field) { return field.name == name; });
  return f == fields_.end() ? nullptr : &*f;
}

void Fields::set(std::string_view name, const std::string& value) {
  for (Field& field : fields_)
    if (field.name == name) {
      field.set(value);
      field.value = field.kept ? field.kept() : value;
      return;
    }
  std::vector<std::string> known;
  for (const Field& field : fields_) known.push_back(field.name);
  const std::string near = nearest(name, known);
  fail(Fault::option, "unknown option '{}'{}", name,
       near.empty() ? "" : "; did you mean '" + near + "'?");
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  name = name.substr(0, 64);  // a longer one is no slip of the hand
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& k : known) {
    const size_t d = edit_distance(name, k);
    const bool related = d < std::max(name.size(), k.size());  // some letter stayed where it was
    if (related && d < least) least = d, best = k;
  }
  return best;
}

size_t parse_integer(const std::string& text, size_t low, size_t high, const std::string& what) {
  size_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || v < low || v > high)
    fail_option(what, "expected a whole number from {} to {}, got '{}'", low, high, text);
  return v;
}

double parse_number(const std::string& text, double low, double high, const std::string& what) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(v) || v < low ||
      v > high)
    fail_option(what, "expected a number from {} to {}, got '{}'", low, high, text);
  return v;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (trimmed(text).empty()) return parts;
  for (size_t at = 0;;) {
    const size_t end = text.find(separator, at);
    parts.emplace_back(trimmed(text.substr(at, end - at)));
    if (end == text.npos) return parts;
    at = end + 1;
  }
}

}  // namespace gnomon
