// The source "gated", walked in blocks, against a twin that walks from left to right.
#include <doctest/doctest.h>

#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/menu.hpp"

using namespace gnomon;

TEST_CASE("candidates: gated continues wherever its own logit exceeds all others") {
  // Long enough for several blocks, with stretches that nothing interrupts for more than a block,
  // and a beginning at which there is no candidate at all.
  constexpr size_t B = 2, N = 9000, H = 2, D = 4;
  Pass pass;
  pass.tokens = Index({B, N});
  for (size_t e = 0; e < B * N; ++e)  // match:1 finds nothing before token 100
    pass.tokens.data()[e] = static_cast<int32_t>(e % N < 100 ? e % N : (e * e) % 97);
  const Var features = Random(8).normal({B, N, D});
  const Pointers below;
  const Menu menu("gated,match:1", {D, H, 0, 1, "none"});
  CHECK(menu.types().back() == "gated");
  Menu::Offer offer = menu.offer({features, below, pass, H});
  const size_t K = offer.to.shape()[3];
  Random random(3);
  const Array q = random.normal({B, N, D}), key = random.normal({B, N, D});
  Array bias = random.normal({B, N, H, K});
  for (size_t b = 0; b < B; ++b)
    for (size_t n = 0; n < N; ++n) {
      bias(b, n, 0, K - 1) = n % 3000 == 150 || n < 130 ? real(-9) : real(99);  // head 0: long runs
      if (n < 50) bias(b, n, 1, K - 1) = real(99);
    }
  Array dots = gathered_dot_scores(q, key, offer.scored, H, real(0.5));
  const Scores scores{q, key, real(0.5), bias, offer.read, dots};
  const Scene scene{features, below, pass, H, &scores};
  menu.scan(scene, offer);

  size_t continued = 0, none = 0;
  for (size_t b = 0; b < B; ++b)
    for (size_t h = 0; h < H; ++h) {
      int32_t before = -1;
      bool equal = true;
      for (size_t n = 0; n < N; ++n) {
        const int32_t offered = before < 0 ? -1 : before + 1;
        equal &= offer.to(b, n, h, K - 1) == offered && offered <= static_cast<int32_t>(n);
        equal &= offer.scored(b, n, h, K - 1) == -1;
        int32_t chosen = -1;
        double best = 0;
        for (size_t k = 0; k + 1 < K; ++k) {
          const int32_t j = offer.to(b, n, h, k);
          if (j < 0) continue;
          double logit = double{bias(b, n, h, k)};
          for (size_t c = 0; c < D / H; ++c)
            logit += 0.5 * double{q(b, n, h * D / H + c)} * double{key(b, j, h * D / H + c)};
          if (chosen < 0 || logit > best) best = logit, chosen = j;
        }
        if (offered >= 0 && (chosen < 0 || double{bias(b, n, h, K - 1)} > best)) {
          chosen = offered;
          ++continued;
        }
        none += chosen < 0;
        before = chosen;
      }
      CHECK(equal);
    }
  CHECK(continued > N);
  CHECK(none > 100);
}
