// Tokens as the user types them: the bytes of a text, or words between blanks (Task::read, write).
#pragma once

#include <string>
#include <vector>

#include "tasks/task.hpp"

namespace gnomon {

class Spelling {
 public:
  /// The task must outlive it.
  explicit Spelling(const Task& task);
  /// Of the text "-": what the standard input holds. Throws Error(Fault::option), naming `option`,
  /// for what is no token.
  std::vector<int32_t> tokens(const std::string& text, const std::string& option) const;
  /// Of a token that is the first to be printed, or not. A byte that could upset a terminal is
  /// spelled out there ("\x1b"), and passes through unchanged elsewhere.
  std::string text(int32_t token, bool first) const;

 private:
  const Task& task_;
  bool text_, terminal_;
};

}  // namespace gnomon
