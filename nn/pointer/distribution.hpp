// What the layer above receives in training with hand-on = distribution: not only where the heads
// point, but how probable each target is. So a choice gets a gradient from what depends on it
// layers later.
//
//   P_i = sum over the slots k of alpha_ik P_ik,   alpha: weights() of selection.hpp
//   P_ik = the one-hot of the candidate; or where it is made from pointers below, what the source
//          makes of their distribution P': for previous:1 row i of P', for a jump row i of P' P'
//   logit of such a candidate: the expected one, scale q_i . sum_j P_ik[j] k_j
//   z_i = sum over j of P_ij v_j
// A candidate is there only where the hard pointers below give one. What would lie after token i is
// dropped, so that P_i may sum to less than one. The first layer has no pointers below: all its
// slots are one-hots. N x N numbers for each head: for at most 2,048 tokens, in training only.
// Outside of training pointers are hard, and nothing of this is computed.
#pragma once

#include "nn/pointer/menu.hpp"

namespace gnomon {

class Distributions {
 public:
  /// For the candidates of `set`, which rest on `previous`; their columns of set.index.scored
  /// become blank, and their expected logits are added to set.logits. query, key [B,N,H C].
  /// Throws Error(Fault::option) when the sequences are too long.
  Distributions(const Menu& menu, const PreviousPointers& previous, const Var& query,
                const Var& key, real scale, CandidateSet& set);
  /// P of each head, [B,N,N], from the weights [B,N,H,K] of the candidates.
  std::vector<Var> handed_on(const Var& weight, const CandidateSet& set) const;
  /// What the heads read, [B,N,H C].
  static Var read(const Var& value, const std::vector<Var>& distribution);

 private:
  struct Spread {
    size_t h, k;
    Var at;  // [B,N,N]
  };
  std::vector<Spread> spread_;  // the slots whose candidates are distributions
};

}  // namespace gnomon
