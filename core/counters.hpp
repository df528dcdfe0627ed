// core/counters.hpp
// What the engine has done so far, counted, not timed: tests assert costs with these numbers.
#pragma once

#include <atomic>
#include <cstdint>

namespace gnomon {

struct Counters {
  std::atomic<uint64_t> matrix_flops{0};  ///< 2 m n k for every matrix product
  std::atomic<uint64_t> rows_read{
      0};  ///< rows gathered by an index (one per candidate and head group)
  std::atomic<uint64_t> rows_written{0};   ///< rows that a scatter added into another row
  std::atomic<uint64_t> finite_checks{0};  ///< values and gradients examined by Tape::check_finite
  void reset() { matrix_flops = rows_read = rows_written = finite_checks = 0; }
};

/// One op adds to these once, not per element: the cost of counting is nothing.
inline Counters counters;

}  // namespace gnomon
