#include "tools/spelling.hpp"

#include <algorithm>

#include "core/base/fields.hpp"

namespace gnomon {

std::vector<int32_t> Spelling::tokens(const std::string& text, const std::string& option) const {
  std::vector<int32_t> all;
  if (bytes_) {
    all.resize(text.size());
    std::transform(text.begin(), text.end(), all.begin(),
                   [](char c) { return static_cast<unsigned char>(c); });
    return all;
  }
  std::string spaced = text;
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  for (const std::string& number : split(spaced, ' '))
    if (!number.empty())
      all.push_back(
          static_cast<int32_t>(parse_integer(number, 0, vocabulary_ - 1, option + ": token")));
  return all;
}

std::string Spelling::text(int32_t token, bool first) const {
  if (bytes_) return {static_cast<char>(token)};
  return fmt::format("{}{}", first ? "" : " ", token);
}

}  // namespace gnomon
