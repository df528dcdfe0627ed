// scale_by: the product with one learned number.
//
//   y = s x, elementwise          x any shape, s one element  ->  y, the shape of x
//   backward: dx = s dy     ds = sum dy x, in double
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when s has not one element.
inline Var scale_by(const Var& x, const Var& s) {
  const real factor = s.value().item();
  Array y = simd::mapped([factor](auto v) { return v * factor; }, x.value());
  return record("scale_by", y, {x, s}, [x = x.value(), factor](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, simd::mapped([factor](auto g) { return g * factor; }, dy));
    if (!in.wants(1)) return;
    double sum = 0;
    for (size_t e = 0; e < dy.size(); ++e) sum += double{dy.data()[e]} * double{x.data()[e]};
    in.grad(1).data()[0] += static_cast<real>(sum);
  });
}

}  // namespace gnomon
