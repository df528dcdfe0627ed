// relu: y = max(x, 0), elementwise.      backward: dx = dy where x > 0, else 0
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Not a number stays not a number.
inline Var relu(const Var& x) {
  Array y = simd::mapped([](auto v) { return xsimd::select(v < real{0}, decltype(v)(real{0}), v); },
                         x.value());
  return record("relu", y, {x}, [y](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta,
        [](auto g, auto u) { return xsimd::select(u > real{0}, g, decltype(g)(real{0})); }, dy, y);
  });
}

}  // namespace gnomon
