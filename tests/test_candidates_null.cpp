// The source "null", which offers no place but the choice to read nothing.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/menu.hpp"

using namespace gnomon;

TEST_CASE("candidates: null is always there, is not scored, and no chain goes on from it") {
  constexpr size_t B = 2, N = 37, H = 2, D = 8, kNull = 2, kRun = 3;
  Pass pass;
  pass.tokens = Index({B, N}, 0);
  const Pointers below;
  Random random(3);
  const Var features = random.normal({B, N, D});
  const Array q = random.normal({B, N, D}), key = random.normal({B, N, D});
  const Array bias = random.normal({B, N, H, 4});
  const Menu menu("window:2,null,run", {D, H, 0, 1, "none"});
  Menu::Offer offer = menu.offer({features, below, pass, H});
  Array dots = gathered_dot_scores(q, key, offer.scored, H, 1);
  const Scores scores{q, key, 1, bias, offer.read, dots};
  menu.scan({features, below, pass, H, &scores}, offer);
  Array logits = dots.clone();
  for (size_t e = 0; e < logits.size(); ++e) logits.data()[e] += bias.data()[e];
  const Index slot = argmax(logits, offer.to);

  size_t nothing = 0;
  for (size_t b = 0; b < B; ++b)
    for (size_t n = 0; n < N; ++n)
      for (size_t h = 0; h < H; ++h) {
        CHECK(offer.to(b, n, h, kNull) >= 0);
        CHECK(offer.scored(b, n, h, kNull) == -1);
        CHECK(offer.read(b, n, h, kNull) == -1);
        CHECK(dots(b, n, h, kNull) == 0);
        if (n == 0) continue;
        const int32_t before = offer.read(b, n - 1, h, slot(b, n - 1, h));
        CHECK(offer.to(b, n, h, kRun) == (before < 0 ? -1 : before + 1));
        nothing += before < 0;
      }
  CHECK(nothing > 0);
}
