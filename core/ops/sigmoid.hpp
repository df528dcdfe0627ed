// sigmoid: y = 1 / (1 + e^-x), elementwise.      backward: dx = dy y (1 - y)
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// In [0, 1]; exactly 0 or 1 where rounding says so, never NaN for a number.
inline Var sigmoid(const Var& x) {
  Array y = simd::mapped([](auto v) { return real{1} / (real{1} + xsimd::exp(-v)); }, x.value());
  return record("sigmoid", y, {x}, [y](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto u) { return g * u * (real{1} - u); }, dy, y);
  });
}

}  // namespace gnomon
