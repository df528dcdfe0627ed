// nn/norm.hpp
// Normalisation of each token's features, in two forms behind one interface.
#pragma once

#include <memory>
#include <string>

#include "nn/module.hpp"

namespace gnomon {

/// x [...,D] -> [...,D], every row brought to a common size, then scaled by a learned gain.
class Norm : public Module {
 public:
  virtual Var operator()(const Var& x) const = 0;
};

/// (x - mean) / sqrt(variance + 1e-5) * weight + bias   (Ba et al., "Layer normalization", 2016).
/// Parameters: weight [D], ones; bias [D], zeros.
class LayerNorm final : public Norm {
 public:
  explicit LayerNorm(size_t width);
  Var operator()(const Var& x) const override;

 private:
  const Var &weight_, &bias_;
};

/// x / sqrt(mean(x^2) + 1e-5) * weight   (Zhang and Sennrich, "Root mean square layer
/// normalization", NeurIPS 2019). Parameter: weight [D], ones.
class RmsNorm final : public Norm {
 public:
  explicit RmsNorm(size_t width);
  Var operator()(const Var& x) const override;

 private:
  const Var& weight_;
};

/// "layer" or "rms"; throws Error(Fault::option) for another kind.
std::unique_ptr<Norm> make_norm(const std::string& kind, size_t width);

}  // namespace gnomon
