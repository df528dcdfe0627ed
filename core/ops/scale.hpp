// scale: y = factor x, elementwise.      backward: dx = factor dy
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Multiplies by a number that receives no gradient.
inline Var scale(const Var& x, real factor) {
  const auto scaled = [factor](auto v) { return factor * v; };
  return record("scale", simd::mapped(scaled, x.value()), {x},
                [scaled](const Array& dy, Inputs in) {
                  auto [dx, beta] = in.blend(0);
                  simd::blend(dx, beta, scaled, dy);
                });
}

}  // namespace gnomon
