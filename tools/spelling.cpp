#include "tools/spelling.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.hpp"

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
    : task_(task), text_(task.in_bits_per_byte()), terminal_(isatty(STDOUT_FILENO)) {}

std::vector<int32_t> Spelling::tokens(const std::string& typed, const std::string& option) const {
  return task_.read(typed == "-" ? standard_input() : typed, option);
}

std::string Spelling::text(int32_t token, bool first) const {
  if (!text_) return (first ? "" : " ") + task_.write(token);
  if (!terminal_) return task_.write(token);
  std::string safe;
  for (const char c : task_.write(token)) {
    const bool control = (c >= 0 && c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    safe += control ? fmt::format("\\x{:02x}", c) : std::string(1, c);
  }
  return safe;
}

}  // namespace gnomon
