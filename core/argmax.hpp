// argmax over the last axis: discrete, so no gradient and no place on the tape.
#pragma once

#include <cmath>

#include "core/array.hpp"
#include "core/parallel.hpp"

namespace gnomon {

/// x [...,K] -> [...]: the index of the row's largest element; the lowest wins a tie. Where a mask
/// (shape [...,K], each of its rows serving equally many neighbouring rows of x) is negative, the
/// element does not take part; a row with none left gives -1. Throws
/// Error(Fault::diverged) on NaN.
inline Index argmax(const Array& x, const Index& mask = {}) {
  const size_t K = x.shape().last(), R = x.shape().rows();
  expect(x.shape().rank() >= 1 && K > 0, "argmax: x [...,K]: expected K > 0, got shape {}",
         x.shape());
  expect(mask.empty() || (mask.shape().last() == K && R % mask.shape().rows() == 0),
         "argmax: mask [...,K]: expected K = {} and a divisor of {} rows, got shape {}", K, R,
         mask.shape());
  const size_t share = mask.empty() ? 1 : R / mask.shape().rows();
  Index best(Shape(std::vector<size_t>(x.shape().begin(), x.shape().end() - 1)));
  parallel_for(R, 256, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* row = x.row(r);
      const int32_t* allowed = mask.empty() ? nullptr : mask.row(r / share);
      int32_t at = -1;
      for (size_t k = 0; k < K; ++k) {
        if (allowed && allowed[k] < 0) continue;
        expect_finite(!std::isnan(row[k]), "argmax: x {}: element {} of row {} is not a number",
                      x.shape(), k, r);
        if (at < 0 || row[k] > row[at]) at = static_cast<int32_t>(k);
      }
      best.data()[r] = at;
    }
  });
  return best;
}

}  // namespace gnomon
