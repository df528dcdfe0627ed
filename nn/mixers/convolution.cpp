// A short convolution: every feature looks at its own last few values, a Linear mixes features.
// It moves information by a few tokens only, but does so in the first layer and at no cost: what
// copying by content needs beneath it (Fu et al., "Hungry hungry hippos", 2023, section 3).
#include "core/ops/causal_convolution.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/slice.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// The features of the last k - 1 tokens of each sequence; zeros before the first.
using LastTokens = SequenceStates<std::vector<real>>;

/// y = output(causal_convolution(a)). Parameters: weight [k,D], bias [D]; output, a Linear(D, D).
/// Relative by construction: it needs no position encoding.
class Convolution final : public Mixer {
 public:
  Convolution(const MixerPlace& place, size_t kernel)
      : weight_(param("weight", {kernel, place.width}, even(kernel))),
        bias_(param("bias", {place.width}, even(kernel))),
        output_(part<Linear>("output", place.width, place.width)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const last = state_cast<LastTokens>(state);
    if (!last) return {output_(causal_convolution(a, weight_, bias_)), {}};
    const size_t B = a.shape()[0], D = a.shape()[2], known = weight_.shape()[0] - 1;
    Array before({B, known, D});
    for (size_t b = 0; b < B; ++b) std::ranges::copy(last->each[b], before.row(b * known));
    const Var window = concat({before, a}, 1);
    const size_t N = window.shape()[1];
    for (size_t b = 0; b < B; ++b)
      std::copy_n(window.value().row(b * N + N - known), known * D, last->each[b].data());
    return {output_(slice(causal_convolution(window, weight_, bias_), 1, known, N)), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<LastTokens>(
        sequences, std::vector<real>((weight_.shape()[0] - 1) * weight_.shape()[1]));
  }

 private:
  static Init even(size_t in) { return init::uniform(1 / std::sqrt(static_cast<double>(in))); }
  const Var &weight_, &bias_;
  const Linear& output_;
};

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
}  // namespace gnomon
