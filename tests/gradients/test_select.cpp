// The ways of selecting: each has the gradient of what it declares to stand in for it.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/gradcheck.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/scale.hpp"
#include "nn/pointer/selection.hpp"

using namespace gnomon;

namespace {

using V = const std::vector<Var>&;

// Two tokens, two heads, four candidates: some left out, one token (or head) with a single one, one
// with none at all; shared by the heads or of each its own.
const Index kShared({1, 3, 1, 4}, {0, 1, -1, 1, -1, -1, 0, -1, -1, -1, -1, -1});
const Index kPerHead({1, 3, 2, 4}, {0, 1,  -1, 1,  1, 0,  2, 1, -1, 0,  -1, -1,  //
                                    0, -1, 1,  -1, 1, -1, 0, 2, -1, -1, -1, -1});
const Shape kLogits{1, 3, 2, 4};

Var selected(const std::string& mode, const Var& logits, const Index& candidates, real tau) {
  return weights(selection_of(mode), logits, candidates, argmax(logits.value(), candidates), tau);
}

/// What `mode` is meant to have the gradient of; its value may be another.
Var declared(const std::string& mode, const Var& logits, const Index& candidates, real tau) {
  if (mode != "hard") return selected("soft", logits, candidates, tau);
  // p / stop(p) of the chosen candidate has the gradient of log p.
  Array chosen(logits.shape(), 0);
  const Index slot = argmax(logits.value(), candidates);
  for (size_t r = 0; r < slot.size(); ++r)
    if (slot.data()[r] >= 0) chosen.row(r)[slot.data()[r]] = 1;
  return mul(log_softmax(scale(logits, 1 / tau), candidates), chosen);
}

}  // namespace

TEST_CASE("select: the gradient of every mode is that of its declared surrogate") {
  for (const std::string& mode : selection_modes())
    for (const Index& candidates : {kShared, kPerHead})
      for (const real tau : {real(1), real(0.4)}) {
        const auto noisy = [&](const Var& logits) {
          Random noise(3);  // frozen: the same in every evaluation
          return mode == "gumbel" ? gumbel(logits, noise) : logits;
        };
        const auto result =
            gradcheck({mode,
                       [&](V v) { return selected(mode, noisy(v[0]), candidates, tau); },
                       {kLogits},
                       [&](V v) { return declared(mode, noisy(v[0]), candidates, tau); }});
        CAPTURE(mode);
        CAPTURE(tau);
        CAPTURE(result.where);
        CHECK(result.worst < 1e-6);
      }
}

TEST_CASE("select: the hard modes are not their surrogate's values, and their own slope is zero") {
  for (const char* mode : {"straight-through", "hard"}) {
    CAPTURE(mode);
    CHECK(
        gradcheck({mode, [&](V v) { return selected(mode, v[0], kPerHead, 1); }, {kLogits}}).worst >
        1e-2);
    const Var logits = Random(4).normal(kLogits);
    const Index slot = argmax(logits.value(), kPerHead);
    const Array weight = selected(mode, logits, kPerHead, real(0.4)).value();
    for (size_t r = 0; r < slot.size(); ++r)
      for (size_t k = 0; k < 4; ++k)
        CHECK(weight.row(r)[k] ==
              doctest::Approx(static_cast<int32_t>(k) == slot.data()[r] ? 1 : 0));
  }
}

TEST_CASE("select: soft weights of a head sum to one, and to zero where there is nothing") {
  const Array weight = selected("soft", Random(4).normal(kLogits), kPerHead, real(0.4)).value();
  for (size_t r = 0; r < 6; ++r) {
    double sum = 0;
    for (size_t k = 0; k < 4; ++k) {
      sum += double{weight.row(r)[k]};
      if (kPerHead.row(r)[k] < 0) CHECK(weight.row(r)[k] == 0);
    }
    CHECK(sum == doctest::Approx(r == 5 ? 0 : 1));
  }
}
