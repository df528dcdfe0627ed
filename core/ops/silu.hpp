// silu: y = x / (1 + e^-x), elementwise.      backward: dx = dy s (1 + x (1 - s)), s = sigmoid(x)
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

namespace detail {

/// On registers: the value, and how a gradient g goes back through it.
constexpr auto silu_value = [](auto x) { return x / (real{1} + xsimd::exp(-x)); };
constexpr auto silu_slope = [](auto g, auto x) {
  const auto s = real{1} / (real{1} + xsimd::exp(-x));
  return g * s * (real{1} + x * (real{1} - s));
};

}  // namespace detail

/// Elfwing et al., "Sigmoid-weighted linear units" (2018, arXiv 1702.03118).
inline Var silu(const Var& x) {
  Array y = simd::mapped(detail::silu_value, x.value());
  return record("silu", y, {x}, [x = x.value()](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(dx, beta, detail::silu_slope, dy, x);
  });
}

}  // namespace gnomon
