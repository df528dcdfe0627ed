// What products with weights are computed in.
//
//   bf16:  y = bf16(x) bf16(w)^T + b     bf16(.): rounded to the nearest of 8 significant bits,
//                                        ties to even; every product and sum in float32
//
// Only the operands of `affine` are rounded, in its backward pass as well. Weights, gradients, the
// optimizer and all other ops stay in float32, so that there is no loss to scale: bf16 has the
// range of float32 (Kalamkar et al., "A study of bfloat16 for deep learning training", 2019).
#pragma once

#include <cstdint>
#include <cstring>

namespace gnomon {

enum class Precision { f32, bf16 };

namespace detail {
inline thread_local Precision affine_precision = Precision::f32;
}

/// That of the affine ops which this thread records now.
inline Precision affine_precision() { return detail::affine_precision; }

/// Sets it until the end of the scope.
class AffinePrecision {
 public:
  explicit AffinePrecision(Precision now) { detail::affine_precision = now; }
  ~AffinePrecision() { detail::affine_precision = before_; }
  AffinePrecision(const AffinePrecision&) = delete;
  AffinePrecision& operator=(const AffinePrecision&) = delete;

 private:
  Precision before_ = detail::affine_precision;
};

/// The upper half of a float32: its bfloat16, rounded to nearest, ties to even. NaN stays NaN.
inline uint16_t to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return static_cast<uint16_t>((x != x ? bits | 0x400000 : rounded) >> 16);
}

inline float from_bf16(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float y;
  std::memcpy(&y, &bits, sizeof y);
  return y;
}

}  // namespace gnomon
