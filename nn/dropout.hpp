// Dropout as a layer holds it: a rate, without parameters.
#pragma once

#include "core/ops/dropout.hpp"

namespace gnomon {

/// Drops each number with probability `rate` and scales the others by 1 / (1 - rate) in training;
/// does nothing otherwise (Srivastava et al., "Dropout", JMLR 2014, scaled at training time).
class Dropout {
 public:
  /// Throws Error(Fault::option) unless 0 <= rate < 1.
  explicit Dropout(double rate) : rate_(rate) {
    if (!(rate >= 0 && rate < 1))
      fail_option("dropout", "expected a number from 0 and below 1, got {}", rate);
  }

  /// x [...] -> [...]; draws from `noise` only when training at a rate above 0.
  Var operator()(const Var& x, bool training, Random& noise) const {
    return training && rate_ > 0 ? dropout(x, rate_, noise) : x;
  }

 private:
  double rate_;
};

}  // namespace gnomon
