// core/ops/mean.hpp
// mean: y = sum of all elements / their number, a scalar.
#pragma once

#include "core/ops/scale.hpp"
#include "core/ops/sum.hpp"

namespace gnomon {

/// A rank-0 array. Throws Error when x is empty.
inline Var mean(const Var& x) {
  expect(!x.value().empty(), "mean: x: expected at least one element, got shape {}", x.shape());
  return scale(sum(x), real{1} / static_cast<real>(x.value().size()));
}

}  // namespace gnomon
