#include "tasks/task.hpp"

#include <algorithm>

namespace gnomon {

std::vector<int32_t> Task::read(const std::string& text, const std::string& option) const {
  std::string spaced = text;
  std::replace_if(
      spaced.begin(), spaced.end(), [](char c) { return c == ',' || c == '\n' || c == '\r'; }, ' ');
  std::vector<int32_t> all;
  for (const std::string& word : split(spaced, ' '))
    if (const auto token = spelled(word))
      all.push_back(*token);
    else if (!word.empty())
      all.push_back(
          static_cast<int32_t>(parse_integer(word, 0, vocabulary() - 1, option + ": token")));
  return all;
}

Batch Task::listed_tests(size_t, size_t, size_t) const {
  fail(Fault::misuse, "task: its tests are drawn, not listed");
}

}  // namespace gnomon
