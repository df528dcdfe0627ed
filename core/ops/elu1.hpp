// elu1: y = x + 1 where x >= 0, else e^x, elementwise.      backward: dx = dy min(y, 1)
//
// The positive feature of linear attention (Katharopoulos et al. 2020, arXiv 2006.16236, section
// 3.2.1), which it writes elu(x) + 1. That form cancels: below -17 it is 0 in float32.
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Above 0, but for what underflows.
inline Var elu1(const Var& x) {
  Array y = simd::mapped(
      [](auto v) {
        const auto below = xsimd::exp(xsimd::min(v, decltype(v)(real{0})));
        return xsimd::select(v < real{0}, below, v + real{1});  // NaN stays NaN
      },
      x.value());
  return record("elu1", y, {x}, [y](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(
        dx, beta, [](auto g, auto u) { return g * xsimd::min(u, decltype(u)(real{1})); }, dy, y);
  });
}

}  // namespace gnomon
