// shift_square: moves what stands at (n, j) of a causal square to (n + rows, j + columns).
//
//   y[...,n,j] = x[..., n - rows, j - columns] where j <= n and both places exist, else 0
//   x [...,N,N]  ->  y [...,N,N]      backward: dx[...,n,j] = dy[..., n + rows, j + columns]
//   With x the pointers of all tokens as distributions: those of the tokens `rows` to the left,
//   each read `columns` further on.
#pragma once

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error unless the last two extents of x are equal.
inline Var shift_square(const Var& x, size_t rows, size_t columns) {
  const size_t rank = x.shape().rank();
  expect(rank >= 2 && x.shape()[rank - 2] == x.shape().last(),
         "shift_square: x [...,N,N]: expected two equal last axes, got {}", x.shape());
  const size_t N = x.shape().last(), R = x.shape().rows();
  // Calls visit(row of x, row of y, how many numbers from the row's beginning) for rows that exist.
  const auto for_each = [=](auto&& visit) {
    parallel_for(R, 64, [&](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r)
        if (const size_t n = r % N; n >= rows && n >= columns)
          visit(r - rows, r, std::min(n + 1, N) - columns);
    });
  };
  Array y(x.shape(), 0);
  for_each([&](size_t from, size_t to, size_t count) {
    std::copy_n(x.value().row(from), count, y.row(to) + columns);
  });
  return record("shift_square", y, {x}, [for_each, columns](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    for_each([&](size_t to, size_t from, size_t count) {
      for (size_t j = 0; j < count; ++j) dx.row(to)[j] += dy.row(from)[columns + j];
    });
  });
}

}  // namespace gnomon
