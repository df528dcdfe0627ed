// tests/with_threads.hpp
// Runs part of a test on a given number of threads, and compares the bits of several.
#pragma once

#include <doctest/doctest.h>

#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Calls act() with set_threads(count); the number before is restored, also after an exception.
template <class Act>
void with_threads(int count, Act&& act) {
  struct Restore {
    int before = threads();
    ~Restore() { set_threads(before); }
  } const restore;
  set_threads(count);
  act();
}

/// What an op makes of inputs that nothing else has used: their gradients are its own.
struct OpOfInputs {
  Var y;
  std::vector<Var> inputs;
};

/// The value and all gradients, for a random cotangent, have the same bits on 1, 2 and 3 threads.
/// `apply` makes the inputs anew and applies the op, under a tape; an empty input has no gradient.
template <class Apply>
void check_same_bits(Apply&& apply) {
  const auto bits_on = [&](int count) {
    std::vector<real> bits;
    with_threads(count, [&] {
      Tape tape;
      const OpOfInputs made = apply();
      tape.backward(made.y, Random(9).normal(made.y.shape()));
      bits.assign(made.y.value().begin(), made.y.value().end());
      for (const Var& x : made.inputs) {
        REQUIRE(x.grad().empty() == x.value().empty());
        bits.insert(bits.end(), x.grad().begin(), x.grad().end());
      }
    });
    return bits;
  };
  const std::vector<real> one = bits_on(1);
  for (const int count : {2, 3}) CHECK(bits_on(count) == one);
}

}  // namespace gnomon
