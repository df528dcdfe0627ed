// How much a layer's few candidates miss: is the best of all earlier tokens among them?
//
//   best_i = max over all j <= i of q_i . k_j / sqrt(C)       the layer's own score and nothing
//                                                             else: no logits of types or sources
//   recall  share of tokens for which some candidate in C_i scores best_i (one that reads nothing
//           has no score)
//   chosen  share of tokens whose target to_i scores best_i
//
// Ties count (equal tokens may have equal keys), and so does what differs by rounding only. A layer
// that decides by its types (a run, "my left neighbour") chooses against the dense argmax and may
// be right: this measures the candidates, not the layer.
//
// Cost: O(N N C) time and O(N) memory; a pass without `watch` set pays one comparison a layer.
#pragma once

#include "nn/pointer/pointing.hpp"

namespace gnomon {

class Recall {
 public:
  /// Counts of one head: over all tokens, and over the scored ones alone.
  struct Head {
    size_t tokens = 0, recalled = 0, chosen = 0;
    size_t scored = 0, scored_recalled = 0, scored_chosen = 0;
  };
  /// Longer sequences would take hours.
  static constexpr size_t kLongest = 65536;

  /// Sets context.watch so that the next pass is counted; `targets` [B,N] says which tokens are
  /// scored (>= 0). Both must outlive the pass.
  void watch(Context& context, const Index& targets);
  /// heads()[l][h] of the l-th layer that points.
  const std::vector<std::vector<Head>>& heads() const { return heads_; }

 private:
  void count(const Pointing& pointing, const Index& targets, std::vector<Head>& heads) const;
  std::vector<std::vector<Head>> heads_;
};

}  // namespace gnomon
