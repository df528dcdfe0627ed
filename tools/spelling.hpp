// tools/spelling.hpp
// Tokens as the user types them: for the task `text` a token is a byte; for the others a number.
#pragma once

#include <string>
#include <vector>

#include "tasks/task.hpp"

namespace gnomon {

class Spelling {
 public:
  explicit Spelling(const Task& task)
      : bytes_(task.in_bits_per_byte()), vocabulary_(task.vocabulary()) {}
  /// Throws Error(Fault::option), naming `option`, for what is no token.
  std::vector<int32_t> tokens(const std::string& text, const std::string& option) const;
  /// Of a token that is the first to be printed, or not.
  std::string text(int32_t token, bool first) const;

 private:
  bool bytes_;
  size_t vocabulary_;
};

}  // namespace gnomon
