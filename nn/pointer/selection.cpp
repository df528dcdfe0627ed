#include "nn/pointer/selection.hpp"

#include "core/ops/mul.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/straight_through.hpp"

namespace gnomon {

const std::vector<std::string>& selection_modes() {
  static const std::vector<std::string> modes{"soft", "gumbel", "straight-through", "hard"};
  return modes;
}

Var select(const std::string& mode, const Var& logits, const Index& candidates, const Index& chosen,
           real temperature) {
  const Var p = softmax(logits, candidates, temperature);
  if (mode == "soft" || mode == "gumbel") return p;
  if (mode == "straight-through") return straight_through(p);
  expect(mode == "hard", "select: mode: expected one of {}, got '{}'",
         fmt::join(selection_modes(), ", "), mode);
  Array inverse =
      zeros_like(p.value());  // one-hot / p: the product is one-hot, its gradient dp / p
  for (size_t r = 0; r < chosen.size(); ++r)
    if (const int32_t k = chosen.data()[r]; k >= 0) inverse.row(r)[k] = 1 / p.value().row(r)[k];
  return mul(p, inverse);
}

}  // namespace gnomon
