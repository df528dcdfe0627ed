// sum_last: y[...] = sum_k x[...,k]      x [...,K]  ->  y [...]      backward: dx[...,k] = dy[...]
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when x has no axis.
inline Var sum_last(const Var& x) {
  expect(x.shape().rank() >= 1, "sum_last: x [...,K]: expected at least one axis, got shape []");
  const size_t K = x.shape().last();
  Array y(Shape(std::vector<size_t>(x.shape().begin(), x.shape().end() - 1)));
  parallel_for(y.size(), 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) y.data()[r] = simd::sum(x.value().row(r), K);
  });
  return record("sum_last", y, {x}, [K](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    parallel_for(dy.size(), 64, [&, &dx = dx, beta = beta](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r)
        simd::blend_range(K, dx.row(r), beta, [g = simd::Pack(dy.data()[r])] { return g; });
    });
  });
}

}  // namespace gnomon
