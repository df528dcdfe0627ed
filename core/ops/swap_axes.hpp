// core/ops/swap_axes.hpp
// swap_axes: exchanges two axes, copying.
//
//   y[..,j,..,i,..] = x[..,i,..,j,..]      backward: dx = dy with the same axes exchanged
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

/// x [outer,I,between,J,inner]  ->  [outer,J,between,I,inner]
inline Array swapped(const Array& x, size_t first, size_t second) {
  if (first > second) std::swap(first, second);
  Shape shape = x.shape();
  size_t outer = 1, between = 1, inner = 1;
  for (size_t a = 0; a < shape.rank(); ++a)
    (a < first ? outer : a < second ? between : inner) *= a == first || a == second ? 1 : shape[a];
  const size_t I = shape[first], J = shape[second];
  std::swap(shape[first], shape[second]);

  Array y(shape);
  const size_t grain = std::max<size_t>(1, simd::kElementGrain / std::max<size_t>(1, I * inner));
  parallel_for(outer * J * between, grain, [&](size_t begin, size_t end) {
    for (size_t line = begin; line < end; ++line) {
      const size_t m = line % between, j = line / between % J, o = line / between / J;
      const real* from = x.data() + ((o * I * between + m) * J + j) * inner;
      real* to = y.data() + line * I * inner;
      for (size_t i = 0; i < I; ++i)
        std::copy_n(from + i * between * J * inner, inner, to + i * inner);
    }
  });
  return y;
}

}  // namespace detail

/// Throws Error when x has no such axes.
inline Var swap_axes(const Var& x, size_t i, size_t j) {
  const size_t rank = x.shape().rank();
  expect(i < rank && j < rank, "swap_axes: i, j: expected axes of shape {}, got {} and {}",
         x.shape(), i, j);
  if (i == j) return x;
  return record("swap_axes", detail::swapped(x.value(), i, j), {x},
                [i, j](const Array& dy, Inputs in) { in.add(0, detail::swapped(dy, i, j)); });
}

}  // namespace gnomon
