// Messages from each token to the next, round after round: after I rounds a token knows I others.
//
//   tree (the default), `rounds` I times, h = a at first and p_n = h_{n-1}, zeros before the first:
//     h_n <- h_n + relu(update(sigmoid(gate [p_n; h_n]) edge [p_n; h_n]))
//     y = sum_i w_i h^(i) - a,   w_i = sigmoid(threshold - i) / sum_j sigmoid(threshold - j)
//   aspp:
//     s_n = p_n + h_n       z_n = sigmoid(gate [h_n; s_n]) s_n        (element by element)
//     h_n <- h_n + down(silu(u) v),   [u; v] = up [h_n; z_n]          y = h - a
//
// TreeFFN of TreeGPT (public code lizixi-0x2F/TreeGPT), and the operator ASPP (public code
// lizixi-0x2F/Asterisk-Games, aspp_model/). What differs: edges lead forward only (theirs run both
// ways and show a token its target); for aspp, no weights of single edges, no norms and no dropout
// inside, and the rounds are given, not learned through a rounded number. D width. Cost a token: 3
// D^2 a round (aspp: 12 D^2); a state of I D numbers. Its reach is I tokens a layer: a control.
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_by.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/softplus.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// What both have in common: a state that holds, for every round, the h of the last token.
class Rounds : public Mixer {
 public:
  Rounds(const MixerPlace& place, size_t rounds) : width_(place.width), rounds_(rounds) {}

  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<RoundStates>(sequences, std::vector<real>(rounds_ * width_));
  }

 protected:
  using RoundStates = SequenceStates<std::vector<real>>;

  /// p: every token gets the h of the token before it, in this round.
  static Var before(const Var& h, size_t round, RoundStates* states) {
    const auto [B, N, D] = dims<3>(h.value(), "treeffn: h [B,N,D]");
    Array last({B, 1, D}, 0);
    for (size_t b = 0; states && b < B; ++b) {
      real* const known = states->each[b].data() + round * D;
      std::copy_n(known, D, last.row(b));
      std::copy_n(h.value().row(b * N + N - 1), D, known);
    }
    return N == 1 ? Var(last) : concat({last, slice(h, 1, 0, N - 1)}, 1);
  }

  size_t width_, rounds_;
};

/// Parameters: edge.weight [D,2D], gate.weight [1,2D], update.weight [D,D]; threshold [1] from 2.
class TreeRounds final : public Rounds {
 public:
  TreeRounds(const MixerPlace& place, size_t rounds)
      : Rounds(place, rounds),
        edge_(part<Linear>("edge", 2 * place.width, place.width, false)),
        gate_(part<Linear>("gate", 2 * place.width, 1, false)),
        update_(part<Linear>("update", place.width, place.width, false)),
        threshold_(param("threshold", {1}, init::constant(2))) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const states = state_cast<RoundStates>(state);
    // log sigmoid(threshold - i) = - softplus(i - threshold), and a softmax divides by the sum.
    Array number({rounds_});
    for (size_t i = 0; i < rounds_; ++i) number.data()[i] = static_cast<real>(i);
    const Var each = select_columns(threshold_, Index({rounds_}, 0));
    const Var weight = softmax(scale(softplus(add(number, scale(each, -1))), -1));
    Var h = a, sum;
    for (size_t i = 0; i < rounds_; ++i) {
      const Var pair = concat({before(h, i, states), h}, 2);
      const Var open = reshape(sigmoid(gate_(pair)), {a.shape()[0], a.shape()[1]});
      h = add(h, relu(update_(scale_rows(edge_(pair), open))));
      const Var part = scale_by(h, slice(weight, 0, i, i + 1));
      sum = i == 0 ? part : add(sum, part);
    }
    return {add(sum, scale(a, -1)), {}};
  }

 private:
  const Linear &edge_, &gate_, &update_;
  const Var& threshold_;
};

/// Parameters: gate.weight [D,2D], up.weight [4D,2D], down.weight [D,2D].
class AsppRounds final : public Rounds {
 public:
  AsppRounds(const MixerPlace& place, size_t rounds)
      : Rounds(place, rounds),
        gate_(part<Linear>("gate", 2 * place.width, place.width, false)),
        up_(part<Linear>("up", 2 * place.width, 4 * place.width, false)),
        down_(part<Linear>("down", 2 * place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const states = state_cast<RoundStates>(state);
    Var h = a;
    for (size_t i = 0; i < rounds_; ++i) {
      const Var message = add(before(h, i, states), h);
      const Var heard = mul(message, sigmoid(gate_(concat({h, message}, 2))));
      const std::vector<Var> halves = affine_all(concat({h, heard}, 2), {{up_.weight().w, {}, 2}});
      h = add(h, down_(mul(silu(halves[0]), halves[1])));
    }
    return {add(h, scale(a, -1)), {}};
  }

 private:
  const Linear &gate_, &up_, &down_;
};

class TreeKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("rounds", rounds_, 1, 64, "rounds of messages, each from a token to the next");
    f.choice("messages", messages_, {"tree", "aspp"},
             "what a round computes: TreeFFN's gated edges, or ASPP's sums and network");
  }
  std::string cost() const override { return "N I D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    if (messages_ == "aspp") return std::make_unique<AsppRounds>(place, rounds_);
    return std::make_unique<TreeRounds>(place, rounds_);
  }

 private:
  size_t rounds_ = 4;
  std::string messages_ = "tree";
};

const Registration<MixerKind> kTreeFfn{
    "treeffn", "every token sends gated messages to the next one, for some rounds",
    [] { return std::make_unique<TreeKind>(); }};

}  // namespace
}  // namespace gnomon
