// core/ops/affine.hpp
// affine: the product with a weight, and a bias on every row.
//
//   y[r,o] = sum_i x[r,i] w[o,i] + b[o]          x [...,I], w [O,I], b [O] or none  ->  y [...,O]
//   backward: dx = dy w     dw = dy^T x     db = sum_r dy[r,:]
//
// The three products are in the precision of this thread when the op is recorded (AffinePrecision).
#pragma once

#include "core/gemm.hpp"
#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// `b` may be an empty Var: no bias. Throws Error when the widths disagree.
inline Var affine(const Var& x, const Var& w, const Var& b = {}) {
  const auto [O, I] = dims<2>(w.value(), "affine: w [O,I]");
  expect(x.shape().rank() >= 1 && x.shape().last() == I,
         "affine: x [...,I]: expected I = {} as in w {}, got shape {}", I, w.shape(), x.shape());
  const bool biased = !b.value().empty();
  if (biased) expect_shape(b.value(), {O}, "affine: b [O]");

  const size_t R = x.shape().rows();
  const Precision precision = affine_precision();
  Array y(x.shape().with_last(O));
  if (biased)
    parallel_for(R, 64, [&, O = O](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r) std::copy_n(b.value().data(), O, y.row(r));
    });
  gemm(R, O, I, {x.value().data(), I}, {w.value().data(), I, true}, y.data(), O, biased ? 1 : 0, 1,
       precision);

  return record(
      "affine", y, {x, w, b},
      [x = x.value(), w = w.value(), precision](const Array& dy, Inputs in) {
        const size_t R = x.shape().rows(), I = x.shape().last(), O = w.shape()[0];
        if (in.wants(0)) {
          auto [dx, beta] = in.blend(0);
          gemm(R, I, O, {dy.data(), O}, {w.data(), I}, dx.data(), I, beta, 1, precision);
        }
        if (in.wants(1)) {
          auto [dw, beta] = in.blend(1);
          gemm(O, I, R, {dy.data(), O, true}, {x.data(), I}, dw.data(), I, beta, 1, precision);
        }
        if (in.wants(2)) simd::column_sums(dy.data(), R, O, in.grad(2).data());
      });
}

}  // namespace gnomon
