#include "nn/pointer/selection.hpp"

#include <algorithm>

#include "core/ops/mul.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/straight_through.hpp"

namespace gnomon {

const std::vector<std::string>& selection_modes() {
  static const std::vector<std::string> modes{"soft", "gumbel", "straight-through", "hard"};
  return modes;
}

Selection selection_of(const std::string& name) {
  const auto& modes = selection_modes();
  const auto found = std::find(modes.begin(), modes.end(), name);
  if (found == modes.end())
    fail_option("selection", "expected one of {}, got '{}'", fmt::join(modes, ", "), name);
  return static_cast<Selection>(found - modes.begin());
}

Decision decision(Selection mode, const Index& slot) {
  switch (mode) {
    case Selection::straight_through:
      return {slot};
    case Selection::hard:
      return {slot, true};
    default:
      return {};
  }
}

Var weights(Selection mode, const Var& logits, const Index& candidates, const Index& slot,
            real temperature) {
  const Var p = softmax(logits, candidates, temperature);
  switch (mode) {
    case Selection::straight_through:
      return straight_through(p, slot);
    case Selection::hard: {
      Array inverse = zeros_like(p.value());  // one-hot / p: the product is one-hot
      for (size_t r = 0; r < slot.size(); ++r)
        if (const int32_t k = slot.data()[r]; k >= 0) inverse.row(r)[k] = 1 / p.value().row(r)[k];
      return mul(p, inverse);
    }
    default:
      return p;
  }
}

}  // namespace gnomon
