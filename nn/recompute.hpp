// Checkpointed activations: a part of the forward pass keeps its input only, and is computed a
// second time when the backward pass reaches it (Chen et al., "Training deep nets with sublinear
// memory cost", 2016). Costs one more forward pass. The numbers are the same to the last bit, as
// long as the same noise is drawn again.
#pragma once

#include "core/precision.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// y = value, which is `again(x)`: recorded as one node that keeps x and what `again` captured. In
/// the backward pass again(x) runs on a tape of its own, and its gradients reach x and all the
/// parameters inside.
template <class Again>
Var recomputed(const Var& x, const Array& value, Again again) {
  const bool check = Tape::current() && Tape::current()->checks_finite();
  const Precision precision = affine_precision();
  return record("recompute", value, {x}, [=, x = x.value()](const Array& dy, Inputs in) {
    const AffinePrecision as_before(precision);
    const Var input = variable(x);
    Tape tape;
    tape.check_finite(check);
    tape.backward(again(input), dy);
    in.add(0, input.grad());
  });
}

}  // namespace gnomon
