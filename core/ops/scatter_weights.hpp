// scatter_weights: weights of K candidates, written out as a distribution over all positions.
//
//   y[b,n,j] = sum of w[b,n,k] over the k with to[b,n,k] = j
//   w [B,N,K], to [B,N,K] in [-1,N), -1: nowhere   ->   y [B,N,N]
//   backward: dw[b,n,k] = dy[b,n,to[b,n,k]], 0 where to is -1
//   N x N by nature: for short sequences in training only.
#pragma once

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree or an entry of `to` is outside [-1,N).
inline Var scatter_weights(const Var& w, const Index& to) {
  const auto [B, N, K] = dims<3>(w.value(), "scatter_weights: w [B,N,K]");
  expect_shape(to, w.shape(), "scatter_weights: to [B,N,K]");
  expect_below(to, N, "scatter_weights: to [B,N,K]", -1);
  Array y({B, N, N}, 0);
  parallel_for(B * N, 64, [&, K = K](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row)
      for (size_t k = 0; k < K; ++k)
        if (const int32_t j = to.row(row)[k]; j >= 0) y.row(row)[j] += w.value().row(row)[k];
  });
  return record("scatter_weights", y, {w}, [to](const Array& dy, Inputs in) {
    Array& dw = in.grad(0);
    parallel_for(to.shape().rows(), 64, [&, K = to.shape().last()](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row)
        for (size_t k = 0; k < K; ++k)
          if (const int32_t j = to.row(row)[k]; j >= 0) dw.row(row)[k] += dy.row(row)[j];
    });
  });
}

}  // namespace gnomon
