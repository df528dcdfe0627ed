// TreeFFN, its causal half: every token takes gated messages from its left neighbour, again and
// again.
//
//   h^0 = a;   I times:   g = sigmoid(gate([h_{n-1}; h_n]))                    one number a token
//                         h_n <- h_n + relu(update(g edge([h_{n-1}; h_n])))    before the first: 0
//   y = sum_i w_i h^i - a      over i = 1 .. I      w = sigmoid(threshold - (i - 1)), normalised
//
// The feed-forward part of TreeGPT (lizixi-0x2F/TreeGPT, no paper of its own), of which only the
// edges n-1 -> n are kept: the published ones run both ways and show a token what it is to predict.
// What is known of a token travels one place a round, I places a layer: a control. Heads are not
// used. A token costs I (3 D D + 2 D) weights; a sequence keeps I D numbers, h of its last token
// before every round.
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_by.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/softplus.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// Parameters: edge.weight [D,2D]; gate.weight [1,2D]; update.weight [D,D]; threshold [1], 2 at
/// first.
class TreeMessages final : public Mixer {
 public:
  using Memory = SequenceStates<std::vector<real>>;  // [I,D] each

  TreeMessages(const MixerPlace& place, size_t rounds)
      : width_(place.width),
        rounds_(rounds),
        edge_(part<Linear>("edge", 2 * place.width, place.width, false)),
        gate_(part<Linear>("gate", 2 * place.width, 1, false)),
        update_(part<Linear>("update", place.width, place.width, false)),
        threshold_(param("threshold", {1}, init::constant(2))) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<Memory>(state);
    const Shape tokens{a.shape()[0], a.shape()[1]};
    const Var weights = round_weights();
    Var h = a, y = scale(a, -1);
    for (size_t i = 0; i < rounds_; ++i) {
      const Var pair = concat({left(h, i, before), h}, 2);
      const Var g = reshape(sigmoid(gate_(pair)), tokens);
      h = add(h, relu(update_(scale_rows(edge_(pair), g))));
      y = add(y, scale_by(h, slice(weights, 0, i, i + 1)));
    }
    return {y, {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Memory>(sequences, std::vector<real>(rounds_ * width_));
  }

 private:
  /// h of the token before each; brings the state of round i forward.
  Var left(const Var& h, size_t i, Memory* memory) const {
    const auto [B, N, D] = dims<3>(h.value(), "treeffn: h [B,N,D]");
    Array first({B, 1, D}, 0);
    for (size_t b = 0; memory && b < B; ++b) {
      real* const kept = memory->each[b].data() + i * D;
      std::copy_n(kept, D, first.row(b));
      std::copy_n(h.value().row(b * N + N - 1), D, kept);
    }
    return N == 1 ? Var(first) : concat({first, slice(h, 1, 0, N - 1)}, 1);
  }
  /// [I], of sum one: softmax of log sigmoid(threshold - i) = -softplus(i - threshold).
  Var round_weights() const {
    Array rounds({rounds_});
    for (size_t i = 0; i < rounds_; ++i) rounds.data()[i] = static_cast<real>(i);
    const Var thresholds = concat(std::vector<Var>(rounds_, threshold_), 0);
    return softmax(scale(softplus(add(rounds, scale(thresholds, -1))), -1));
  }

  const size_t width_, rounds_;
  const Linear &edge_, &gate_, &update_;
  const Var& threshold_;
};

class TreeMessagesKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("rounds", rounds_, 1, 64, "how often tokens take messages from their neighbours");
  }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<TreeMessages>(place, rounds_);
  }

 private:
  size_t rounds_ = 4;
};

const Registration<MixerKind> kTreeFfn{
    "treeffn", "every token takes gated messages from its left neighbour, several times",
    [] { return std::make_unique<TreeMessagesKind>(); }};

}  // namespace
}  // namespace gnomon
