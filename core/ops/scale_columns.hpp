// scale_columns: every feature by a number of its own, and a sum beside.
//
//   y[b,n,d] = w[d] x[b,n,d] + bias[d]          x [B,N,D], w [D], bias [D] or none  ->  y [B,N,D]
//   A causal_convolution that spans one token: its rule is the rule.
#pragma once

#include "core/ops/causal_convolution.hpp"
#include "core/ops/reshape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree.
inline Var scale_columns(const Var& x, const Var& w, const Var& bias = {}) {
  const size_t D = x.shape().last();
  expect_shape(w.value(), {D}, "scale_columns: w [D]");
  return causal_convolution(x, reshape(w, {1, D}),
                            bias.value().empty() ? Var(Array({D}, real{0})) : bias);
}

}  // namespace gnomon
