// Which of its candidates each head takes: the only place where a pointer is decided.
//
//   to_i = what the slot with the largest logit s_ik reads; the lowest slot wins a tie
// A tie is one within rounding, |s - s'| <= 2^-16 max(1, |s|): equal tokens owe equal logits, and
// the last bits of a product depend on the processor and on how many rows are computed at once.
// A source that chains within the layer ("run", "gated") offers one past where the left neighbour
// points, to_{i-1} + 1, in the last slot. So the best of the others is found for all tokens in
// parallel, and then each head walks its sequence once, filling that slot as it goes.
#pragma once

#include "nn/pointer/menu.hpp"

namespace gnomon {

struct Choice {
  Index slot;         ///< [B,N,H] the slot that won; -1: there was no candidate
  Pointers pointers;  ///< of the same tokens and heads
};

/// What scores the slot of a chain.
struct ChainScores {
  const Array &query, &key;  ///< [B,N,H C], [B,M,H C]
  real scale;                ///< s = scale query . key + bias; or the bias alone, scored by itself
  /// [B][H] where the token before the first points, -1: nowhere; brought forward. Null: there is
  /// none.
  PerSequence<std::vector<int32_t>>* latest;
};

/// `logits` [B,N,H,K]: those of a chain's slot hold its bias, and are completed, as is the slot in
/// `set`. Throws Error(Fault::diverged) on NaN.
Choice choose(Array& logits, CandidateSet& set, const ChainScores& chain);

}  // namespace gnomon
