// A short convolution: every feature looks at its own last few values, a Linear mixes features.
// It moves information by a few tokens only, but does so in the first layer and at no cost: what
// copying by content needs beneath it (Fu et al., "Hungry hungry hippos", 2023, section 3).
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

/// y = output(causal_convolution(a)). Parameters: weight [k,D], bias [D]; output, a Linear(D, D).
/// Relative by construction: it needs no position encoding.
class Convolution final : public Mixer {
 public:
  struct Memory final : StateOf<Memory> {
    explicit Memory(LastTokens last) : last(std::move(last)) {}
    auto parts() { return std::tie(last); }
    LastTokens last;
  };

  Convolution(const MixerPlace& place, size_t kernel)
      : convolution_(part<ShortConvolution>("", place.width, kernel, true)),
        output_(part<Linear>("output", place.width, place.width)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const memory = state_cast<Memory>(state);
    return {output_(convolution_(a, memory ? &memory->last : nullptr)), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Memory>(convolution_.state(sequences));
  }

 private:
  const ShortConvolution& convolution_;
  const Linear& output_;
};

class ConvolutionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("kernel", kernel_, 2, 4, "tokens that a short convolution spans");
  }
  std::string cost() const override { return "N D"; }
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
}  // namespace gnomon
