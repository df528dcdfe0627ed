// The source `learned` against its definition.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/candidates.hpp"

using namespace gnomon;

TEST_CASE("candidates: learned mates are earlier, alike, and explored only in training") {
  Problem p;
  // Tokens with equal features have equal codes, so their latest twin must be found.
  const Array of_token = Random(9).normal({5, 12});
  for (size_t row = 0; row < kB * kN; ++row)
    std::copy_n(of_token.row(static_cast<size_t>(p.tokens.data()[row])), 12,
                p.features.value().row(row));
  Menu menu("learned:2", place(0, 1));
  menu.initialise(4);
  const CandidateSet offer = menu.offer(p.scene());
  const size_t K = offer.index.to.shape()[3];
  CHECK(K == 2 * (2 + 1));
  for (size_t b = 0; b < kB; ++b)
    for (int32_t n = 0; n < static_cast<int32_t>(kN); ++n)
      for (size_t h = 0; h < kH; ++h) {
        const auto to = offered(offer.index.to, b, static_cast<size_t>(n), h);
        int32_t twin = -1;
        for (int32_t j = 0; j < n; ++j)
          if (p.tokens(b, j) == p.tokens(b, n)) twin = j;
        bool found = twin < 0;
        for (size_t s = 0; s < 4; s += 2) {
          CHECK(to[s] < n);
          CHECK(to[s + 1] == (to[s] < 0 ? -1 : to[s] + 1));
          if (to[s] < 0) continue;
          found |= to[s] == twin;
          const real logit = offer.logits.value()(b, n, h, s);
          CHECK(logit <= real(0.5001));
          if (p.tokens(b, to[s]) == p.tokens(b, n))
            CHECK(logit == doctest::Approx(0.5).epsilon(1e-3));
        }
        CHECK(found);
        if (twin >= 0) CHECK(to[0] == twin);  // the most similar, and of those the latest
        for (size_t s = 4; s < K; ++s) CHECK(to[s] == -1);
      }
  p.context.training = true;
  const Index explored = menu.offer(p.scene()).index.to;
  size_t drawn = 0;
  for (int32_t n = 1; n < static_cast<int32_t>(kN); ++n)
    for (size_t h = 0; h < kH; ++h) {
      const auto to = offered(explored, 0, static_cast<size_t>(n), h);
      CHECK(to[4] >= 0);
      CHECK(to[4] < n);
      CHECK(to[5] == to[4] + 1);
      drawn += to[4] < n / 2;
    }
  CHECK(drawn > kN);  // not always the latest: half of 3 * 36 draws, give or take
}

TEST_CASE("candidates: learned codes and logits are those of the header") {
  // Offered to all three heads, or to the outer ones: then they alone have codes.
  std::string sources;
  std::vector<size_t> heads;
  SUBCASE("all heads") { sources = "learned:2", heads = {0, 1, 2}; }
  SUBCASE("two tokens") { sources = "learned-pairs:2", heads = {0, 1, 2}; }
  SUBCASE("two heads") { sources = "learned:2|window:4|learned:2", heads = {0, 2}; }
  Problem p;
  p.embedded = Random(10).normal({kB, kN, 12});
  Menu menu(sources, place(1, 2));
  menu.initialise(4);
  const Array *span = nullptr, *code = nullptr, *weight = nullptr, *bias = nullptr;
  Random random(11);
  for (const Parameter& parameter : menu.parameters()) {
    const auto is = [&](const char* name) { return parameter.name.ends_with(name); };
    Array& value = parameter.var->value();
    if (is("span.weight")) span = &value;
    if (is("code.weight")) code = &value;
    if (is("strength.weight")) weight = &value;
    if (is("strength.bias")) bias = &value;
    if (is("strength.weight") || is("strength.bias"))
      for (real& v : value) v += static_cast<real>(random.normal());
  }
  CHECK((span != nullptr) == sources.starts_with("learned-pairs"));
  REQUIRE(code);
  REQUIRE(weight);
  REQUIRE(bias);
  CHECK(code->shape() == Shape{heads.size() * 16, 12});
  // In double, from the definition: the code of token n and own head h, and how strong it is.
  const auto u = [&](size_t b, size_t n, size_t h) {
    std::vector<double> read(12), of(16);
    for (size_t back = 0; back <= (span && n > 0 ? 1 : 0); ++back) {
      const real* x = p.embedded.value().row(b * kN + n - back);
      double squares = 0;
      for (size_t d = 0; d < 12; ++d) squares += double{x[d]} * x[d];
      for (size_t d = 0; d < 12; ++d)
        read[d] += (span ? double{span->row(back)[d]} : 1) * x[d] / std::sqrt(squares / 12 + 1e-5);
    }
    double length = 0;
    for (size_t i = 0; i < 16; ++i) {
      for (size_t d = 0; d < 12; ++d) of[i] += double{code->row(16 * h + i)[d]} * read[d];
      length += of[i] * of[i];
    }
    for (double& v : of) v /= std::sqrt(length + 16e-5);
    return of;
  };
  const auto strength = [&](size_t b, size_t n, size_t h) {
    double s = 8 * double{bias->data()[h]};
    for (size_t d = 0; d < 12; ++d)
      s += double{weight->row(h)[d]} * p.features.value().row(b * kN + n)[d];
    return s;
  };
  const CandidateSet offer = menu.offer(p.scene());
  size_t seen = 0;
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n)
      for (size_t h = 0; h < heads.size(); ++h) {
        const auto to = offered(offer.index.to, b, n, heads[h]);
        for (size_t slot = 0; slot < 4; ++slot) {
          if (to[slot] < 0) continue;
          const auto own = u(b, n, h), mate = u(b, static_cast<size_t>(to[slot - slot % 2]), h);
          double product = 0;
          for (size_t i = 0; i < 16; ++i) product += own[i] * mate[i];
          CHECK(offer.logits.value()(b, n, heads[h], slot) ==
                doctest::Approx(strength(b, n, h) * product).epsilon(1e-3));
          ++seen;
        }
      }
  CHECK(seen > kB * kN * heads.size() / 2);
}

TEST_CASE("candidates: learned finds the latest twin among thousands of other tokens") {
  // One token in 64 has a twin, far back; all others differ, and fill buckets of few directions.
  constexpr size_t N = 4096, D = 12;
  Random random(5);
  Array x = random.normal({1, N, D});
  for (size_t n = N / 2; n < N; n += 64) std::copy_n(x.row(n - N / 2 + 7), D, x.row(n));
  Context context;
  context.tokens = Index({1, N});
  context.embedded = x;
  const Var features = random.normal({1, N, D});
  Menu menu("learned:2", place(0, 1));
  menu.initialise(4);
  const PreviousPointers none;
  const Index to = menu.offer({features, none, context, kH}).index.to;
  const size_t K = to.shape()[3];
  for (size_t n = N / 2; n < N; n += 64)
    for (size_t h = 0; h < kH; ++h) {
      const int32_t* row = to.data() + (n * kH + h) * K;
      const auto twin = static_cast<int32_t>(n - N / 2 + 7);
      CHECK(std::find(row, row + K, twin) != row + K);
    }
}
