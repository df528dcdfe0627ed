// core/ops/silu.hpp
// silu: y = x s, s = 1 / (1 + e^-x), elementwise (also called swish).
//   backward: dx = dy s (1 + x (1 - s)); recomputes s from x
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// The smooth gate of Elfwing et al., "Sigmoid-weighted linear units" (2018).
inline Var silu(const Var& x) {
  Array y = simd::mapped([](auto v) { return v / (real{1} + xsimd::exp(-v)); }, x.value());
  return record("silu", y, {x}, [x = x.value()](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    const auto slope = [](auto g, auto v) {
      const auto s = real{1} / (real{1} + xsimd::exp(-v));
      return g * s * (real{1} + v * (real{1} - s));
    };
    simd::blend(dx, beta, slope, dy, x);
  });
}

}  // namespace gnomon
