// core/ops/sum.hpp
// sum: y = sum of all elements, a scalar.      backward: every dx_e = dy
#pragma once

#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// A rank-0 array.
inline Var sum(const Var& x) {
  Array y({}, simd::total(x.value()));
  return record("sum", y, {x}, [](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    simd::blend(dx, beta, [g = simd::Pack(dy.item())] { return g; });
  });
}

}  // namespace gnomon
