// What a pointer layer shows of its choice to those who measure it (Context::watch).
#pragma once

#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// What the heads of one pointer layer chose from, and how far the gate is open.
struct Pointing {
  const Array& query;       ///< [B,N,H C]
  const Array& key;         ///< [B,N,H C]
  const Index& candidates;  ///< [B,N,G,K], G = 1 (the heads share) or H; -1: none
  const Index& read;        ///< the same, -1 also where to choose it is to read nothing
  const Array& logits;      ///< [B,N,H,K] of the candidates, before the temperature
  const Index& to;          ///< [B,N,H]; -1: nothing
  /// Makes [B,N,D] g: the share of each feature that is let in, 0 to 1.
  std::function<Array()> gate;
};

}  // namespace gnomon
