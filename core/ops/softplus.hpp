// softplus: y = log(1 + e^x), elementwise.      backward: dx = dy / (1 + e^-x)
//
// As max(x, 0) + log1p(e^-|x|): exact to rounding for every x, where log(1 + e^x) overflows from 89
// on and is 0 below -17. log sigmoid(x) is -softplus(-x).
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// At least 0; x itself for large x.
inline Var softplus(const Var& x) {
  Array y = simd::mapped(
      [](auto v) {
        return xsimd::max(v, decltype(v)(real{0})) + xsimd::log1p(xsimd::exp(-xsimd::abs(v)));
      },
      x.value());
  return record("softplus", y, {x}, [x = x.value()](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto v) { return g / (real{1} + xsimd::exp(-v)); }, dy, x);
  });
}

}  // namespace gnomon
