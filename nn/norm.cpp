#include "nn/norm.hpp"

#include "core/ops/layer_norm.hpp"
#include "core/ops/rms_norm.hpp"

namespace gnomon {

LayerNorm::LayerNorm(size_t width)
    : weight_(param("weight", {width}, init::constant(1))),
      bias_(param("bias", {width}, init::constant(0))) {}

Var LayerNorm::operator()(const Var& x) const { return layer_norm(x, weight_, bias_); }

RmsNorm::RmsNorm(size_t width) : weight_(param("weight", {width}, init::constant(1))) {}

Var RmsNorm::operator()(const Var& x) const { return rms_norm(x, weight_); }

std::unique_ptr<Norm> make_norm(const std::string& kind, size_t width) {
  if (kind == "layer") return std::make_unique<LayerNorm>(width);
  if (kind == "rms") return std::make_unique<RmsNorm>(width);
  fail_option("norm", "expected layer or rms, got '{}'", kind);
}

}  // namespace gnomon
