// core/parallel.hpp
// A parallel loop whose pieces depend on the problem only, never on the number of threads: whatever
// is computed inside one piece has the same bits on one thread or on many.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace gnomon {

/// How many threads the engine uses (default: as many as the machine offers).
void set_threads(int threads);
int threads();

/// Denormal numbers count as zero on this thread (where the processor has SSE): they slow
/// arithmetic down a hundredfold, and softmax at a small temperature is full of them.
inline void flush_denormals() {
#if defined(__SSE__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // flush-to-zero and denormals-are-zero
#endif
}

/// Libraries that use OpenMP themselves plan for omp_get_max_threads(): on this thread that is one,
/// until the end of the scope.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

/// Calls work(begin, end) for the ranges [0,grain), [grain,2 grain), ... of [0,n), in parallel.
/// Two calls never overlap, so work may write to what its range owns. The first exception (by
/// position) is thrown again here; the pieces after it may have run or not. A grain of 0 counts as
/// 1. Inside another parallel_for the pieces run one after the other on the calling thread.
template <class Work>
void parallel_for(size_t n, size_t grain, Work&& work) {
  if (n == 0) return;
  grain = std::max<size_t>(grain, 1);
  const size_t pieces = (n - 1) / grain + 1;
  auto piece = [&](size_t p) { work(p * grain, p * grain + std::min(grain, n - p * grain)); };
  if (pieces == 1 || omp_in_parallel() || threads() == 1) {
    flush_denormals();
    for (size_t p = 0; p < pieces; ++p) piece(p);
    return;
  }
  std::exception_ptr error;
  size_t error_at = std::numeric_limits<size_t>::max();
  std::mutex guard;
#pragma omp parallel num_threads(threads())
  {
    flush_denormals();
#pragma omp for schedule(static)
    for (size_t p = 0; p < pieces; ++p) {
      try {
        piece(p);
      } catch (...) {
        const std::lock_guard lock(guard);
        if (p < error_at) error_at = p, error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace gnomon
