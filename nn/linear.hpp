// y = x w^T + b: the matrix everything learned goes through.
#pragma once

#include <cmath>

#include "core/ops/affine.hpp"
#include "nn/module.hpp"

namespace gnomon {

/// Parameters: weight [out,in]; bias [out] unless left out.
class Linear final : public Module {
 public:
  /// By default both are uniform within +-1/sqrt(in), as in PyTorch's nn.Linear (LeCun et al.,
  /// "Efficient backprop", 1998, section 4.6: outputs of about the size of the inputs). With a
  /// `deviation` >= 0 the weight is normal(0, deviation), and the bias starts at zero.
  Linear(size_t in, size_t out, bool bias = true, double deviation = -1)
      : weight_(param("weight", {out, in},
                      deviation < 0 ? init::uniform(bound(in)) : init::normal(deviation))),
        bias_(!bias ? nullptr
                    : &param("bias", {out},
                             deviation < 0 ? init::uniform(bound(in)) : init::constant(0))) {}

  /// x [...,in] -> [...,out]
  Var operator()(const Var& x) const { return affine(x, weight_, bias_ ? *bias_ : Var()); }
  /// For affine_all.
  Weight weight() const { return {weight_, bias_ ? *bias_ : Var()}; }

 private:
  static double bound(size_t in) { return 1 / std::sqrt(static_cast<double>(in)); }
  const Var& weight_;
  const Var* bias_;  // null: none
};

}  // namespace gnomon
