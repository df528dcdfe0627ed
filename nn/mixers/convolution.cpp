#include "nn/mixers/convolution.hpp"

#include "core/ops/causal_convolution.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/slice.hpp"

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

// The op runs over the last k tokens, of which one is new: k times the work, all of it tiny.
MixerStep Convolution::stepper() const {
  return [this, window = Var()](const Var& a, const Moment& moment) mutable {
    window = moment.n == 0 ? a : concat({window, a}, 1);
    const size_t kernel = weight_.shape()[0], known = window.shape()[1];
    if (known > kernel) window = slice(window, 1, known - kernel, known);
    const Var mixed = causal_convolution(window, weight_, bias_);
    return Mixed{output_(slice(mixed, 1, mixed.shape()[1] - 1, mixed.shape()[1])), {}};
  };
}

}  // namespace gnomon
