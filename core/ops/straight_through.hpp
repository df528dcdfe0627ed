// core/ops/straight_through.hpp
// straight_through: decides, and lets the gradient pass as if nothing had been decided.
//
//   y[r,:] = one-hot of argmax_k p[r,k]      p [...,K]  ->  y [...,K]
//   The lowest index wins ties; a row of zeros (nothing to choose from) stays a row of zeros.
//   backward: dp = dy, that of the identity: a declared surrogate, not the derivative (which is 0).
//   Bengio, Leonard, Courville, "Estimating or propagating gradients through stochastic neurons"
//   (2013), section 4.
#pragma once

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error(Fault::diverged) when p holds a NaN.
inline Var straight_through(const Var& p) {
  const size_t K = p.shape().last();
  Array y = zeros(p.shape());
  parallel_for(p.shape().rows(), 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* row = p.value().row(r);
      size_t best = 0;
      bool all_zero = true;
      for (size_t k = 0; k < K; ++k) {
        if (std::isnan(row[k]))
          fail(Fault::diverged,
               "straight_through: p [...,K]: expected numbers, got NaN in row {} at {}", r, k);
        if (row[k] > row[best]) best = k;
        all_zero = all_zero && row[k] == 0;
      }
      if (!all_zero) y.row(r)[best] = 1;
    }
  });
  return record("straight_through", y, {p}, [](const Array& dy, Inputs in) { in.add(0, dy); });
}

}  // namespace gnomon
