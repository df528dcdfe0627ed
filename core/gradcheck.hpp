// Backward against central differences, in double, over every element of every input, through a
// random cotangent (an all-ones cotangent cannot see softmax: its rows sum to one).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/tape.hpp"

namespace gnomon {

using Function = std::function<Var(const std::vector<Var>&)>;

/// One row of the gradient table.
struct OpCase {
  std::string name;  ///< the file's stem in core/ops, and a variation: "softmax masked"
  Function op;
  std::vector<Shape> inputs;  ///< filled with normal(0, 1): both signs occur
  /// A straight-through op fails finite differences on purpose: its backward is checked against the
  /// differences of this declared stand-in instead.
  Function surrogate = {};
  double low = 0, high = 0;  ///< when low < high: inputs are uniform in [low, high) instead
  double step = 1e-5;        ///< half the distance of the central difference
};

struct GradcheckResult {
  double worst = 0;   ///< largest |backward - difference| / max(1, |difference|)
  std::string where;  ///< "input 1, element 7: expected 0.31, got 0.29"
};

/// Throws Error when the op gives no gradient shape, or two backward passes differ in a bit.
GradcheckResult gradcheck(const OpCase& c, uint64_t seed = 1);

/// One random direction u through all `parameters` at once: |d/dt loss(p + t u) - grad . u| /
/// max(1, |d/dt loss|). For whole models, where a table of all elements would be too long.
double directional_check(const std::function<Var()>& loss, std::vector<Var> parameters,
                         uint64_t seed, double step = 1e-5);

}  // namespace gnomon
