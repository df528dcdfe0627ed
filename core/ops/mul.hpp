// mul: y = a b, elementwise; equal shapes.      backward: da = dy b, db = dy a
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when the shapes differ: nothing is broadcast silently.
inline Var mul(const Var& a, const Var& b) {
  expect_shape(b.value(), a.shape(), "mul: b");
  const auto product = [](auto u, auto v) { return u * v; };
  Array y = simd::mapped(product, a.value(), b.value());
  return record("mul", y, {a, b},
                [a = a.value(), b = b.value(), product](const Array& dy, Inputs in) {
                  for (const size_t i : {0, 1})
                    if (in.wants(i)) {
                      auto [dx, beta] = in.blend(i);
                      simd::blend(dx, beta, product, dy, i == 0 ? b : a);
                    }
                });
}

}  // namespace gnomon
