// logistic_noise: y = x + log(u / (1 - u)), u uniform in (0,1)              backward: dx = dy
//
//   With x the logit of a gate, y > 0 as often as the gate is open: P(y > 0) = sigmoid(x).
//   sigmoid(y) is the differentiable relative of such a draw (the binary concrete distribution:
//   Maddison, Mnih, Teh, "The concrete distribution", ICLR 2017, section 3.3).
#pragma once

#include "core/random.hpp"
#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Advances `random`.
inline Var logistic_noise(const Var& x, Random& random) {
  Array y = random.uniform(x.shape());
  simd::map(
      y, [](auto v, auto u) { return v + xsimd::log(u / (decltype(u)(1) - u)); }, x.value(), y);
  return record("logistic_noise", y, {x}, [](const Array& dy, Inputs in) { in.add(0, dy); });
}

}  // namespace gnomon
