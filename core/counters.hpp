// What the engine has done so far, counted, not timed: tests assert costs with these numbers.
#pragma once

#include <atomic>
#include <cstdint>

namespace gnomon {

struct Counters {
  std::atomic<uint64_t> matrix_flops{0};      ///< 2 m n k for every matrix product
  std::atomic<uint64_t> rows_read{0};         ///< rows gathered by an index, for each head group
  std::atomic<uint64_t> rows_written{0};      ///< rows that a scatter added into another row
  std::atomic<uint64_t> finite_checks{0};     ///< arrays examined by Tape::check_finite
  std::atomic<uint64_t> parallel_regions{0};  ///< loops shared out over threads
  void reset() { matrix_flops = rows_read = rows_written = finite_checks = parallel_regions = 0; }
};

/// One op adds to these once, not per element: the cost of counting is nothing.
inline Counters counters;

}  // namespace gnomon
