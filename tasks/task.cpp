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

std::string Task::symbol(int32_t token) const {
  const std::string word = spell(token);
  if (word.empty() || word.find_first_not_of("0123456789") != word.npos) return word;
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string letters;  // as the columns of a spreadsheet are named
  for (size_t rest = parse_integer(word, 0, 1 << 30, "symbol") + 1; rest > 0;
       rest = (rest - 1) / kLetters.size())
    letters.insert(letters.begin(), kLetters[(rest - 1) % kLetters.size()]);
  return letters;
}

Batch Task::listed_tests(size_t, size_t, size_t) const {
  fail(Fault::misuse, "task: its tests are drawn, not listed");
}

}  // namespace gnomon
