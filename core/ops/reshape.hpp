// reshape: the same numbers in the same order under another shape; nothing is copied.
#pragma once

#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when the numbers of elements differ.
inline Var reshape(const Var& x, Shape shape) {
  return record(
      "reshape", x.value().reshaped(shape), {x},
      [before = x.shape()](const Array& dy, Inputs in) { in.add(0, dy.reshaped(before)); });
}

}  // namespace gnomon
