// tanh: y = (e^x - e^-x) / (e^x + e^-x), elementwise.      backward: dx = dy (1 - y^2)
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// In [-1, 1].
inline Var tanh(const Var& x) {
  Array y = simd::mapped([](auto v) { return xsimd::tanh(v); }, x.value());
  return record("tanh", y, {x}, [y](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto u) { return g * (real{1} - u * u); }, dy, y);
  });
}

}  // namespace gnomon
