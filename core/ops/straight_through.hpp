// straight_through: decides, and lets the gradient pass as if nothing had been decided.
//
//   y[r,:] = one-hot of chosen[r], zeros where it is -1      p [...,K], chosen [...]  ->  y [...,K]
//   backward: dp = dy, that of the identity: a declared surrogate, not the derivative (which is 0).
//   Bengio, Leonard, Courville, "Estimating or propagating gradients through stochastic neurons"
//   (2013), section 4.
#pragma once

#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when there is not one choice for each row, in [-1,K).
inline Var straight_through(const Var& p, const Index& chosen) {
  expect(chosen.size() == p.shape().rows(),
         "straight_through: chosen [...]: expected one for each row of p {}, got shape {}",
         p.shape(), chosen.shape());
  expect_below(chosen, p.shape().last(), "straight_through: chosen [...]", -1);
  Array y = zeros(p.shape());
  for (size_t r = 0; r < chosen.size(); ++r)
    if (const int32_t k = chosen.data()[r]; k >= 0) y.row(r)[k] = 1;
  return record("straight_through", y, {p}, [](const Array& dy, Inputs in) { in.add(0, dy); });
}

}  // namespace gnomon
