// Kernels on one row of n contiguous numbers, on the calling thread. Sums run in a fixed order
// that depends on n only (xsimd::reduce of version 8 reads out of bounds, and its order depends on
// the alignment: it is not used).
#pragma once

#include <cmath>
#include <limits>

#include "core/simd/map.hpp"

namespace gnomon::simd {

/// Sum of the lanes of one register, always in the same order.
inline real lanes_sum(const Pack& v) { return xsimd::hadd(v); }

/// sum_e x_e y_e
inline real dot(const real* x, const real* y, size_t n) {
  Pack a(real{0}), b(real{0});
  size_t e = 0;
  for (; e + 2 * kLanes <= n; e += 2 * kLanes) {
    a += Pack::load_unaligned(x + e) * Pack::load_unaligned(y + e);
    b += Pack::load_unaligned(x + e + kLanes) * Pack::load_unaligned(y + e + kLanes);
  }
  if (e + kLanes <= n) {
    a += Pack::load_unaligned(x + e) * Pack::load_unaligned(y + e);
    e += kLanes;
  }
  real sum = lanes_sum(a + b);
  for (; e < n; ++e) sum += x[e] * y[e];
  return sum;
}

/// sum_e f(x_e, ...), f on registers; lanes beyond the end are not counted.
template <class F, class... X>
real sum_of(size_t n, F&& f, const X*... x) {
  Pack a(real{0});
  size_t e = 0;
  for (; e + kLanes <= n; e += kLanes) a += f(Pack::load_unaligned(x + e)...);
  real sum = lanes_sum(a);
  if (e == n) return sum;
  alignas(64) real rest[kLanes];
  f(load_first(x + e, n - e)...).store_aligned(rest);
  for (size_t r = 0; r < n - e; ++r) sum += rest[r];
  return sum;
}

/// sum_e x_e
inline real sum(const real* x, size_t n) {
  return sum_of(
      n, [](auto v) { return v; }, x);
}

/// max_e x_e; NaN if any element is NaN; -infinity for n = 0.
inline real max(const real* x, size_t n) {
  real best = -std::numeric_limits<real>::infinity();
  size_t e = 0;
  if (n >= kLanes) {
    Pack m = Pack::load_unaligned(x), bad = m - m;
    for (e = kLanes; e + kLanes <= n; e += kLanes) {
      const Pack v = Pack::load_unaligned(x + e);
      m = xsimd::max(m, v);
      bad += v - v;  // 0 where finite, NaN where not
    }
    if (!std::isfinite(lanes_sum(bad))) {  // rare: decide one by one
      e = 0;
    } else {
      alignas(64) real lane[kLanes];
      m.store_aligned(lane);
      for (const real v : lane) best = std::max(best, v);
    }
  }
  for (; e < n; ++e) {
    if (std::isnan(x[e])) return x[e];
    best = std::max(best, x[e]);
  }
  return best;
}

/// y += a x. Rows of a head are short and many: the loop over whole registers is inlined.
inline void add_scaled(real* y, real a, const real* x, size_t n) {
  size_t e = 0;
  for (; e + kLanes <= n; e += kLanes)
    xsimd::fma(Pack(a), Pack::load_unaligned(x + e), Pack::load_unaligned(y + e))
        .store_unaligned(y + e);
  if (e == n) return;
  map_range(
      n - e, y + e, [a](const Pack& v, const Pack& w) { return xsimd::fma(Pack(a), w, v); }, y + e,
      x + e);
}

/// y += x
inline void add_to(real* y, const real* x, size_t n) {
  map_range(
      n, y, [](const Pack& v, const Pack& w) { return v + w; }, y, x);
}

}  // namespace gnomon::simd
