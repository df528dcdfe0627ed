// dropout: sets a random share of the elements to 0, and scales the others up to keep the mean.
//
//   y = x / (1 - rate) where u >= rate, else 0      u uniform in (0,1), drawn from `random`
//   backward: dx = dy / (1 - rate) where u >= rate, else 0
//   The noise is replayed in the backward pass, not stored: nothing is kept.
//   Srivastava et al., "Dropout" (2014).
#pragma once

#include "core/random.hpp"
#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Advances `random`, unless rate is 0: then x itself is returned. Throws Error unless rate is in
/// [0,1).
inline Var dropout(const Var& x, double rate, Random& random) {
  expect(rate >= 0 && rate < 1, "dropout: rate: expected a number in [0,1), got {}", rate);
  if (rate == 0) return x;
  const auto thinned = [limit = simd::Pack(static_cast<real>(rate)),
                        up = simd::Pack(static_cast<real>(1 / (1 - rate)))](auto v, auto u) {
    return xsimd::select(u >= limit, v * up, simd::Pack(real{0}));
  };
  const Random replay = random;
  Array y = simd::mapped(thinned, x.value(), random.uniform(x.shape()));
  return record("dropout", y, {x}, [thinned, replay](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(dx, beta, thinned, dy, Random(replay).uniform(dy.shape()));
  });
}

}  // namespace gnomon
