// The layer in which every token points ("Pointer", arXiv 2508.02631, section 3).
//
//   q_i = W_q a_i + W_c c_i    k_j = W_k a_j    v_j = W_v a_j       c_i: the pointer below, encoded
//   C_i = the menu's candidates of token i, K of them, each j <= i and of a type t
//   s_ij = q_i . k_j / sqrt(C) + w_t . a_i + b_t                    j in C_i, per head
//   to_i = argmax_j s_ij           z_i = v_{to_i}  (in training: as the selection mode says)
//   out_i = the gate of read_gate.hpp: sigmoid(W_g a_i + W_z z_i + b_g) * (W_o z_i)
//
// c_i, the paper's chain, of one of three kinds (option encode; with "none", and in a first layer
// that is not repeated, there is no W_c; without pointers below nothing is added):
//   index     to'_i / (i + 1)              [H], -1 for a head that points nowhere
//   hop       log2(1 + i - to'_i) / 8      [H], -1 likewise
//   content   W a_{to'_i}, head by head    [D], zeros likewise      (parameter content.weight)
// The paper encodes the pointer by a normalised linear map and concatenates it to the features: a
// product with the two side by side is the sum above; index and hop are of the size of one.
//
// The layer above receives to; with hand-on = distribution, in training, also how probable each
// target is (distribution.hpp).
//
// Letters: B batch | N tokens | D width | H heads | C = D / H | K candidates | to[b,n,h].
// Parameters: query, key, value, [D,D] each without bias; types.weight [H T, D] and types.bias
// [H T], zeros: row h T + t is the type t of head h, types in the menu's order (with '|': in that
// of their first mention); pointer_query [D,H] or [D,D]; those of the gate, and of the sources
// (menu.*).
// Noise is drawn in this order: for gumbel, then by the sources as the menu lists them.
// Cost: O(N (D D + K D)); the paper's argmax over all j is the menu "dense". State: 2 D numbers of
// each token (3 D with content), and what the sources remember; a token reads O(K) rows.
// Differs from the paper: the candidate set (an argmax over all j of a free score is quadratic);
// the logit of the candidate's type (without it "my left neighbour" cannot be told from "my
// match"); noise-free annealed or straight-through selection beside Gumbel; several heads. The
// residual sum, the norms and the feed-forward network belong to the encoder.
#pragma once

#include "nn/pointer/choice.hpp"
#include "nn/pointer/read_gate.hpp"

namespace gnomon {

struct PointerConfig {
  std::string sources = "window:4,sinks:2,learned:2,previous:2,jump,neighbour,run | rank:16";
  std::string selection = "straight-through";  // soft | gumbel | straight-through | hard
  std::string encode = "none";                 // none | index | hop | content
  std::string hand_on = "position";            // position | distribution
  void declare(Fields& f);
};

class PointerBlock final : public Mixer {
 public:
  /// Throws Error(Fault::option) for a menu it cannot take.
  PointerBlock(const PointerConfig& config, const MixerPlace& place);
  Mixed operator()(const Var& a, const PreviousPointers& previous, Context& context,
                   State* state) const override;
  std::unique_ptr<State> state(size_t sequences) const override;
  std::vector<std::string> candidate_types() const override { return menu_.types(); }
  std::vector<std::string> candidate_sources() const override;

 private:
  struct Remembered;
  Var encoded(const Var& a, const PreviousPointers& previous, const Context& context,
              Remembered* state) const;
  /// w_t . a_i + b_t of each type, [B,N,H T] -> of the type of each slot, [B,N,H,K].
  Var type_logits(const Var& of_types, const Context& context) const;

  const Selection selection_;
  const std::string encode_;
  const bool hand_on_distribution_;
  const size_t heads_;
  const Menu& menu_;
  const Linear &query_, &key_, &value_, &types_;
  const ReadGate& gate_;
  const Linear* content_ = nullptr;
  const Linear* pointer_query_ = nullptr;  // W_c; null when the pointer below is not encoded
};

/// Makes pointer blocks; registered as "pointer".
class PointerKind final : public MixerKind {
 public:
  explicit PointerKind(const PointerConfig& config) : config_(config) {}
  void declare(Fields& f) override { config_.declare(f); }
  bool anneals() const override { return true; }
  std::string cost() const override { return "N K D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override;

 private:
  PointerConfig config_;
};

}  // namespace gnomon
