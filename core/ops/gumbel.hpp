// gumbel: y = x + g, g = -log(-log u), u uniform in (0,1)      backward: dx = dy
//
//   With x = log p, the argmax of y is distributed as p (Gumbel 1954); softmax(y / tau) is its
//   differentiable relative (Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax",
//   2017).
#pragma once

#include "core/random.hpp"
#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Advances `random`.
inline Var gumbel(const Var& x, Random& random) {
  Array y = random.uniform(x.shape());
  simd::map(
      y, [](auto v, auto u) { return v - xsimd::log(-xsimd::log(u)); }, x.value(), y);
  return record("gumbel", y, {x}, [](const Array& dy, Inputs in) { in.add(0, dy); });
}

}  // namespace gnomon
