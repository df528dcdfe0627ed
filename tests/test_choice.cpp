// The one decider: the best of the candidates, and chains within the layer, against a twin.
#include "nn/pointer/choice.hpp"

#include <doctest/doctest.h>

#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/pointer_block.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 37, kH = 3;

struct Problem {
  Context context;
  Var features = Random(8).normal({kB, kN, 12});
  PreviousPointers previous;
  Problem() {
    context.tokens = Index({kB, kN});
    Random random(7);
    for (int32_t& t : context.tokens) t = static_cast<int32_t>(random.below(5));
  }
};

/// Chooses with random scores, against a twin in double that goes from left to right.
void check_chain(const std::string& type, const std::string& sources, double lift) {
  CAPTURE(type);
  Problem p;
  constexpr size_t C = 4;
  Random random(3);
  const Array q = random.normal({kB, kN, kH * C}), key = random.normal({kB, kN, kH * C});
  const Menu menu(sources, {12, kH, 0, 1, "none"});  // it comes last, wherever it was written
  CHECK(menu.types().back() == type);
  CandidateSet set = menu.offer({p.features, p.previous, p.context, kH});
  const Index& to = set.index.to;
  const size_t K = to.shape()[3];
  Array bias = random.normal({kB, kN, kH, K});
  for (size_t row = 0; row < kB * kN * kH; ++row) bias.row(row)[K - 1] += real(lift);
  Array logits = gathered_dot_scores(q, key, set.index.scored, kH, real(0.5));
  for (size_t e = 0; e < logits.size(); ++e) logits.data()[e] += bias.data()[e];
  const Choice choice = choose(logits, set, {q, key, real(0.5), nullptr});

  size_t continued = 0, none = 0;
  for (size_t b = 0; b < kB; ++b)
    for (size_t h = 0; h < kH; ++h) {
      int32_t before = -1;
      for (size_t n = 0; n < kN; ++n) {
        const int32_t next = before < 0 ? -1 : before + 1;
        CHECK(to(b, n, h, K - 1) == next);
        CHECK(set.index.scored(b, n, h, K - 1) == (type == "run" ? next : -1));
        double best = 0, second = -1e9;
        int32_t chosen = -1, slot = -1;
        for (size_t k = 0; k < K; ++k) {
          const int32_t j = to(b, n, h, k);
          if (j < 0) continue;
          double logit = double{bias(b, n, h, k)};
          for (size_t c = 0; c < C && set.index.scored(b, n, h, k) >= 0; ++c)
            logit += 0.5 * double{q(b, n, h * C + c)} * double{key(b, j, h * C + c)};
          CHECK(logits(b, n, h, k) == doctest::Approx(logit).epsilon(1e-5));
          if (slot < 0 || logit > best) {
            second = slot < 0 ? second : best;
            best = logit, chosen = j, slot = static_cast<int32_t>(k);
          } else {
            second = std::max(second, logit);
          }
        }
        CHECK(choice.slot(b, n, h) == slot);
        CHECK(choice.pointers.to(b, n, h) == chosen);
        if (second > -1e9)
          CHECK(choice.pointers.margin(b, n, h) == doctest::Approx(best - second).epsilon(1e-4));
        continued += next >= 0 && chosen == next;
        none += chosen < 0;
        before = chosen;
      }
    }
  CHECK(continued > 20);  // the case occurs
  CHECK((none > 0) == (sources.find("window") == sources.npos));
}

}  // namespace

TEST_CASE("choice: a chain goes on where the left neighbour points, when its logit wins") {
  check_chain("run", "window:2,run,match:1", 0);
  check_chain("run", "match:1,run", 1);
  check_chain("gated", "gated,window:2,match:1", 1);
  check_chain("gated", "gated,match:1", 2);
}

TEST_CASE(
    "choice: every way of selecting reads the same pointers, ties among equal tokens included") {
  // Equal features everywhere: all logits of a type tie, in `match` and in the window.
  Problem p;
  p.features = ones({kB, kN, 12});
  std::vector<Index> found;
  for (const char* mode : {"soft", "straight-through", "hard"}) {
    PointerBlock block({.sources = "window:3,match:2,run", .selection = mode},
                       {12, kH, 0, 1, "none"});
    block.initialise(3);
    for (const bool training : {true, false}) {
      p.context.training = training;
      found.push_back(block(p.features, {}, p.context, nullptr).pointers.to);
    }
  }
  for (const Index& to : found) CHECK(std::ranges::equal(to, found[0]));
}

TEST_CASE(
    "choice: what differs by a rounding is a tie, which the lowest slot wins, and no more is") {
  CandidateSet set;
  set.index.to = set.index.read = Index({1, 1, 1, 3});
  for (int32_t k = 0; k < 3; ++k) set.index.to.data()[k] = set.index.read.data()[k] = k;
  set.types = Index({3});
  const auto won = [&](real first, real second, real third) {
    Array logits({1, 1, 1, 3});
    logits.data()[0] = first, logits.data()[1] = second, logits.data()[2] = third;
    const Choice choice = choose(logits, set, {logits, logits, 1, nullptr});
    CHECK(choice.pointers.margin.item() >= 0);
    return choice.slot.item();
  };
  CHECK(won(1, real(1) + real(1e-6), 0) == 0);
  CHECK(won(-40, -40 + real(1e-4), -41) == 0);
  CHECK(won(0, real(1e-6), -real(1e-6)) == 0);
  CHECK(won(1, real(1) + real(1e-4), 0) == 1);
  CHECK(won(-40, -40 + real(1e-2), -41) == 1);
  CHECK(won(0, 0, real(1e-4)) == 2);
}
