// Counter-based randomness: every number is a pure function of (seed, stream, index), computed by
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). There is
// no hidden state: the bits do not depend on the number of threads, and noise can be replayed.
//
//   block i: the words w0 .. w3 = philox(counter (i, stream), key seed), low halves first
//   an array takes whole blocks, a single number takes one: bits() = w1 w0
//     uniform of a word w:          u(w) = (floor(w / 2^9) + 1/2) / 2^23
//     normal of two words v and w:  sqrt(-2 ln u(v)) (cos 2 pi u(w), sin 2 pi u(w))   Box-Muller
//   split(label): the stream w1 w0 of block `label`, with the key seed xor 0x9e3779b97f4a7c15; a
//     text counts as its FNV-1a hash
//
// The streams of a run are named in tools/training/trainer.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/array.hpp"

namespace gnomon {

/// A hash of text: FNV-1a of 64 bits.
uint64_t fnv1a(std::string_view text);

class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// An independent stream named by a number or a word; does not advance this one.
  Random split(uint64_t label) const;
  Random split(std::string_view label) const;

  uint64_t bits();             ///< 64 fresh bits
  double uniform();            ///< in [0, 1)
  double normal();             ///< mean 0, deviation 1
  uint32_t below(uint32_t n);  ///< uniform in [0, n), without bias; n >= 1
  Array uniform(Shape shape);  ///< every element in (0, 1): safe for log
  Array normal(Shape shape);   ///< every element normal(0, 1)

 private:
  uint64_t seed_, stream_, next_ = 0;  // next_ counts blocks of four 32-bit words
};

}  // namespace gnomon
