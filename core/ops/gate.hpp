// core/ops/gate.hpp
// gate: how much of x passes, decided by two parts of a sum.
//
//   y = sigmoid(a + b) x, elementwise; equal shapes
//   backward, with g = sigmoid(a + b):   dx = dy g      da = db = dy x g (1 - g)
// The same as mul(sigmoid(add(a, b)), x) in one pass over memory instead of three (and two instead
// of six backward). Keeps x and g.
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when the shapes differ.
inline Var gate(const Var& a, const Var& b, const Var& x) {
  expect_shape(b.value(), a.shape(), "gate: b");
  expect_shape(x.value(), a.shape(), "gate: x");
  Array g = simd::mapped([](auto u, auto v) { return real{1} / (real{1} + xsimd::exp(-(u + v))); },
                         a.value(), b.value());
  Array y = simd::mapped([](auto u, auto v) { return u * v; }, g, x.value());
  return record("gate", y, {a, b, x}, [g, x = x.value()](const Array& dy, Inputs in) {
    if (in.wants(0) || in.wants(1)) {
      const Array ds = simd::mapped(
          [](auto dy, auto x, auto g) { return dy * x * g * (real{1} - g); }, dy, x, g);
      in.add(0, ds);
      in.add(1, ds);
    }
    if (in.wants(2)) {
      auto [dx, beta] = in.blend(2);
      simd::blend(
          dx, beta, [](auto dy, auto g) { return dy * g; }, dy, g);
    }
  });
}

}  // namespace gnomon
