// scale_rows: every row by a number of its own.
//
//   y[...,k] = w[...] x[...,k]          x [...,K], w [...]  ->  y [...,K]
//   backward: dx[...,k] = w[...] dy[...,k],   dw[...] = sum_k x[...,k] dy[...,k]
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error unless w has one number for each row of x.
inline Var scale_rows(const Var& x, const Var& w) {
  const size_t K = x.shape().last(), R = x.shape().rows();
  expect(x.shape().rank() >= 1 &&
             w.shape() == Shape(std::vector<size_t>(x.shape().begin(), x.shape().end() - 1)),
         "scale_rows: w [...]: expected one number for each row of x {}, got {}", x.shape(),
         w.shape());
  Array y(x.shape());
  parallel_for(R, simd::row_grain(K), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      simd::map_range(
          K, y.row(r), [s = simd::Pack(w.value().data()[r])](auto v) { return s * v; },
          x.value().row(r));
  });
  return record(
      "scale_rows", y, {x, w}, [x = x.value(), w = w.value(), K, R](const Array& dy, Inputs in) {
        if (in.wants(0)) {
          auto [dx, beta] = in.blend(0);
          parallel_for(R, simd::row_grain(K), [&, &dx = dx, beta = beta](size_t begin, size_t end) {
            for (size_t r = begin; r < end; ++r)
              simd::blend_range(
                  K, dx.row(r), beta, [s = simd::Pack(w.data()[r])](auto g) { return s * g; },
                  dy.row(r));
          });
        }
        if (in.wants(1)) {
          Array& dw = in.grad(1);
          parallel_for(R, simd::row_grain(K), [&](size_t begin, size_t end) {
            for (size_t r = begin; r < end; ++r) dw.data()[r] += simd::dot(x.row(r), dy.row(r), K);
          });
        }
      });
}

}  // namespace gnomon
