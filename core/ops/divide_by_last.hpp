// divide_by_last: the first numbers of every row by its last: sums by the sum of their weights.
//
//   y[r,p] = x[r,p] / z      z = x[r,P] + eps          x [...,P+1]  ->  y [...,P]
//   backward: dx[r,p] = dy[r,p] / z      dx[r,P] = -sum_p dy[r,p] y[r,p] / z
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error unless a row has at least two numbers.
inline Var divide_by_last(const Var& x, real eps) {
  expect(x.shape().rank() >= 1 && x.shape().last() >= 2,
         "divide_by_last: x [...,P+1]: expected rows of at least two numbers, got shape {}",
         x.shape());
  const size_t P = x.shape().last() - 1, R = x.shape().rows();
  Array y(x.shape().with_last(P)), inverses({R});
  parallel_for(R, simd::row_grain(P), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* from = x.value().row(r);
      const real inverse = inverses.data()[r] = 1 / (from[P] + eps);
      simd::map_range(
          P, y.row(r), [inverse](auto v) { return v * inverse; }, from);
    }
  });
  return record("divide_by_last", y, {x}, [y, inverses, P, R](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    parallel_for(R, simd::row_grain(P), [&, &dx = dx, beta = beta](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r) {
        const real inverse = inverses.data()[r];
        real* const to = dx.row(r);
        simd::blend_range(
            P, to, beta, [inverse](auto g) { return g * inverse; }, dy.row(r));
        to[P] = (beta == 0 ? real{0} : to[P]) - inverse * simd::dot(dy.row(r), y.row(r), P);
      }
    });
  });
}

}  // namespace gnomon
