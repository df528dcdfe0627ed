// What a browser does not have: a command line, and a cryptographic library.
#include "tools/training/command_line.hpp"
#include "tools/training/digest.hpp"

namespace gnomon {

std::vector<Given> parse_words(const std::vector<std::string>& words) {
  expect(words.empty(), "lab: expected no command line");
  return {};
}

std::vector<std::pair<std::string, std::string>> parse_ini(const std::string& text,
                                                           const std::string& path) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& whole : split(text, '\n')) {
    const std::string line(trimmed(whole.substr(0, whole.find('#'))));
    if (line.empty()) continue;
    const size_t sign = line.find('=');
    if (sign == line.npos)
      fail(Fault::data, "{}: not an INI file: expected name = value, got '{}'", path,
           shortened(line));
    all.emplace_back(trimmed(line.substr(0, sign)), trimmed(line.substr(sign + 1)));
  }
  return all;
}

std::string sha256(std::string_view) {
  fail(Fault::option, "--pieces: not known in a browser: expected a text read in bytes");
}

}  // namespace gnomon
