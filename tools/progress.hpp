// How far a long job is, on the standard error: a bar redrawn in place on a terminal, plain lines
// otherwise.
#pragma once

#include <string>

#include "tools/training/stopwatch.hpp"

namespace gnomon {

class Progress {
 public:
  /// Counts `total` of `what` ("step"), of which `done` are finished at the start (a resumed run).
  /// Writes nothing when quiet.
  Progress(std::string what, size_t done, size_t total, bool quiet);
  ~Progress();  ///< ends the line of the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows "step 340/1000  details  ETA 1:02", at most ten times a second on a terminal; otherwise
  /// a line every ten seconds or ten per cent, and at the end.
  void show(size_t done, const std::string& details);

 private:
  void draw(const std::string& text, size_t done) const;

  std::string what_;
  size_t first_, total_, line_at_;
  bool quiet_, terminal_, colour_, drawn_ = false;
  Stopwatch watch_;
  double shown_at_ = 0;
};

/// 62 -> "1:02", 3723 -> "1:02:03".
std::string clock_text(double seconds);
/// 12345 -> "12.3k".
std::string short_number(double number);

}  // namespace gnomon
