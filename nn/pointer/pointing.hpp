// nn/pointer/pointing.hpp
// What a pointer layer shows of its choice to whoever measures it (Pass::watch).
#pragma once

#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// What the heads of one pointer layer chose from, and how far they let it in.
struct Pointing {
  const Array& query;       ///< [B,N,H C]
  const Array& key;         ///< [B,N,H C]
  const Index& candidates;  ///< [B,N,G,K], G = 1 (the heads share) or H; -1: none
  const Array& logits;      ///< [B,N,H,K] of the candidates, before noise and temperature
  const Index& to;          ///< [B,N,H]; -1: nothing
  Array gate;               ///< [B,N,D] g: the share of each feature that is let in, 0 to 1
};

}  // namespace gnomon
