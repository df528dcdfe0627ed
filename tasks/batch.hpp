// What a task hands to a model.
#pragma once

#include "core/array.hpp"

namespace gnomon {

struct Batch {
  Index tokens;   ///< [B,N] in [0,V)
  Index targets;  ///< [B,N] the answer to give at n having seen tokens 0..n; -1: not scored
};

}  // namespace gnomon
