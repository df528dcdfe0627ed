// nn/mixers/rows.hpp
// Rows of equal width, one more for every token: the keys and values that a step remembers.
#pragma once

#include "core/array.hpp"

namespace gnomon {

/// Appending costs O(width), spread over the calls: no call copies all rows each time.
class Rows {
 public:
  explicit Rows(size_t width) : width_(width) {}
  void append(const real* row) { numbers_.insert(numbers_.end(), row, row + width_); }
  /// Row n; valid until the next append.
  const real* operator[](size_t n) const { return numbers_.data() + n * width_; }
  size_t size() const { return numbers_.size() / width_; }

 private:
  size_t width_;
  std::vector<real> numbers_;
};

}  // namespace gnomon
