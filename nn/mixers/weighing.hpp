// What a layer that weighs earlier tokens shows to those who measure (Context::watch_weights):
//
//   z[b,n,h,:] = sum over j <= n of w[b,h,n,j] v[b,j,h,:]       v, z [B,N,H C], C = D / H
//
// w is made a row at a time, when it is asked for: nobody pays for N x N numbers who does not want
// them. Rows of a softmax sum to 1; those of others say what they sum to by themselves.
#pragma once

#include <cmath>

#include "core/simd/row.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

struct Weighing {
  size_t heads;        ///< H
  const Array& value;  ///< v [B,N,H C], what can be read
  const Array& read;   ///< z [B,N,H C], what was read
  /// Fills w[b,h,n,0..n]: n + 1 numbers, zeros where token n does not look.
  std::function<void(size_t b, size_t h, size_t n, real* w)> row;
};

/// Scores become weights, in place: w_j = exp(w_j - max) / sum, 0 where w_j is -infinity.
inline void softmax_row(real* w, size_t count) {
  const real top = *std::max_element(w, w + count);
  double sum = 0;
  for (size_t j = 0; j < count; ++j) sum += double{w[j] = std::exp(w[j] - top)};
  for (size_t j = 0; j < count; ++j) w[j] = static_cast<real>(double{w[j]} / sum);
}

/// q[b,n,h] . k[b,j,h] / sqrt(C) of one head, of arrays [B,N,H C].
class HeadScores {
 public:
  HeadScores(const Array& q, const Array& k, size_t heads)
      : q_(q), k_(k), C_(q.shape().last() / heads) {}
  real operator()(size_t b, size_t h, size_t n, size_t j) const {
    const size_t N = q_.shape()[1], M = k_.shape()[1];
    return simd::dot(q_.row(b * N + n) + h * C_, k_.row(b * M + j) + h * C_, C_) /
           std::sqrt(static_cast<real>(C_));
  }

 private:
  const Array &q_, &k_;
  size_t C_;
};

}  // namespace gnomon
