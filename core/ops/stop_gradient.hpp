// core/ops/stop_gradient.hpp
// stop_gradient: y = x, as a constant.      backward: nothing
#pragma once

#include "core/tape.hpp"

namespace gnomon {

/// Shares the numbers of x; no node is recorded.
inline Var stop_gradient(const Var& x) { return Var(x.value()); }

}  // namespace gnomon
