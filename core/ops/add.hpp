// add: y = a + b, elementwise; equal shapes.      backward: da = dy, db = dy
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when the shapes differ: nothing is broadcast silently.
inline Var add(const Var& a, const Var& b) {
  expect_shape(b.value(), a.shape(), "add: b");
  Array y = simd::mapped([](auto u, auto v) { return u + v; }, a.value(), b.value());
  return record("add", y, {a, b}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
    in.add(1, dy);
  });
}

}  // namespace gnomon
