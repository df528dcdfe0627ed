#include "tools/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "core/base/file.hpp"

namespace gnomon {
namespace {

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) && kind && std::string_view(kind) != "dumb";
}

bool wants_colour() {
  const char* no = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  return !no || !*no;
}

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::string what, size_t done, size_t total, bool quiet)
    : what_(std::move(what)),
      first_(done),
      total_(total),
      line_at_(done),
      quiet_(quiet),
      terminal_(is_terminal()),
      colour_(wants_colour()) {}

Progress::~Progress() {
  if (drawn_) write_all(STDERR_FILENO, "\n");
}

void Progress::show(size_t done, const std::string& details) {
  if (quiet_) return;
  const double now = watch_.seconds();
  const bool last = done == total_;
  const bool due = terminal_ ? !drawn_ || now - shown_at_ >= 0.1
                             : now - shown_at_ >= 10 || 10 * (done - line_at_) >= total_;
  if (!last && !due) return;
  shown_at_ = now;
  line_at_ = done;
  const auto step = now / static_cast<double>(std::max<size_t>(done - first_, 1));
  const double rest = step * static_cast<double>(total_ - done);
  const std::string left = done == first_ ? "" : "ETA " + clock_text(rest);
  const std::string text =
      fmt::format("{} {}/{}  {}  {}", what_, done, total_, details, last ? clock_text(now) : left);
  if (terminal_)
    draw(text, done), drawn_ = true;
  else
    write_all(STDERR_FILENO, text + "\n");
}

void Progress::draw(const std::string& text, size_t done) const {
  const size_t columns = terminal_width() - 1;
  std::string bar;
  if (text.size() + 13 <= columns) {
    const size_t cells = std::min<size_t>(columns - text.size() - 3, 30);
    const size_t full = total_ ? cells * done / total_ : cells;
    bar = std::string(full, '=') + std::string(cells - full, ' ');
    bar = colour_ ? "[\x1b[36m" + bar + "\x1b[0m] " : "[" + bar + "] ";
  }
  write_all(STDERR_FILENO, "\r\x1b[K" + bar + text.substr(0, columns));
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string short_number(double number) {
  if (number < 999.5) return fmt::format("{:.0f}", number);
  return number < 999'500 ? fmt::format("{:.1f}k", number / 1e3)
                          : fmt::format("{:.1f}M", number / 1e6);
}

}  // namespace gnomon
