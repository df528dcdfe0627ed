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

std::string typed_text(const std::string& typed) { return typed == "-" ? standard_input() : typed; }

Spelling::Spelling(const Task& task)
    : task_(task), text_(task.in_bits_per_byte()), terminal_(isatty(STDOUT_FILENO)) {}

std::vector<int32_t> Spelling::tokens(const std::string& text, const std::string& option) const {
  return task_.read(text, option);
}

std::string Spelling::text(int32_t token, bool first) const {
  return (text_ || first ? "" : " ") + task_.write(token);
}

std::string Spelling::shown(const std::string& text) const {
  if (!terminal_) return text;
  std::string safe;
  for (const char c : text) {
    const bool control = (c >= 0 && c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    safe += control ? fmt::format("\\x{:02x}", static_cast<int>(c)) : std::string(1, c);
  }
  return safe;
}

Units Spelling::units(int32_t token) const {
  if (!text_) return {static_cast<char32_t>(token)};
  Units all;
  for (const char c : text(token, false)) all += static_cast<unsigned char>(c);
  return all;
}

Units Spelling::units(const std::string& text, const std::string& option) const {
  Units all;
  for (const int32_t token : tokens(text, option)) all += units(token);
  return all;
}

std::string Spelling::text(const Units& units, bool first) const {
  std::string all;
  for (const char32_t unit : units)
    all += text_ ? std::string(1, static_cast<char>(unit))
                 : text(static_cast<int32_t>(unit), first && all.empty());
  return all;
}

}  // namespace gnomon
