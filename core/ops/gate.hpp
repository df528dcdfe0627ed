// gate: how much of x passes, decided by two parts of a sum.
//
//   y = sigmoid(a + b) x, elementwise; equal shapes
//   backward, with g = sigmoid(a + b):   dx = dy g      da = db = dy x g (1 - g)
// The same as mul(sigmoid(add(a, b)), x) in one pass over memory each way, instead of three and
// six. Keeps x and g.
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when the shapes differ.
inline Var gate(const Var& a, const Var& b, const Var& x) {
  expect_shape(b.value(), a.shape(), "gate: b");
  expect_shape(x.value(), a.shape(), "gate: x");
  Array g(a.shape()), y(a.shape());
  parallel_for(y.size(), simd::kElementGrain, [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    simd::map_range(
        n, g.data() + begin,
        [](auto u, auto v) { return real{1} / (real{1} + xsimd::exp(-(u + v))); },
        a.value().data() + begin, b.value().data() + begin);
    simd::map_range(
        n, y.data() + begin, [](auto u, auto v) { return u * v; }, g.data() + begin,
        x.value().data() + begin);
  });
  return record("gate", y, {a, b, x}, [g, x = x.value()](const Array& dy, Inputs in) {
    Array ds(x.shape()), dx(x.shape());
    parallel_for(x.size(), simd::kElementGrain, [&](size_t begin, size_t end) {
      const size_t n = end - begin;
      const real *of_y = dy.data() + begin, *of_g = g.data() + begin;
      simd::map_range(
          n, dx.data() + begin, [](auto dy, auto g) { return dy * g; }, of_y, of_g);
      simd::map_range(
          n, ds.data() + begin, [](auto dx, auto x, auto g) { return dx * x * (real{1} - g); },
          dx.data() + begin, x.data() + begin, of_g);
    });
    in.add(0, ds);
    in.add(1, ds);
    in.add(2, dx);
  });
}

}  // namespace gnomon
