// log: y = ln x, elementwise.      backward: dx = dy / x
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// The natural logarithm: -infinity at 0, NaN below.
inline Var log(const Var& x) {
  Array y = simd::mapped([](auto v) { return xsimd::log(v); }, x.value());
  return record("log", y, {x}, [x = x.value()](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto v) { return g / v; }, dy, x);
  });
}

}  // namespace gnomon
