// Checkpointed activations: a part of the forward pass keeps its input only, and is computed a
// second time when the backward pass reaches it (Chen et al., "Training deep nets with sublinear
// memory cost", 2016). Costs one more forward pass. The numbers are the same to the last bit, as
// long as the same noise is drawn again.
#pragma once

#include "core/precision.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// y = value, which is `again(x)` of some x: recorded as one node that keeps them and what `again`
/// captured. In the backward pass again(x) runs on a tape of its own, and its gradients reach all x
/// and all the parameters inside.
template <class Again>
Var recomputed(const std::vector<Var>& x, const Array& value, Again again) {
  const bool check = Tape::current() && Tape::current()->checks_finite();
  const Precision precision = affine_precision();
  std::vector<Array> values;
  for (const Var& of : x) values.push_back(of.value());
  return record("recompute", value, x, [=](const Array& dy, Inputs in) {
    const AffinePrecision as_before(precision);
    std::vector<Var> input;
    for (const Array& of : values) input.push_back(variable(of));
    Tape tape;
    tape.check_finite(check);
    tape.backward(again(input), dy);
    for (size_t i = 0; i < input.size(); ++i)
      if (!input[i].grad().empty()) in.add(i, input[i].grad());
  });
}

}  // namespace gnomon
