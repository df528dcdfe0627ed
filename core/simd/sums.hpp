// Sums over many rows, in parallel and with the same bits on any number of threads: fixed pieces
// each sum what they own, then the partial sums are added in order.
#pragma once

#include "core/simd/row.hpp"

namespace gnomon::simd {

/// sum[0..n) += the rows r of [0, R): work(begin, end, partial) adds the rows [begin, end) to
/// partial[0..n), zero at first. At most 64 pieces of at least 32 rows, so that the partial sums
/// stay small beside the rows.
template <class Work>
void sum_rows(size_t R, size_t n, real* sum, Work&& work) {
  const size_t grain = std::max<size_t>(32, (R + 63) / 64), pieces = (R + grain - 1) / grain;
  Array partial({pieces, n});
  parallel_for(R, grain, [&](size_t begin, size_t end) {
    real* own = partial.row(begin / grain);
    std::fill_n(own, n, real{0});
    work(begin, end, own);
  });
  parallel_for(n, 2048, [&](size_t begin, size_t end) {
    for (size_t p = 0; p < pieces; ++p) add_to(sum + begin, partial.row(p) + begin, end - begin);
  });
}

/// sum[0..n) += sum_r x[r,:]      x [R,n]
inline void column_sums(const real* x, size_t R, size_t n, real* sum) {
  sum_rows(R, n, sum, [&](size_t begin, size_t end, real* own) {
    size_t r = begin;
    for (; r + 4 <= end; r += 4) {  // four rows for one load and store of the partial sums
      const real* row = x + r * n;
      map_range(
          n, own, [](auto s, auto a, auto b, auto c, auto d) { return s + ((a + b) + (c + d)); },
          own, row, row + n, row + 2 * n, row + 3 * n);
    }
    for (; r < end; ++r) add_to(own, x + r * n, n);
  });
}

}  // namespace gnomon::simd
