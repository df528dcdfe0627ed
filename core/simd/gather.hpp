// Kernels on a handful of rows that lie anywhere, on the calling thread: the inner loops of
// everything that points. Sums run in an order that depends on the width only.
#pragma once

#include "core/simd/row.hpp"

namespace gnomon::simd {

/// y[i] = the sum of the lanes of sum[i], in one order whatever i. Of registers of 512 bits the two
/// halves are added first: xsimd::haddp of version 8 puts sums of sixteen floats in wrong places.
template <class P>  // Pack: a template, so that the other branch need not compile
void lanes_sums(const P (&sum)[P::size], real* y) {
  if constexpr (sizeof(P) < 64) {
    xsimd::haddp(sum).store_unaligned(y);
  } else {
    using Half = xsimd::make_sized_batch_t<real, P::size / 2>;
    Half half[2][P::size / 2];
    for (size_t i = 0; i < P::size; ++i) {
      alignas(64) real lane[P::size];
      sum[i].store_aligned(lane);
      half[i / Half::size][i % Half::size] =
          Half::load_aligned(lane) + Half::load_aligned(lane + Half::size);
    }
    for (size_t h = 0; h < 2; ++h) xsimd::haddp(half[h]).store_unaligned(y + h * Half::size);
  }
}

/// How much room `dots` needs for `count` results.
inline size_t dots_room(size_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// y[i] = sum_c x_c rows[i][c] for i < count, c < C. y has room for dots_room(count) numbers, of
/// which those from count on are spoilt. As many rows as a register has lanes are summed side by
/// side, and their sums across the lanes are taken together.
inline void dots(const real* x, const real* const* rows, size_t count, size_t C, real* y) {
  if (C % kLanes != 0) {
    for (size_t i = 0; i < count; ++i) y[i] = dot(x, rows[i], C);
    return;
  }
  for (size_t first = 0; first < count; first += kLanes) {
    const real* row[kLanes];
    for (size_t i = 0; i < kLanes; ++i) row[i] = rows[std::min(first + i, count - 1)];
    Pack sum[kLanes];
    for (size_t i = 0; i < kLanes; ++i) sum[i] = Pack(real{0});
    for (size_t c = 0; c < C; c += kLanes) {
      const Pack of_x = Pack::load_unaligned(x + c);
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; ++i)
        sum[i] = xsimd::fma(of_x, Pack::load_unaligned(row[i] + c), sum[i]);
    }
    lanes_sums(sum, y + first);
  }
}

/// y[c] = beta y[c] + scale sum_{i < count} w[i] row(i)[c] for c < C; beta 0 (y may be
/// uninitialised) or 1. The sums stay in registers, and y is written once.
template <class Row, class Weight>
void weighted_sum(size_t count, size_t C, real* y, real beta, real scale, Row&& row,
                  Weight&& weight) {
  constexpr size_t kPacks = 4;
  const auto store = [&](real* to, const Pack& sum) {
    const Pack scaled = sum * scale;
    (beta == 0 ? scaled : Pack::load_unaligned(to) + scaled).store_unaligned(to);
  };
  size_t c = 0;
  for (; c + kPacks * kLanes <= C; c += kPacks * kLanes) {
    Pack sum[kPacks];
    for (Pack& s : sum) s = Pack(real{0});
    for (size_t i = 0; i < count; ++i) {
      const real* from = row(i) + c;
      const Pack w(weight(i));
#pragma GCC unroll 4
      for (size_t p = 0; p < kPacks; ++p)
        sum[p] = xsimd::fma(w, Pack::load_unaligned(from + p * kLanes), sum[p]);
    }
    for (size_t p = 0; p < kPacks; ++p) store(y + c + p * kLanes, sum[p]);
  }
  for (; c + kLanes <= C; c += kLanes) {
    Pack sum(real{0});
    for (size_t i = 0; i < count; ++i)
      sum = xsimd::fma(Pack(weight(i)), Pack::load_unaligned(row(i) + c), sum);
    store(y + c, sum);
  }
  for (; c < C; ++c) {
    real sum = 0;
    for (size_t i = 0; i < count; ++i) sum += weight(i) * row(i)[c];
    y[c] = (beta == 0 ? real{0} : y[c]) + scale * sum;
  }
}

}  // namespace gnomon::simd
