#include "tools/training/options.hpp"

#include <algorithm>
#include <set>

#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "tools/training/command_line.hpp"

namespace gnomon {
namespace {

bool is_switch(const Field& field) { return field.allowed == "true | false"; }
/// May it be given once only? (null: something that is no option here)
bool once(const Field* field) { return !field || !field->repeats; }

/// Text of at most `width` columns a line, every line after the first indented.
std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string lines;
  size_t column = indent;
  for (const std::string& word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > width) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) lines += " ", ++column;
    lines += word;
    column += word.size();
  }
  return lines;
}

}  // namespace

std::string shortened(const std::string& word) {
  return word.size() <= 80 ? word : word.substr(0, 77) + "...";
}

std::string spelled(const Error& error) {
  return (error.option().empty() ? "" : "--") + std::string(error.what());
}

std::string quoted(const std::string& word) {
  const bool plain = word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789-_./,:=+") == word.npos;
  if (plain && !word.empty()) return word;
  std::string safe = "'";
  for (const char c : word) c == '\'' ? safe += "'\\''" : safe += c;
  return safe + "'";
}

Fields& Options::group(const std::string& heading, bool kept) {
  return groups_.emplace_back(Group{heading, kept, {}}).fields;
}

const Field* Options::find(const std::string& name) const {
  for (const Group& g : groups_)
    if (const Field* field = g.fields.find(name)) return field;
  return nullptr;
}

std::optional<Foreign> Options::foreign_to(const std::string& name) const {
  return foreign && !find(name) ? foreign(name) : std::nullopt;
}

void Options::fail_unknown(const std::string& name) const {
  if (const auto whose = foreign_to(name)) fail(Fault::option, "--{} {}", name, whose->why);
  std::vector<std::string> known;
  for (const Group& g : groups_)
    for (const Field& f : g.fields.all()) known.push_back(f.name);
  const std::string near = nearest(name, known);
  fail(Fault::option, "unknown option '{}'{}", shortened(name),
       near.empty() ? "" : "; did you mean '" + near + "'?");
}

void Options::set(const std::string& name, const std::string& value) {
  for (Group& g : groups_)
    if (g.fields.find(name)) g.fields.set(name, value);
}

std::string Options::help() const {
  std::string text;
  for (const Group& g : groups_) {
    if (g.fields.all().empty()) continue;
    text += "\n" + g.heading + ":\n";
    for (const Field& f : g.fields.all()) {
      const std::string initial = f.value.empty() ? "" : " (" + f.value + ")";
      const std::string range = is_switch(f) || f.allowed == "text" ? "" : " [" + f.allowed + "]";
      text += fmt::format("  --{:<20} {}\n", f.name, wrapped(f.help + range + initial, 25, 96));
    }
  }
  return text;
}

std::string Options::ini() const {
  std::string text;
  std::map<std::string, std::string> written;
  for (const Group& g : groups_) {
    if (!g.kept || g.fields.all().empty()) continue;
    text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", g.heading);
    for (const Field& f : g.fields.all()) {
      const bool plain = std::all_of(f.value.begin(), f.value.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != '#' && c != 0x7f;
      });
      if (!plain || f.value != trimmed(f.value))
        fail_option(f.name,
                    "'{}' cannot be kept in an INI file: expected no '#', no control character and "
                    "no blank at an end; a file may be renamed, or linked to under a plain name",
                    shortened(f.value));
      if (!is_utf8(f.value))
        fail_option(f.name,
                    "{} cannot be kept in the files of a run: expected UTF-8, got bytes that are "
                    "none; rename the file, or give it a link with a plain name",
                    printable(f.value));
      const auto [at, fresh] = written.emplace(f.name, f.value);
      if (!fresh && at->second != f.value)
        fail_option(f.name, "expected a value, since its defaults differ: {}, and {} for {}",
                    at->second, f.value, g.heading);
      if (fresh) text += fmt::format("{} = {}\n", f.name, f.value);
    }
  }
  return text;
}

