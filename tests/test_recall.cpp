// How much the candidates miss: against a twin that compares every pair, one after the other.
#include <doctest/doctest.h>

#include "nn/pointer/chain_encoder.hpp"
#include "nn/pointer/recall.hpp"

using namespace gnomon;

namespace {

/// N is no multiple of any block.
constexpr size_t kB = 2, kN = 301, kH = 2, kC = 3;

struct Problem {
  Array query = Random(1).normal({kB, kN, kH*kC}), key = Random(2).normal({kB, kN, kH*kC});
  Index candidates{{kB, kN, kH, 4}, -1}, to{{kB, kN, kH}, -1}, targets{{kB, kN}, -1};
  Problem() {
    Random random(3);
    for (size_t e = 0; e < candidates.size(); ++e) {
      const size_t n = e / (4 * kH) % kN;
      if (random.below(5) > 0) candidates.data()[e] = static_cast<int32_t>(random.below(n + 1));
    }
    for (size_t e = 0; e < to.size(); ++e) to.data()[e] = candidates.row(e)[random.below(4)];
    for (size_t e = 0; e < targets.size(); e += 3) targets.data()[e] = 0;
  }
  double score(size_t b, size_t n, size_t h, size_t j) const {
    double sum = 0;
    for (size_t c = 0; c < kC; ++c) sum += double{query(b, n, h * kC + c)} * key(b, j, h * kC + c);
    return sum;
  }
};

}  // namespace

TEST_CASE("recall: what comparing every pair counts") {
  const Problem p;
  std::vector<Recall::Head> expected(kH);
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n)
      for (size_t h = 0; h < kH; ++h) {
        size_t best = 0;
        for (size_t j = 1; j <= n; ++j)
          if (p.score(b, n, h, j) > p.score(b, n, h, best)) best = j;
        bool recalled = false;
        for (size_t k = 0; k < 4; ++k)
          recalled |= p.candidates(b, n, h, k) == static_cast<int32_t>(best);
        const bool chosen = p.to(b, n, h) == static_cast<int32_t>(best);
        const bool scored = p.targets(b, n) >= 0;
        Recall::Head& e = expected[h];
        e.tokens += 1, e.recalled += recalled, e.chosen += chosen;
        e.scored += scored, e.scored_recalled += scored && recalled;
        e.scored_chosen += scored && chosen;
      }

  Recall recall;
  Context context;
  context.tokens = Index({kB, kN});
  for (int batch = 1; batch <= 2; ++batch) {  // counts add up over passes
    recall.watch(context, p.targets);
    context.watch({p.query, p.key, p.candidates, p.candidates, {}, p.to, p.to, {}, {}, {}});
    REQUIRE(recall.heads().size() == 1);
    for (size_t h = 0; h < kH; ++h) {
      const Recall::Head &got = recall.heads()[0][h], &e = expected[h];
      const auto times = static_cast<size_t>(batch);
      CHECK(e.chosen > 0);
      CHECK(e.chosen < e.recalled);
      CHECK(e.recalled < e.tokens);
      CHECK(got.tokens == times * e.tokens);
      CHECK(got.recalled == times * e.recalled);
      CHECK(got.chosen == times * e.chosen);
      CHECK(got.scored == times * e.scored);
      CHECK(got.scored_recalled == times * e.scored_recalled);
      CHECK(got.scored_chosen == times * e.scored_chosen);
    }
  }
}

TEST_CASE("recall: dense candidates hold every argmax, equal keys count as one") {
  const auto measured = [](const std::string& sources) {
    PointerChainEncoder encoder(
        EncoderConfig{.layers = 2, .width = 8, .heads = 2, .feed_forward = 8},
        PointerConfig{.sources = sources});
    encoder.initialise(4);
    Context context;
    context.tokens = Index({2, 40}, 0);
    const Index targets({2, 40}, -1);
    Recall recall;
    recall.watch(context, targets);
    encoder(Random(5).normal({2, 40, 8}), context);
    return recall;
  };
  const Recall dense = measured("dense"), window = measured("window:4");
  REQUIRE(dense.heads().size() == 2);
  for (const auto& layer : dense.heads()) {
    REQUIRE(layer.size() == 2);
    for (const Recall::Head& head : layer) {
      CHECK(head.tokens == 80);
      CHECK(head.recalled == head.tokens);
      CHECK(head.chosen == head.tokens);  // one type, so its logit decides nothing
      CHECK(head.scored == 0);
    }
  }
  for (const auto& layer : window.heads())
    for (const Recall::Head& head : layer) CHECK(head.recalled < head.tokens);

  Problem p;
  p.key.fill(1);
  Recall recall;
  Context context;
  context.tokens = Index({kB, kN});
  recall.watch(context, p.targets);
  p.to.fill(0);
  context.watch({p.query, p.key, p.candidates, p.candidates, {}, p.to, p.to, {}, {}, {}});
  CHECK(recall.heads()[0][0].chosen == kB * kN);
}

TEST_CASE("recall: a candidate that reads nothing recalls nothing, wherever it stands") {
  const auto recalled = [](const std::string& sources) {
    PointerChainEncoder encoder(
        EncoderConfig{.layers = 2, .width = 8, .heads = 2, .feed_forward = 8},
        PointerConfig{.sources = sources});
    encoder.initialise(4);
    Context context;
    context.tokens = Index({1, 2}, {0, 1});
    const Index targets({1, 2}, -1);
    Recall recall;
    recall.watch(context, targets);
    encoder(Random(5).normal({1, 2, 8}), context);
    std::vector<size_t> counts;
    for (const auto& layer : recall.heads())
      for (const Recall::Head& head : layer) counts.push_back(head.recalled + head.chosen);
    return counts;
  };
  CHECK(recalled("null") == std::vector<size_t>{0, 0, 0, 0});
  CHECK(recalled("null,match:1") == std::vector<size_t>{0, 0, 0, 0});  // no token occurs twice
  for (const size_t count : recalled("null / window:2")) CHECK(count <= 4);
  CHECK(recalled("null / dense")[2] == 4);
  CHECK(recalled("null | dense") == std::vector<size_t>{0, 4, 0, 4});
}

TEST_CASE("recall: refuses what would take hours") {
  const Array a({1, Recall::kLongest + 1, 1}, 0);
  const Index to({1, Recall::kLongest + 1, 1}, 0);
  Recall recall;
  Context context;
  context.tokens = Index({1, Recall::kLongest + 1});
  const Index targets({1, Recall::kLongest + 1}, -1);
  recall.watch(context, targets);
  const Index offered = to.reshaped({1, Recall::kLongest + 1, 1, 1});
  CHECK_THROWS_WITH_AS(context.watch({a, a, offered, offered, {}, to, to, {}, {}, {}}),
                       doctest::Contains("recall: tokens [B,N]: expected at most 65536 tokens"),
                       Error);
}
