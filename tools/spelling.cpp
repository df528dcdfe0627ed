#include "tools/spelling.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/fields.hpp"

namespace gnomon {
namespace {

std::string standard_input() {
  std::string all;
  char block[1 << 16];
  for (;;) {
    const ssize_t n = read(STDIN_FILENO, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(Fault::data, "the standard input cannot be read: {}", std::strerror(errno));
    if (n == 0) return all;
    all.append(block, static_cast<size_t>(n));
  }
}

}  // namespace

Spelling::Spelling(const Task& task)
    : bytes_(task.in_bits_per_byte()),
      terminal_(isatty(STDOUT_FILENO)),
      vocabulary_(task.vocabulary()) {}

std::vector<int32_t> Spelling::tokens(const std::string& typed, const std::string& option) const {
  const std::string text = typed == "-" ? standard_input() : typed;
  std::vector<int32_t> all;
  if (bytes_) {
    all.resize(text.size());
    std::transform(text.begin(), text.end(), all.begin(),
                   [](char c) { return static_cast<unsigned char>(c); });
    return all;
  }
  std::string spaced = text;
  std::replace_if(
      spaced.begin(), spaced.end(), [](char c) { return c == ',' || c == '\n' || c == '\r'; }, ' ');
  for (const std::string& number : split(spaced, ' '))
    if (!number.empty())
      all.push_back(
          static_cast<int32_t>(parse_integer(number, 0, vocabulary_ - 1, option + ": token")));
  return all;
}

std::string Spelling::text(int32_t token, bool first) const {
  const bool control = (token < 0x20 && token != '\n' && token != '\t') || token == 0x7f;
  if (bytes_ && terminal_ && control) return fmt::format("\\x{:02x}", token);
  if (bytes_) return {static_cast<char>(token)};
  return fmt::format("{}{}", first ? "" : " ", token);
}

}  // namespace gnomon
