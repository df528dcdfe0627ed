// core/ops/silu.hpp
// silu: y = x s, s = 1 / (1 + e^-x), elementwise (also called swish).
//   backward: dx = dy s (1 + x (1 - s)); recomputes s from x
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// On registers: x s, and how a gradient g goes back through it.
constexpr auto silu_value = [](auto x) { return x / (real{1} + xsimd::exp(-x)); };
constexpr auto silu_slope = [](auto g, auto x) {
  const auto s = real{1} / (real{1} + xsimd::exp(-x));
  return g * s * (real{1} + x * (real{1} - s));
};

/// The smooth gate of Elfwing et al., "Sigmoid-weighted linear units" (2018).
inline Var silu(const Var& x) {
  Array y = simd::mapped(silu_value, x.value());
  return record("silu", y, {x}, [x = x.value()](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(dx, beta, silu_slope, dy, x);
  });
}

}  // namespace gnomon
