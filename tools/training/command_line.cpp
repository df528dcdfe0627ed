#include "tools/training/command_line.hpp"

#include <boost/program_options.hpp>
#include <sstream>

namespace gnomon {

namespace po = boost::program_options;

std::vector<Given> parse_words(const std::vector<std::string>& given) {
  namespace style = po::command_line_style;
  std::vector<std::string> words;
  for (const std::string& word : given)  // "--name=": Boost takes no empty value behind the sign
    if (word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1)
      words.insert(words.end(), {word.substr(0, word.size() - 1), ""});
    else
      words.push_back(word);
  std::vector<po::option> parsed;
  try {
    // What options there are is asked of the Fields later, which can suggest a name: so all are
    // unregistered here, and a value that stands behind one is a word without a name.
    parsed = po::command_line_parser(words)
                 .options({})
                 .style(style::allow_long | style::long_allow_adjacent)
                 .allow_unregistered()
                 .run()
                 .options;
  } catch (const po::error& error) {
    fail(Fault::option, "command line: {}", error.what());
  }
  std::vector<Given> all;
  bool open = false;  // may the next word be the value of the option before it?
  for (const po::option& o : parsed) {
    const bool named = o.position_key < 0;
    if (!named && open)
      all.back().value = o.value.front();
    else if (named || (o.value.front().size() > 1 && o.value.front().front() == '-'))
      all.push_back({named ? o.string_key : o.value.front(), {}});
    else
      all.push_back({"", o.value.front()});
    if (named && !o.value.empty()) all.back().value = o.value.front();
    open = named && o.value.empty();
  }
  return all;
}

std::vector<std::pair<std::string, std::string>> parse_ini(const std::string& text,
                                                           const std::string& path) {
  std::vector<std::pair<std::string, std::string>> all;
  std::istringstream lines(text);
  try {
    for (const po::option& o :
         po::parse_config_file(lines, po::options_description(), true).options)
      if (o.string_key.empty())
        fail(Fault::data, "{}: not an INI file: a value without a name: '{}'", path,
             shortened(o.value.front()));
      else
        all.emplace_back(o.string_key, o.value.front());
  } catch (const po::error& error) {
    fail(Fault::data, "{}: not an INI file: {}", path, shortened(error.what()));
  }
  return all;
}

}  // namespace gnomon
