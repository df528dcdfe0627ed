// AdamW: a step along the running mean of the gradient, in units of its running size; weights decay
// apart from it. One pass over memory for each parameter (28 bytes a number in float), because
// the arithmetic is cheap and the memory is not: separate passes would read and write it again.
//
// Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, Algorithm 2,
// in the form of PyTorch (the decay is multiplied by the rate; epsilon stands outside of the root).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/fields.hpp"
#include "nn/module.hpp"

namespace gnomon {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.98;
  double epsilon = 1e-6;
  double weight_decay = 0.01;
  void declare(Fields& f);
};

class AdamW {
 public:
  /// The parameters must outlive the optimizer; their moments start at zero.
  explicit AdamW(std::vector<Parameter> parameters, AdamWConfig config = {});

  /// Step t, at a learning rate, with the gradient g of every parameter p (none arrived: g = 0):
  ///   p <- (1 - rate decay) p                         only where p is a matrix: a scalar, bias or
  ///   m <- beta1 m + (1 - beta1) g                    the gain of a norm has no reason to be small
  ///   v <- beta2 v + (1 - beta2) g^2
  ///   p <- p - rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
  /// The step has the size of the rate however small g is. So a parameter whose true gradient is 0
  /// (a logit that all candidates share, as the type of a menu with one type) is moved by the
  /// rounding noise of g, unless that is far below epsilon.
  /// The bits do not depend on the number of threads. Throws Error when the rate is negative or not
  /// finite, or when a gradient has another shape than its parameter.
  void step(double rate);

  /// t: how many steps were taken.
  size_t steps() const { return steps_; }
  /// m and v themselves: "first_moment.<parameter>", "second_moment.<parameter>".
  std::map<std::string, Array> moments() const;
  /// Once the parameters and moments() hold what they held after `steps` steps: continues from
  /// there, bit for bit.
  void continue_after(size_t steps) { steps_ = steps; }

 private:
  struct Moments {
    Parameter parameter;
    Array first, second;  // m, v
  };
  std::vector<Moments> moments_;
  AdamWConfig config_;
  size_t steps_ = 0;
};

/// Scales all gradients by max_norm / |g| when their common norm |g| = sqrt(sum g_e^2) is above
/// max_norm. Returns |g| as it was, summed in double in an order that depends on the sizes only. A
/// norm that is not finite is returned as it is, and the gradients are left for inspection. Throws
/// Error when max_norm is not positive.
double clip_gradients(const std::vector<Parameter>& parameters, double max_norm);

}  // namespace gnomon
