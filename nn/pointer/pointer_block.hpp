// nn/pointer/pointer_block.hpp
// The layer in which every token points ("Pointer", arXiv 2508.02631, section 3).
//
//   q_i = W_q a_i + W_c c_i    k_j = W_k a_j    v_j = W_v a_j       c_i: the pointer below
//   C_i = the menu's candidates of token i, K of them, each j <= i and of a type t
//   s_ij = q_i . k_j / sqrt(C) + w_t . a_i + b_t                    j in C_i, per head
//   to_i = argmax_j s_ij           z_i = v_{to_i}  (in training: as the selection mode says)
//   g_i = sigmoid(W_g a_i + W_z z_i + b_g)          out_i = g_i * (W_o z_i)
//
// Handed to the layer above: to. In training it may be told more, so that it can teach this one:
//   --hand-on distribution   P_i = sum over k of alpha_ik (one-hot of the candidate, or where it is
//                            known as a distribution itself, that): a jump is then P P. N x N.
//   --credit                 log p(to_i), p at temperature 1, whose value is cancelled where it is
//                            added to the logits of the candidates above that rest on to_i; its
//                            gradient stays (the score function estimator, Williams 1992, per hop).
// Outside of training neither costs nor changes anything.
//
// Letters: B batch | N tokens | D width | H heads | C = D / H | K candidates | to[b,n,h].
// Cost: O(N (D D + K D)); the paper's argmax over all j is the menu "dense".
// Differs from the paper: the candidate set (an argmax over all j of a free score is quadratic);
// the logit of the candidate's type (without it "my left neighbour" cannot be told from "my
// match"); noise-free annealed or straight-through selection beside Gumbel; several heads. The
// residual sum, the norms and the feed-forward network belong to the encoder.
#pragma once

#include "nn/linear.hpp"
#include "nn/norm.hpp"
#include "nn/pointer/menu.hpp"

namespace gnomon {

struct PointerConfig {
  std::string sources = "window:4,sinks:2,match:2,previous:2,jump,neighbour,run";
  std::string selection = "soft";    // soft | gumbel | straight-through | hard
  std::string encode = "none";       // none | index | hop | content
  std::string hand_on = "position";  // position | distribution
  bool credit = false;
  void declare(Fields& f);
};

class PointerBlock final : public Mixer {
 public:
  /// Throws Error(Fault::option) for a menu or position encoding it cannot take.
  PointerBlock(const PointerConfig& config, const MixerPlace& place);
  Mixed operator()(const Var& a, const Pointers& below, Pass& pass) const override;
  /// Token n costs O(D D + K D) (the menu "dense": K = n); 2 D numbers of each token are
  /// remembered, and what the sources remember. In pointer_step.cpp.
  MixerStep stepper() const override;
  std::vector<std::string> candidate_types() const override { return menu_.types(); }

 private:
  Var encode(const Var& a, const Pointers& below) const;
  /// What one head of token n knows of its pointer below: index, how far along of what there is so
  /// far; hop, how far back on a log scale; -1 for none.
  real encoded(int64_t n, int64_t to) const;
  /// g * (W_o z)
  Var gated(const Var& a, const Var& z) const;
  /// g alone, for those who watch.
  Array opening(const Var& a, const Var& z) const;

  std::string selection_, encode_, hand_on_;
  bool credit_;
  size_t heads_;
  const Menu& menu_;
  const Linear &query_, &key_, &value_, &types_;
  const Linear* content_ = nullptr;  // encode = content: what to remember of the pointed-to token
  const Linear* pointer_query_ = nullptr;  // W_c; null when the pointer below is not encoded
  const Var &gate_weight_, &gate_bias_;    // W_g, b_g
  const Linear &gate_read_, &output_;      // W_z, W_o
};

/// Makes pointer blocks; registered as "pointer".
class PointerKind final : public MixerKind {
 public:
  explicit PointerKind(const PointerConfig& config) : config_(config) {}
  void declare(Fields& f) override { config_.declare(f); }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override;

 private:
  PointerConfig config_;
};

}  // namespace gnomon
