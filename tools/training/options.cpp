#include "tools/training/options.hpp"

#include <boost/program_options.hpp>
#include <set>
#include <sstream>

#include "core/base/file.hpp"

namespace gnomon {
namespace {

namespace po = boost::program_options;

constexpr size_t kLargestFile = size_t{1} << 20;

bool is_switch(const Field& field) { return field.allowed == "true | false"; }

/// Only a switch may stand alone.
std::string value_of(const po::option& option) {
  return option.value.empty() ? "true" : option.value.front();
}

[[noreturn]] void fail_unknown(const std::string& name, const std::vector<Fields*>& groups) {
  std::vector<std::string> known;
  for (const Fields* fields : groups)
    for (const Field& f : fields->all()) known.push_back(f.name);
  const std::string near = nearest(name, known);
  fail(Fault::option, "unknown option '{}'{}", shortened(name),
       near.empty() ? "" : "; did you mean '" + near + "'?");
}

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

void Options::heading(const std::string& text, bool kept) {
  headings_.push_back({text, kept, fields.all().size()});
}

std::vector<Field> Options::under(size_t heading) const {
  const auto at = [&](size_t h) {
    return h < headings_.size() ? headings_[h].begin : fields.all().size();
  };
  const auto& all = fields.all();
  return {all.begin() + static_cast<std::ptrdiff_t>(at(heading)),
          all.begin() + static_cast<std::ptrdiff_t>(at(heading + 1))};
}

std::string Options::help() const {
  std::string text;
  for (size_t h = 0; h < headings_.size(); ++h) {
    text += "\n" + headings_[h].text + ":\n";
    for (const Field& f : under(h)) {
      const std::string fallback = f.value.empty() ? "" : " (" + f.value + ")";
      const std::string range = is_switch(f) || f.allowed == "text" ? "" : " [" + f.allowed + "]";
      text += fmt::format("  --{:<20} {}\n", f.name, wrapped(f.help + range + fallback, 25, 96));
    }
  }
  return text;
}

std::string Options::ini() const {
  std::string text;
  for (size_t h = 0; h < headings_.size(); ++h) {
    if (!headings_[h].kept) continue;
    text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", headings_[h].text);
    for (const Field& f : under(h)) {
      const bool plain = std::all_of(f.value.begin(), f.value.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != '#' && c != 0x7f;
      });
      if (!plain || (!f.value.empty() && (f.value.front() == ' ' || f.value.back() == ' ')))
        fail(Fault::option,
             "--{}: '{}' cannot be kept in an INI file: expected no '#', no control character and "
             "no "
             "blank at an end",
             f.name, shortened(f.value));
      text += fmt::format("{} = {}\n", f.name, f.value);
    }
  }
  return text;
}

Arguments::Arguments(std::vector<std::string> words) : words_(std::move(words)) {
  std::string config;
  for (const Given& given : from_words({})) {
    if (given.name == "help") help_ = true;
    if (given.name != "config") continue;
    if (!config.empty()) fail(Fault::option, "--config is given twice");
    if (given.value.empty()) fail_option("config", "expected the name of an INI file");
    config = given.value;
  }
  if (!config.empty() && !help_) read_file(config);
}

Arguments Arguments::of_file(const std::string& path) {
  Arguments arguments;
  arguments.read_file(path);
  return arguments;
}

void Arguments::read_file(const std::string& path) {
  path_ = path;
  text_ = gnomon::read_file(path, kLargestFile);
  if (text_.starts_with("\xef\xbb\xbf"))
    text_.erase(0, 3);  // a byte order mark, as some editors write
  if (text_.find('\0') != text_.npos)
    fail(Fault::data, "{}: not an INI file: it holds NUL bytes", path);
}

std::vector<std::string> Arguments::names() const {
  std::vector<std::string> names;
  for (const Given& given : from_words({}))
    if (!given.name.empty()) names.push_back(given.name);
  return names;
}

std::vector<Arguments::Given> Arguments::from_words(const std::vector<Fields*>& groups) const {
  po::options_description known;
  known.add_options()("help,h", "");
  known.add_options()("config", po::value<std::string>());
  std::set<std::string> names;
  for (const Fields* fields : groups)
    for (const Field& f : fields->all()) {
      if (!names.insert(f.name).second) continue;
      auto* value = po::value<std::string>();
      if (is_switch(f)) value->implicit_value("true");
      known.add_options()(f.name.c_str(), value);
    }
  namespace style = po::command_line_style;
  const int no_guessing = style::allow_long | style::long_allow_next | style::long_allow_adjacent |
                          style::allow_short | style::allow_dash_for_short |
                          style::short_allow_next;
  std::vector<Given> given;
  try {
    // Unregistered ones are let through, to be refused with a suggestion by Fields::set.
    const auto parsed = po::command_line_parser(words_)
                            .options(known)
                            .style(no_guessing)
                            .allow_unregistered()
                            .run();
    for (const po::option& option : parsed.options) {
      const std::string value = value_of(option);
      if (option.position_key < 0 && value.starts_with("--"))
        fail(Fault::option, "--{}: a value is missing before '{}'", shortened(option.string_key),
             shortened(value));
      given.push_back({option.position_key < 0 ? option.string_key : "", value});
    }
  } catch (const po::error& error) {
    fail(Fault::option, "command line: {}", error.what());
  }
  return given;
}

std::vector<Arguments::Given> Arguments::from_file() const {
  std::vector<Given> given;
  std::istringstream stream(text_);
  try {
    for (const po::option& option :
         po::parse_config_file(stream, po::options_description(), true).options)
      given.push_back({option.string_key, value_of(option)});
  } catch (const po::error& error) {
    fail(Fault::data, "{}: not an INI file: {}", path_, shortened(error.what()));
  }
  return given;
}

void Arguments::set(const std::vector<Fields*>& groups, bool all) const {
  const auto set_each = [&](const std::vector<Given>& source) {
    std::set<std::string> seen;
    for (const auto& [name, value] : source) {
      std::vector<Fields*> having;
      for (Fields* fields : groups)
        if (fields->find(name)) having.push_back(fields);
      if (!all && having.empty()) continue;
      if (name.empty())
        fail(Fault::option, "unexpected word '{}'; options begin with --", shortened(value));
      if (!seen.insert(name).second) fail(Fault::option, "--{} is given twice", shortened(name));
      if (having.empty()) fail_unknown(name, groups);
      for (Fields* fields : having) fields->set(name, value);
    }
  };
  try {
    set_each(from_file());
  } catch (const Error& error) {
    if (error.fault() != Fault::option) throw;
    fail(Fault::option, "{}: {}", path_, spelled(error));
  }
  std::vector<Given> words;
  for (Given& given : from_words(groups))
    if (given.name != "help" && given.name != "config") words.push_back(std::move(given));
  set_each(words);
}

}  // namespace gnomon
