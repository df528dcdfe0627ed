// Random tokens.
#pragma once

#include "core/random.hpp"

namespace gnomon {

/// Uniform in [first, first + count).
inline int32_t draw(Random& random, size_t first, size_t count) {
  return static_cast<int32_t>(first + random.below(static_cast<uint32_t>(count)));
}

/// Uniform in [first, last].
inline size_t draw_length(Random& random, size_t first, size_t last) {
  return first + random.below(static_cast<uint32_t>(last - first + 1));
}

}  // namespace gnomon
