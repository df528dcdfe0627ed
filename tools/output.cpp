#include "tools/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include "tools/commands.hpp"
#include "tools/training/machines.hpp"

namespace gnomon {

void print(const std::string& text) {
  if (!Machines::is_first() || write_all(STDOUT_FILENO, text)) return;
  if (errno == EPIPE) throw Ended(Exit::unread, "");
  fail(Fault::io, "the standard output cannot be written: {}", std::strerror(errno));
}

void hand_out(const std::string& table, const std::vector<Result>& results) {
  std::exception_ptr first;
  const auto attempt = [&](const auto& act) {
    try {
      act();
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  };
  if (std::none_of(results.begin(), results.end(),
                   [](const Result& r) { return r.file.is_standard_output(); }))
    attempt([&] { print(table); });
  for (const Result& result : results)
    if (result.file.wanted())
      attempt([&] {
        const std::string text = result.text();
        result.file.is_standard_output() ? print(text) : result.file.write(text);
      });
  if (first) std::rethrow_exception(first);
}

void complain(const std::string& sentence) {
  if (!Machines::is_first()) return;
  constexpr size_t kLongest = 1500;
  std::string line = "gnomon: ";
  for (const char c : sentence.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      line += fmt::format("\\x{:02x}", byte);
    else
      line += c;
  }
  if (sentence.size() > kLongest) line += " ...";
  write_all(STDERR_FILENO, line + "\n");  // nobody is left to be told when this fails
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c)
      text += c == 0 ? fmt::format("{:<{}}", row[c], widths[c])
                     : fmt::format("  {:>{}}", row[c], widths[c]);
    text += "\n";
  }
  return text;
}

std::string listed(const std::vector<std::pair<std::string, std::string>>& lines) {
  size_t width = 0;
  for (const auto& [name, meaning] : lines) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, meaning] : lines)
    text += fmt::format("{:<{}}  {}\n", name, width, meaning);
  return text;
}

}  // namespace gnomon
