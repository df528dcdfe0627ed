// turn, and the sums of angles that it is given: beside plain loops, in bits, in pieces.
#include "core/ops/turn.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "core/ops/prefix_sum.hpp"
#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {
constexpr double kTurn = 2 * std::numbers::pi;
}

TEST_CASE("turn: its equation, in plain loops") {
  constexpr size_t B = 2, N = 7, H = 3, C = 10;
  const Array x = Random(1).normal({B, N, H * C});
  Array angle = Random(2).normal({B, N, H * C / 2});
  for (real& t : angle) t *= 3;
  const Array y = turn(x, angle, H).value();
  for (size_t row = 0; row < B * N * H; ++row)
    for (size_t c = 0; c < C / 2; ++c) {
      const double t{angle.data()[row * C / 2 + c]}, low{x.data()[row * C + c]},
          high{x.data()[row * C + c + C / 2]};
      CHECK(double{y.data()[row * C + c]} ==
            doctest::Approx(low * std::cos(t) - high * std::sin(t)).epsilon(1e-5));
      CHECK(double{y.data()[row * C + c + C / 2]} ==
            doctest::Approx(high * std::cos(t) + low * std::sin(t)).epsilon(1e-5));
    }
}

TEST_CASE("turn: the same bits on any number of threads, forward and backward") {
  check_same_bits([] {
    const Var x = variable(Random(1).normal({3, 300, 12})),
              angle = variable(Random(2).normal({3, 300, 6}));
    return OpOfInputs{turn(x, prefix_sum(angle, nullptr, kTurn), 2), {x, angle}};
  });
}

TEST_CASE("turn: what it refuses") {
  CHECK(sentence([] {
          turn(zeros({1, 2, 6}), zeros({1, 2, 3}), 2);
        }) == "turn: expected D divisible by H and an even C = D / H, got D = 6, H = 2");
  CHECK(sentence([] {
          turn(zeros({1, 2, 8}), zeros({1, 2, 8}), 2);
        }) == "turn: angle [B,N,H C/2]: expected shape [1,2,4], got [1,2,8]");
  CHECK(sentence([] {
          turn(zeros({2, 8}), zeros({2, 4}), 2);
        }) == "turn: x [B,N,H C]: expected 3 axes, got shape [2,8]");
}

TEST_CASE("prefix_sum: modulo a period, of more columns than one piece of work has, in pieces") {
  constexpr size_t B = 2, N = 50, D = 21;
  const Array x = Random(4).normal({B, N, D});
  const Array whole = prefix_sum(x, nullptr, kTurn).value(), plain = prefix_sum(x).value();
  for (size_t b = 0; b < B; ++b)
    for (size_t d = 0; d < D; ++d) {
      double sum = 0;
      for (size_t n = 0; n < N; ++n) {
        sum += double{x(b, n, d)};
        CHECK(double{plain(b, n, d)} == doctest::Approx(sum).epsilon(1e-5));
        const double angle{whole(b, n, d)};
        CHECK(angle >= 0);
        CHECK(std::cos(angle) == doctest::Approx(std::cos(sum)).epsilon(1e-5));
        CHECK(std::sin(angle) == doctest::Approx(std::sin(sum)).epsilon(1e-5));
      }
    }
  std::vector<double> carry(B * D, 0.0);
  for (size_t first = 0; first < N; first += 13) {
    const size_t end = std::min(N, first + 13);
    const Array part = prefix_sum(slice(x, 1, first, end), &carry, kTurn).value();
    for (size_t b = 0; b < B; ++b)
      for (size_t e = 0; e < (end - first) * D; ++e)
        CHECK(part.row(b * (end - first))[e] == whole.row(b * N + first)[e]);
  }
}

TEST_CASE("prefix_sum: a million turns of a quarter lose nothing") {
  constexpr size_t N = 1 << 20;
  const Array x({1, N, 1}, static_cast<real>(kTurn / 4));
  const Array angle = prefix_sum(x, nullptr, kTurn).value();
  const double expected = std::fmod(static_cast<double>(N) * double{x.data()[0]}, kTurn);
  CHECK(double{angle.data()[N - 1]} == doctest::Approx(expected).epsilon(1e-6));
  CHECK(sentence([&] { prefix_sum(x, nullptr, -1); }) ==
        "prefix_sum: period: expected a positive number, or 0 for none, got -1");
}