Arguments::Arguments(const std::vector<std::string>& given) : words_(parse_words(given)) {
  const auto is_help = [](const Given& g) { return g.name == "help" || g.name == "-h"; };
  help_ = std::ranges::any_of(words_, is_help);
  std::erase_if(words_, is_help);
  const auto is_config = [](const Given& g) { return g.name == "config"; };
  if (std::ranges::count_if(words_, is_config) > 1) fail(Fault::option, "--config is given twice");
  const auto config = std::ranges::find_if(words_, is_config);
  if (config == words_.end()) return;
  const std::string path = config->value.value_or("");
  if (path.empty()) fail_option("config", "expected the name of an INI file");
  words_.erase(config);
  if (!help_) read_ini(read_file(path, kLargestConfig), path);
}

Arguments Arguments::of_file(const std::string& path) {
  return of_text(read_file(path, kLargestConfig), path);
}

Arguments Arguments::of_text(const std::string& text, const std::string& path) {
  Arguments arguments({});
  arguments.read_ini(text, path);
  return arguments;
}

void Arguments::stand_on(const std::string& ini, const std::string& path,
                         const std::vector<std::string>& except) {
  read_ini(ini, path);
  std::erase_if(file_, [&](const Given& g) { return std::ranges::count(except, g.name) > 0; });
}

void Arguments::read_ini(const std::string& text, const std::string& path) {
  path_ = path;
  if (text.find('\0') != text.npos)
    fail(Fault::data, "{}: not an INI file: it holds NUL bytes", path);
  const bool marked = text.starts_with("\xef\xbb\xbf");  // a byte order mark, as some editors write
  const std::string_view content = std::string_view(text).substr(marked ? 3 : 0);
  size_t number = 0;
  for (const std::string& line : split(content, '\n'))
    if (++number; trimmed(line).starts_with("["))
      fail(Fault::option,
           "{}: line {}: sections, such as '{}', are not known here: expected name = value", path,
           number, shortened(std::string(trimmed(line))));
  for (auto& [name, value] : parse_ini(std::string(content), path))
    file_.push_back({std::move(name), std::move(value)});
}

std::map<std::string, std::string> Arguments::in_file() const {
  std::map<std::string, std::string> values;
  for (const Given& given : file_) values[given.name] = *given.value;
  return values;
}

std::vector<std::string> Arguments::names() const {
  std::vector<std::string> names;
  for (const Given& given : words_)
    if (!given.name.empty()) names.push_back(given.name);
  return names;
}

std::string Given::value_for(const Field& field) const {
  if (!value && !is_switch(field)) fail_option(name, "a value is missing");
  return value.value_or("true");
}

template <class Visit>
void Arguments::each(Visit&& visit) const {
  const auto each_of = [&](const std::vector<Given>& source) {
    std::set<std::string> seen;
    for (const Given& given : source)
      if (visit(given) && !seen.insert(given.name).second)
        fail(Fault::option, "--{} is given twice", shortened(given.name));
  };
  try {
    each_of(file_);
  } catch (const Error& error) {
    if (error.fault() != Fault::option) throw;
    fail(Fault::option, "{}: {}", path_, spelled(error));
  }
  each_of(words_);
}

void Arguments::set_known(Fields& fields) const {
  each([&](const Given& given) {
    const Field* field = fields.find(given.name);
    if (field) fields.set(given.name, given.value_for(*field));
    return field && once(field);
  });
}

void Arguments::set_all(Options& options, std::vector<std::string>* passed_over) const {
  each([&](const Given& given) {
    if (given.name.empty())
      fail(Fault::option, "unexpected word '{}'; options begin with --",
           shortened(given.value.value_or("--")));
    const Field* field = options.find(given.name);
    const auto foreign = passed_over ? options.foreign_to(given.name) : std::nullopt;
    if (field)
      options.set(given.name, given.value_for(*field));
    else if (!foreign)
      options.fail_unknown(given.name);
    else if (given.value != foreign->initial)
      passed_over->push_back(fmt::format("{}: {} = {} is passed over: it {}", path_, given.name,
                                         *given.value, foreign->why));
    return once(options.find(given.name));
  });
}

void Arguments::expect_known(const Options& known) const {
  each([&](const Given& given) {
    if (!given.name.empty() && !known.find(given.name) && !known.foreign_to(given.name))
      known.fail_unknown(given.name);
    return once(known.find(given.name));
  });
}

}  // namespace gnomon
