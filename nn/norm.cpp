#include "nn/norm.hpp"

#include "core/ops/layer_norm.hpp"
#include "core/ops/rms_norm.hpp"

namespace gnomon {
namespace {

/// (x - mean) / sqrt(variance + 1e-5) * weight + bias   (Ba et al., "Layer normalization", 2016).
/// Parameters: weight [D], ones; bias [D], zeros.
class LayerNorm final : public Norm {
 public:
  explicit LayerNorm(size_t width)
      : weight_(param("weight", {width}, init::constant(1))),
        bias_(param("bias", {width}, init::constant(0))) {}
  Var operator()(const Var& x) const override { return layer_norm(x, weight_, bias_); }

 private:
  const Var &weight_, &bias_;
};

/// x / sqrt(mean(x^2) + 1e-5) * weight   (Zhang and Sennrich, "Root mean square layer
/// normalization", NeurIPS 2019). Parameter: weight [D], ones.
class RmsNorm final : public Norm {
 public:
  explicit RmsNorm(size_t width) : weight_(param("weight", {width}, init::constant(1))) {}
  Var operator()(const Var& x) const override { return rms_norm(x, weight_); }

 private:
  const Var& weight_;
};

}  // namespace

std::unique_ptr<Norm> make_norm(const std::string& kind, size_t width) {
  if (kind == "layer") return std::make_unique<LayerNorm>(width);
  if (kind == "rms") return std::make_unique<RmsNorm>(width);
  fail_option("norm", "expected layer or rms, got '{}'", kind);
}

}  // namespace gnomon
