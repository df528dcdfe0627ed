// What a pointer layer shows of its choice to those who measure it (Context::watch).
#pragma once

#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// What the logits of the candidates are the sum of, [B,N,H,K] each; any number where a slot has no
/// candidate. In training with gumbel the noise is missing.
struct LogitParts {
  Array match;   ///< q . k / sqrt(C); 0 where the source scores by itself
  Array type;    ///< w_t . a + b_t of the candidate's type
  Array own;     ///< what its source adds; empty: none of them adds anything
  Index scored;  ///< [B,N,G,K] the place whose key is in `match`; -1: none
};

/// What the heads of one pointer layer chose from, and how far the gate is open.
struct Pointing {
  const Array& query;       ///< [B,N,H C]
  const Array& key;         ///< [B,N,H C]
  const Index& candidates;  ///< [B,N,G,K], G = 1 (the heads share) or H; -1: none
  const Index& read;        ///< the same, -1 also where to choose it is to read nothing
  const Array& logits;      ///< [B,N,H,K] of the candidates, before the temperature
  const Index& to;          ///< [B,N,H]; -1: nothing
  const Index& slot;        ///< [B,N,H] the slot that won, of K; -1: there was no candidate
  const Index& types;       ///< [K] the type of each slot
  /// Makes [B,N,D] g: the share of each feature that is let in, 0 to 1.
  std::function<Array()> gate;
  /// Why: makes the parts of `logits`, which they add up to (to the rounding of sums).
  std::function<LogitParts()> parts;
};

}  // namespace gnomon
