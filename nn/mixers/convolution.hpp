// nn/mixers/convolution.hpp
// A short convolution: every feature looks at its own last few values, then a Linear mixes
// features.
// It moves information by a few tokens only, but does so in the first layer and at no cost: what
// copying by content needs beneath it (Fu et al., "Hungry hungry hippos", 2023, section 3).
#pragma once

#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// y = output(causal_convolution(a)). Parameters: weight [k,D], bias [D]; output, a Linear(D, D).
/// Relative by construction: it needs no position encoding, and takes any.
class Convolution final : public Mixer {
 public:
  Convolution(const MixerPlace& place, size_t kernel);
  Mixed operator()(const Var& a, const Pointers& below, Pass& pass) const override;
  /// Remembers the features of the last k tokens.
  MixerStep stepper() const override;

 private:
  const Var &weight_, &bias_;
  const Linear& output_;
};

}  // namespace gnomon
