// Elementwise loops: y_e = f(x_e, ...), written once for a SIMD register of elements.
#pragma once

#include <xsimd/xsimd.hpp>

#include "core/array.hpp"
#include "core/parallel.hpp"

namespace gnomon::simd {

using Pack = xsimd::batch<real>;  // as many elements as one register holds
constexpr size_t kLanes = Pack::size;
constexpr size_t kElementGrain = 16384;  // elements in one piece of work

/// Rows of n numbers in one piece of work, where each number costs more than one that is mapped.
constexpr size_t row_grain(size_t n) {
  return std::max<size_t>(1, kElementGrain / 2 / std::max<size_t>(1, n));
}

/// The first `count` numbers, fewer than a register has, and zeros behind them.
inline Pack load_first(const real* from, size_t count) {
  alignas(64) real rest[kLanes] = {};
  std::copy_n(from, count, rest);
  return Pack::load_aligned(rest);
}

/// y[0..n) = f(x[0..n)...), on the calling thread. The ragged end goes through the same register
/// code, so an element's bits do not depend on where in the array it stands.
template <class F, class... X>
void map_range(size_t n, real* y, F&& f, const X*... x) {
  size_t e = 0;
  for (; e + kLanes <= n; e += kLanes) f(Pack::load_unaligned(x + e)...).store_unaligned(y + e);
  if (e == n) return;
  alignas(64) real rest[kLanes];
  f(load_first(x + e, n - e)...).store_aligned(rest);
  std::copy_n(rest, n - e, y + e);
}

/// y[0..n) = beta y + f(x...), beta 0 (y may be uninitialised) or 1: how a rule adds to a gradient.
template <class F, class... X>
void blend_range(size_t n, real* y, real beta, F&& f, const X*... x) {
  if (beta == 0)
    map_range(n, y, f, x...);
  else
    map_range(
        n, y, [&](const Pack& old, const auto&... v) { return old + f(v...); }, y, x...);
}

/// y = f(x...) over whole arrays of equal size, in parallel. y may be one of the x. Throws Error
/// when the sizes differ.
template <class F, class... X>
void map(Array& y, F&& f, const X&... x) {
  (expect(x.size() == y.size(), "map: expected an argument of {} elements, got shape {}", y.size(),
          x.shape()),
   ...);
  parallel_for(y.size(), kElementGrain, [&](size_t begin, size_t end) {
    map_range(end - begin, y.data() + begin, f, (x.data() + begin)...);
  });
}

/// y = beta y + f(x...) over whole arrays of equal size, in parallel.
template <class F, class... X>
void blend(Array& y, real beta, F&& f, const X&... x) {
  parallel_for(y.size(), kElementGrain, [&](size_t begin, size_t end) {
    blend_range(end - begin, y.data() + begin, beta, f, (x.data() + begin)...);
  });
}

/// A fresh array f(x, ...) of the shape of x.
template <class F, class... X>
Array mapped(F&& f, const Array& x, const X&... more) {
  Array y(x.shape());
  map(y, f, x, more...);
  return y;
}

}  // namespace gnomon::simd
