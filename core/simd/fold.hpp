// Sums of rows that lie one after the other, on the calling thread: what a matrix memory is read
// with, x^T w, for blocks that stay in the first cache.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {
namespace detail {

template <size_t kPacks>
inline void fold_packs(size_t C, size_t width, const real* x, const real* w, real* y) {
  Pack sum[4][kPacks];
  for (auto& row : sum)
    for (Pack& s : row) s = Pack(real{0});
  const auto add = [&](size_t c, Pack* to) {
    const Pack factor(w[c]);
#pragma GCC unroll 4
    for (size_t p = 0; p < kPacks; ++p)
      to[p] = xsimd::fma(factor, Pack::load_aligned(x + c * width + p * kLanes), to[p]);
  };
  size_t c = 0;
  for (; c + 4 <= C; c += 4)
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; ++r) add(c + r, sum[r]);
  for (; c < C; ++c) add(c, sum[0]);
  for (size_t p = 0; p < kPacks; ++p)
    ((sum[0][p] + sum[1][p]) + (sum[2][p] + sum[3][p])).store_aligned(y + p * kLanes);
}

}  // namespace detail

/// How many numbers a row of n takes in whole registers.
constexpr size_t padded(size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// y[e] = sum_c w[c] x[c,e] for e < width
/// x [C,width] and y are aligned, width is a multiple of kLanes. Four sums side by side, in an
/// order that depends on C only.
inline void fold_rows(size_t C, size_t width, const real* x, const real* w, real* y) {
  size_t e = 0;
  for (; e + 2 * kLanes <= width; e += 2 * kLanes) detail::fold_packs<2>(C, width, x + e, w, y + e);
  if (e < width) detail::fold_packs<1>(C, width, x + e, w, y + e);
}

}  // namespace gnomon::simd
