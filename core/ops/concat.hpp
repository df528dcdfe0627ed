// concat: arrays one after the other along an axis.
//
//   x_0 [..,E_0,..], x_1 [..,E_1,..], ...  ->  y [..,E_0 + E_1 + ...,..]
//   backward: every input gets its part of dy
#pragma once

#include "core/simd/strided.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when there is no input, the axis does not exist, or the other extents differ.
inline Var concat(const std::vector<Var>& inputs, size_t axis) {
  expect(!inputs.empty(), "concat: inputs: expected at least one array, got none");
  Shape whole = inputs[0].shape();
  expect(axis < whole.rank(), "concat: axis: expected an axis of shape {}, got {}", whole.text(),
         axis);
  whole[axis] = 0;
  for (const Var& x : inputs) {
    Shape expected = inputs[0].shape();
    if (x.shape().rank() == expected.rank()) expected[axis] = x.shape()[axis];
    expect_shape(x.value(), expected, "concat: inputs (equal but for the axis)");
    whole[axis] += x.shape()[axis];
  }

  Array y(whole);
  const simd::Around around(whole, axis);
  size_t before = 0;
  for (const Var& x : inputs) {
    const size_t width = x.shape()[axis] * around.inner;
    simd::blend_strided(around.outer, width, y.data() + before, whole[axis] * around.inner, 0,
                        x.value().data(), width);
    before += width;
  }

  std::vector<size_t> extents;
  for (const Var& x : inputs) extents.push_back(x.shape()[axis]);
  return record("concat", y, inputs, [extents, axis](const Array& dy, Inputs in) {
    const simd::Around around(dy.shape(), axis);
    size_t before = 0;
    for (size_t i = 0; i < extents.size(); ++i) {
      const size_t width = extents[i] * around.inner;
      if (in.wants(i)) {
        auto [dx, beta] = in.blend(i);
        simd::blend_strided(around.outer, width, dx.data(), width, beta, dy.data() + before,
                            dy.shape()[axis] * around.inner);
      }
      before += width;
    }
  });
}

}  // namespace gnomon
