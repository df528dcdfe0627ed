// Tokens as the user types them: the bytes of a text, or words between blanks (Task::read, write).
#pragma once

#include <string>
#include <vector>

#include "tasks/task.hpp"
#include "tools/training/stops.hpp"

namespace gnomon {

/// What the user typed; of "-": what the standard input holds. Throws Error(Fault::data).
std::string typed_text(const std::string& typed);

class Spelling {
 public:
  /// The task must outlive it.
  explicit Spelling(const Task& task);
  /// Throws Error(Fault::option), naming `option`, for what is no token.
  std::vector<int32_t> tokens(const std::string& text, const std::string& option) const;
  /// What a token adds to a text, as its first or not.
  std::string text(int32_t token, bool first) const;
  /// As it may be printed: a byte that could upset a terminal is spelled out there ("\x1b"), and
  /// passes through unchanged elsewhere.
  std::string shown(const std::string& text) const;

  /// What stops are compared by: the bytes that a token adds, or the token itself.
  Units units(int32_t token) const;
  /// Of a text that the user typed. Throws as tokens().
  Units units(const std::string& text, const std::string& option) const;
  /// What they add to a text, as its beginning or not.
  std::string text(const Units& units, bool first) const;

 private:
  const Task& task_;
  bool text_, terminal_;
};

}  // namespace gnomon
