// Rows of length 1: the keys and queries of mixers whose memory is corrected, not only added to.
#pragma once

#include <cmath>

#include "core/ops/rms_norm.hpp"

namespace gnomon {

/// x / sqrt(sum of x^2 + eps) of every row, eps inside the root: a row of zeros has a gradient.
/// x [...,C] -> [...,C]
inline Var unit(const Var& x, real eps) {
  const size_t C = x.shape().last();
  const auto size = static_cast<real>(C);
  return rms_norm(x, Array({C}, 1 / std::sqrt(size)), eps / size);
}

}  // namespace gnomon
