// 2^x for loops in which that is most of the work: in float, half the instructions of xsimd::exp2.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {

/// 2^x, in float within 2e-7 of it, relatively, and exactly 1 at 0; below 2^-126 it is that, above
/// 2^127 it is that. NaN stays NaN.
///
/// In float x = n + f, n a whole number and |f| <= 1/2. 2^f is the polynomial of degree 5, 1 at 0,
/// whose largest relative error is the least (9e-8); n is added to its exponent.
inline Pack fast_exp2(const Pack& x) {
  if constexpr (std::is_same_v<real, double>) {
    return xsimd::exp2(x);
  } else {
    using Whole = xsimd::batch<int32_t>;
    // NaN is the second argument, which is what max and min of NaN return.
    const Pack within = xsimd::min(Pack(real(127)), xsimd::max(Pack(real(-126)), x));
    const Pack shift(real(12582912));     // 1.5 2^23: a sum with it is rounded to a whole number
    const Pack rounded = within + shift;  // n in its lowest bits
    const Pack f = within - (rounded - shift);
    Pack p(real(1.32647273e-3));
    p = xsimd::fma(p, f, Pack(real(9.67151299e-3)));
    p = xsimd::fma(p, f, Pack(real(5.55073358e-2)));
    p = xsimd::fma(p, f, Pack(real(2.40222424e-1)));
    p = xsimd::fma(p, f, Pack(real(6.93147004e-1)));
    p = xsimd::fma(p, f, Pack(real(1)));
    return xsimd::bitwise_cast<Pack>(xsimd::bitwise_cast<Whole>(p) +
                                     (xsimd::bitwise_cast<Whole>(rounded) << 23));
  }
}

}  // namespace gnomon::simd
