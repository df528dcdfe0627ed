// Gated associative memory: a short convolution beside a softmax over a fixed, learned memory.
//
//   y = sigmoid(l) convolution(a) + sigmoid(g) softmax(a S^T) S          [l; g] = gates(a)
//   S [slots,D] is the same for all sequences and tokens
//
// Acharya, "Gated associative memory: a parallel O(N) architecture for efficient sequence modeling"
// (2025, arXiv 2509.00605): the convolution of 3 tokens, scores without 1 / sqrt(D).
// Nothing but the convolution moves information between tokens, by 2 tokens a layer: a control,
// which must fail wherever more is to be read. Heads are not used. A token costs 2 D D weights and
// 2 slots D more; a sequence keeps 2 D numbers, its last two tokens.
#include "core/ops/add.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/softmax.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

/// Parameters: convolution.weight [3,D], convolution.bias [D]; memory [slots,D], normal(1); gates,
/// a Linear(D, 2D).
class AssociativeMemory final : public Mixer {
 public:
  struct RecentTokens final : StateOf<RecentTokens> {
    explicit RecentTokens(LastTokens last) : last(std::move(last)) {}
    auto parts() { return std::tie(last); }
    LastTokens last;
  };

  AssociativeMemory(const MixerPlace& place, size_t slots)
      : convolution_(part<ShortConvolution>("convolution", place.width, 3, true)),
        memory_(param("memory", {slots, place.width}, init::normal(1))),
        gates_(part<Linear>("gates", place.width, 2 * place.width)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<RecentTokens>(state);
    const Var local = convolution_(a, before ? &before->last : nullptr);
    const auto [w, b, parts] = gates_.weight();
    const std::vector<Var> of_a = affine_all(a, {{w, b, 2}});
    const Var scores = affine(a, memory_);
    const size_t slots = scores.shape().last();
    const Var recalled = matmul(reshape(softmax(scores), {scores.shape().rows(), slots}), memory_);
    return {add(mul(sigmoid(of_a[0]), local), mul(sigmoid(of_a[1]), reshape(recalled, a.shape()))),
            {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<RecentTokens>(convolution_.state(sequences));
  }

 private:
  const ShortConvolution& convolution_;
  const Var& memory_;
  const Linear& gates_;
};

class AssociativeMemoryKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("slots", slots_, 1, 65536, "rows of the memory that is the same for all sequences");
  }
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<AssociativeMemory>(place, slots_);
  }

 private:
  size_t slots_ = 64;
};

const Registration<MixerKind> kGam{
    "gam", "a short convolution beside a softmax over a learned memory that no token writes to",
    [] { return std::make_unique<AssociativeMemoryKind>(); }};

}  // namespace
}  // namespace gnomon
