// exp: y = e^x, elementwise.      backward: dx = dy y
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Overflows to infinity, underflows to 0.
inline Var exp(const Var& x) {
  Array y = simd::mapped([](auto v) { return xsimd::exp(v); }, x.value());
  return record("exp", y, {x}, [y](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto u) { return g * u; }, dy, y);
  });
}

}  // namespace gnomon
