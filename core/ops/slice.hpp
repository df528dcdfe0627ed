// slice: the part [begin, end) of one axis.
//
//   x [..,E,..]  ->  y [..,end - begin,..]
//   backward: dy goes back where it was cut, 0 elsewhere
#pragma once

#include "core/simd/strided.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error unless the axis exists and begin < end <= E.
inline Var slice(const Var& x, size_t axis, size_t begin, size_t end) {
  const Shape& whole = x.shape();
  expect(axis < whole.rank(), "slice: axis: expected an axis of shape {}, got {}", whole.text(),
         axis);
  expect(begin < end && end <= whole[axis],
         "slice: [begin,end): expected a part of [0,{}) with at least one element, got [{},{})",
         whole[axis], begin, end);
  Shape part = whole;
  part[axis] = end - begin;

  Array y(part);
  const simd::Around around(whole, axis);
  const size_t width = part[axis] * around.inner, stride = whole[axis] * around.inner;
  simd::blend_strided(around.outer, width, y.data(), width, 0,
                      x.value().data() + begin * around.inner, stride);

  return record("slice", y, {x}, [axis, begin](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    const simd::Around around(dx.shape(), axis);
    const size_t width = dy.shape()[axis] * around.inner;
    simd::blend_strided(around.outer, width, dx.data() + begin * around.inner,
                        dx.shape()[axis] * around.inner, 1, dy.data(), width);
  });
}

}  // namespace gnomon
