// A parallel loop whose pieces depend on the problem only, never on the number of threads: whatever
// is computed inside one piece has the same bits on one thread or on many.
//
// A training step has hundreds of loops of some microseconds, and waking a thread takes longer than
// that. So there is a thread pool of our own: its threads spin for a moment before they sleep, and
// take each other's pieces when they have finished their own, so that nobody waits for a late one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#if defined(__SSE__) && !defined(__EMSCRIPTEN__)
#define GNOMON_FLUSHES
#include <xmmintrin.h>
#endif

namespace gnomon {

/// How many threads the engine uses (default: as many as the machine offers).
void set_threads(int threads);
int threads();

/// Denormal numbers count as zero on this thread (on x86; a browser has no such switch): they slow
/// arithmetic down a hundredfold, and softmax at a small temperature is full of them.
inline void flush_denormals() {
#ifdef GNOMON_FLUSHES
  _mm_setcsr(_mm_getcsr() | 0x8040);  // flush-to-zero and denormals-are-zero
#endif
}

namespace detail {
/// piece(p) for p in [0, pieces), on as many threads as there are; in order on the calling thread
/// inside another call, or where other threads have the helpers at work.
void share_out(size_t pieces, const std::function<void(size_t)>& piece);
}  // namespace detail

/// Calls work(begin, end) for the ranges [0,grain), [grain,2 grain), ... of [0,n), in parallel.
/// Two calls never overlap, so work may write to what its range owns. The first exception (by
/// position) is thrown again here; the pieces after it may have run or not. A grain of 0 counts as
/// 1. Inside another parallel_for the pieces run one after the other on the calling thread.
template <class Work>
void parallel_for(size_t n, size_t grain, Work&& work) {
  if (n == 0) return;
  grain = std::max<size_t>(grain, 1);
  const auto piece = [&](size_t p) { work(p * grain, p * grain + std::min(grain, n - p * grain)); };
  detail::share_out((n - 1) / grain + 1, std::ref(piece));
}

/// The ranges [0,grain), [grain,2 grain), ... of [0,n).
struct Loop {
  size_t n, grain;
};

/// Several loops as one, which is fewer times to wait for each other: work(i, begin, end) for the
/// ranges of loops[i].
template <class Work>
void parallel_for(const std::vector<Loop>& loops, Work&& work) {
  struct Piece {
    size_t i, begin, end;
  };
  std::vector<Piece> pieces;
  for (size_t i = 0; i < loops.size(); ++i) {
    const size_t grain = std::max<size_t>(loops[i].grain, 1), n = loops[i].n;
    for (size_t begin = 0; begin < n; begin += std::min(grain, n - begin))
      pieces.push_back({i, begin, begin + std::min(grain, n - begin)});
  }
  parallel_for(pieces.size(), 1,
               [&](size_t p, size_t) { work(pieces[p].i, pieces[p].begin, pieces[p].end); });
}

}  // namespace gnomon
