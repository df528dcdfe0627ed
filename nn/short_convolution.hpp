// A short causal convolution with its state: every feature mixes its own last k values. What most
// sequence mixers have in front, and what decides many comparisons between them.
#pragma once

#include <cmath>
#include <optional>

#include "core/ops/causal_convolution.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/slice.hpp"
#include "nn/module.hpp"
#include "nn/state.hpp"

namespace gnomon {

/// The features of the last k - 1 tokens of each sequence; zeros before the first.
using LastTokens = PerSequence<std::vector<real>>;

/// y = causal_convolution(x): weight[j,d] multiplies feature d of the token j back.
/// Parameters: weight [k,W], uniform within +-1/sqrt(k) unless told; bias [W] unless left out.
class ShortConvolution final : public Module {
 public:
  ShortConvolution(size_t width, size_t kernel, bool bias, std::optional<Init> start = {})
      : weight_(param("weight", {kernel, width}, start.value_or(even(kernel)))),
        bias_(bias ? &param("bias", {width}, even(kernel)) : nullptr),
        none_(bias ? Array() : Array({width}, real{0})) {}

  /// x [B,N,W] -> [B,N,W]; with `last`, the next tokens after those.
  Var operator()(const Var& x, LastTokens* last) const {
    const Var bias = bias_ ? *bias_ : Var(none_);
    if (!last) return causal_convolution(x, weight_, bias);
    const size_t B = x.shape()[0], W = x.shape()[2], known = weight_.shape()[0] - 1;
    Array before({B, known, W});
    for (size_t b = 0; b < B; ++b) std::ranges::copy((*last)[b], before.row(b * known));
    const Var window = concat({before, x}, 1);
    const size_t N = window.shape()[1];
    for (size_t b = 0; b < B; ++b)
      std::copy_n(window.value().row(b * N + N - known), known * W, (*last)[b].data());
    return slice(causal_convolution(window, weight_, bias), 1, known, N);
  }
  LastTokens state(size_t sequences) const {
    return LastTokens(sequences, std::vector<real>((weight_.shape()[0] - 1) * weight_.shape()[1]));
  }

 private:
  static Init even(size_t in) { return init::uniform(1 / std::sqrt(static_cast<double>(in))); }
  const Var& weight_;
  const Var* bias_;  // null: none
  Array none_;
};

}  // namespace gnomon
