// gelu: y = x P(x), elementwise; P(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution function
//   backward: dx = dy (P(x) + x p(x)), p(x) = exp(-x^2 / 2) / sqrt(2 pi); recomputes P from x
#pragma once

#include <numbers>

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// The exact form of Hendrycks and Gimpel, "Gaussian error linear units" (2016), not the tanh one.
inline Var gelu(const Var& x) {
  const auto below = [](auto v) {
    return real(0.5) * (real{1} + xsimd::erf(v * std::numbers::sqrt2_v<real> * real(0.5)));
  };
  Array y = simd::mapped([below](auto v) { return v * below(v); }, x.value());
  return record("gelu", y, {x}, [x = x.value(), below](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    const auto slope = [below](auto g, auto v) {
      const real peak = std::numbers::inv_sqrtpi_v<real> * std::numbers::sqrt2_v<real> / 2;
      return g * (below(v) + v * peak * xsimd::exp(v * v * real(-0.5)));
    };
    simd::blend(dx, beta, slope, dy, x);
  });
}

}  // namespace gnomon
