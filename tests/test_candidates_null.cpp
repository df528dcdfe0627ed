// The source "null", which offers no place but the choice to read nothing.
#include <doctest/doctest.h>

#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/choice.hpp"

using namespace gnomon;

TEST_CASE("candidates: null is always there, is not scored, and no chain goes on from it") {
  constexpr size_t B = 2, N = 37, H = 2, D = 8, kNull = 2, kRun = 3;
  Context context;
  context.tokens = Index({B, N}, 0);
  const PreviousPointers below;
  Random random(3);
  const Var features = random.normal({B, N, D});
  const Array q = random.normal({B, N, D}), key = random.normal({B, N, D});
  const Array bias = random.normal({B, N, H, 4});
  const Menu menu("window:2,null,run", {D, H, 0, 1, "none"});
  CandidateSet set = menu.offer({features, below, context, H});
  Array logits = gathered_dot_scores(q, key, set.index.scored, H, 1);
  for (size_t e = 0; e < logits.size(); ++e) logits.data()[e] += bias.data()[e];
  const Pointers pointers = choose(logits, set, {q, key, 1, nullptr}).pointers;

  size_t nothing = 0;
  for (size_t b = 0; b < B; ++b)
    for (size_t n = 0; n < N; ++n)
      for (size_t h = 0; h < H; ++h) {
        CHECK(set.index.to(b, n, h, kNull) >= 0);
        CHECK(set.index.scored(b, n, h, kNull) == -1);
        CHECK(set.index.read(b, n, h, kNull) == -1);
        CHECK(logits(b, n, h, kNull) == bias(b, n, h, kNull));
        if (n == 0) continue;
        const int32_t before = pointers.to(b, n - 1, h);
        CHECK(set.index.to(b, n, h, kRun) == (before < 0 ? -1 : before + 1));
        nothing += before < 0;
      }
  CHECK(nothing > 0);
}
