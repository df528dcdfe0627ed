#include "tests/attention.hpp"

#include <doctest/doctest.h>

#include "core/ops/rotary.hpp"

using namespace gnomon;

TEST_CASE("attention: fused equals composed in double, values and gradients") {
  for (const AttentionProblem& p : attention_problems()) {
    CAPTURE(p.text());
    CHECK(largest_difference(run_attention(p, true), run_attention(p, false)) < 1e-10);
  }
}

TEST_CASE("rotary: the product of a query and a key depends on how far they are apart only") {
  constexpr size_t N = 300, H = 2, C = 6;
  Random random(1);
  const Array features = random.normal({2, H * C});
  Array q({1, N, H * C}), k({1, N, H * C});  // the same query and the same key at every position
  for (size_t n = 0; n < N; ++n) {
    std::copy_n(features.row(0), H * C, q.row(n));
    std::copy_n(features.row(1), H * C, k.row(n));
  }
  const Array turned_q = rotary(q, H).value(), turned_k = rotary(k, H).value();
  const auto product = [&](size_t h, size_t i, size_t j) {
    double sum = 0;
    for (size_t c = h * C; c < (h + 1) * C; ++c)
      sum += double{turned_q.row(i)[c] * turned_k.row(j)[c]};
    return sum;
  };
  for (size_t h = 0; h < H; ++h)
    for (const size_t distance : {0, 1, 5, 100})
      for (size_t j = 0; j + distance < N; ++j)
        CHECK(product(h, j + distance, j) ==
              doctest::Approx(product(h, distance, 0)).epsilon(1e-9));
  CHECK(std::abs(product(0, 5, 0) - product(0, 6, 0)) > 1e-3);
}

TEST_CASE("rotary: turns every pair by its angle, far beyond one piece of work") {
  constexpr size_t N = 200, C = 4;
  Random random(2);
  const Array x = random.normal({2, N, C});
  const Array y = rotary(x, 1, 0, 100).value();
  for (size_t b = 0; b < 2; ++b)
    for (size_t n = 0; n < N; ++n)
      for (size_t c = 0; c < C / 2; ++c) {
        const double angle = static_cast<double>(n) * (c == 0 ? 1 : 0.1);  // 100^(-2/4) = 1/10
        const double u = double{x(b, n, c)}, v = double{x(b, n, c + 2)};
        CHECK(double{y(b, n, c)} == doctest::Approx(u * std::cos(angle) - v * std::sin(angle)));
        CHECK(double{y(b, n, c + 2)} == doctest::Approx(v * std::cos(angle) + u * std::sin(angle)));
      }
}
