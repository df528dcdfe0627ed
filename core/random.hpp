// core/random.hpp
// Counter-based randomness: every number is a pure function of (seed, stream, index), computed by
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). There is
// no hidden state: the bits do not depend on the number of threads, and noise can be replayed.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/array.hpp"

namespace gnomon {

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
