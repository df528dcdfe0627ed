#include "nn/mixers/convolution.hpp"

#include "core/ops/causal_convolution.hpp"

namespace gnomon {
namespace {

class ConvolutionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("kernel", kernel_, 2, 4, "tokens that a short convolution spans");
  }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Convolution>(place, kernel_);
  }

 private:
  size_t kernel_ = 3;
};

const Registration<MixerKind> kConvolution{
    "convolution", "every feature of every token mixes its own last few values",
    [] { return std::make_unique<ConvolutionKind>(); }};

}  // namespace

Convolution::Convolution(const MixerPlace& place, size_t kernel)
    : weight_(param("weight", {kernel, place.width},
                    init::uniform(1 / std::sqrt(static_cast<double>(kernel))))),
      bias_(
          param("bias", {place.width}, init::uniform(1 / std::sqrt(static_cast<double>(kernel))))),
      output_(add<Linear>("output", place.width, place.width)) {}

Mixed Convolution::operator()(const Var& a, const Pointers&, Pass&) const {
  return {output_(causal_convolution(a, weight_, bias_)), {}};
}

}  // namespace gnomon
