// softmax over the last axis, at a temperature, with a mask.
//
//   y[r,k] = exp(x[r,k] / tau) / sum_l exp(x[r,l] / tau)     over the k that are not masked
//   x [...,K]  ->  y [...,K]; masked entries are exactly 0; a row with no entry left is all 0
//   backward: dx = y (dy - sum_l dy_l y_l) / tau
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Entry k of a row takes part unless mask[.., k] is negative. The mask's last extent is K; each of
/// its rows serves equally many neighbouring rows of x (so [B,N,1,K] masks [B,N,H,K]). An empty
/// mask masks nothing. Throws Error on other shapes, or when tau is not positive.
inline Var softmax(const Var& x, const Index& mask = {}, real tau = 1) {
  const size_t K = x.shape().last(), R = x.shape().rows();
  expect(tau > 0, "softmax: tau: expected a positive temperature, got {}", tau);
  expect(mask.empty() || (mask.shape().last() == K && R % mask.shape().rows() == 0),
         "softmax: mask [...,K]: expected K = {} and a divisor of {} rows, got shape {}", K, R,
         mask.shape());
  const size_t share = mask.empty() ? 1 : R / mask.shape().rows();

  Array y(x.shape());
  parallel_for(R, simd::row_grain(K), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* from = x.value().row(r);
      real* to = y.row(r);
      const int32_t* allowed = mask.empty() ? nullptr : mask.row(r / share);
      real top = -std::numeric_limits<real>::infinity();
      if (!allowed)
        top = simd::max(from, K);
      else
        for (size_t k = 0; k < K; ++k)
          if (allowed[k] >= 0) top = from[k] > top || std::isnan(from[k]) ? from[k] : top;
      if (top == -std::numeric_limits<real>::infinity()) {
        std::fill_n(to, K, real{0});
        continue;
      }
      simd::map_range(
          K, to, [&](auto v) { return xsimd::exp((v - top) * (1 / tau)); }, from);
      if (allowed)
        for (size_t k = 0; k < K; ++k) to[k] = allowed[k] < 0 ? real{0} : to[k];
      const real norm = 1 / simd::sum(to, K);
      simd::map_range(
          K, to, [norm](auto v) { return v * norm; }, to);
    }
  });

  return record("softmax", y, {x}, [y, tau](const Array& dy, Inputs in) {
    const size_t K = y.shape().last();
    auto [dx, beta] = in.blend(0);
    parallel_for(
        y.shape().rows(), simd::row_grain(K), [&, &dx = dx, beta = beta](size_t begin, size_t end) {
          for (size_t r = begin; r < end; ++r) {
            const real mean = simd::dot(dy.row(r), y.row(r), K);
            simd::blend_range(
                K, dx.row(r), beta, [&](auto g, auto p) { return p * (g - mean) * (1 / tau); },
                dy.row(r), y.row(r));
          }
        });
  });
}

}  // namespace gnomon
