// softmax_scan beside plain loops in double; its bits, its pieces, its costs, what it refuses.
#include "core/ops/softmax_scan.hpp"

#include <doctest/doctest.h>

#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 37, kH = 3, kP = 5;

/// o as its equation has it: two sums over all tokens so far, for every token.
std::vector<double> scanned_plainly(const Array& s, const Array& v) {
  const auto [B, N, H] = dims<3>(s, "s");
  const size_t P = v.shape().last() / H;
  std::vector<double> o;
  for (size_t b = 0; b < B; ++b)
    for (size_t n = 0; n < N; ++n)
      for (size_t h = 0; h < H; ++h)
        for (size_t e = 0; e < P; ++e) {
          double top = 0, below = 0;
          for (size_t j = 0; j <= n; ++j) {
            const double weight = std::exp(double{s(b, j, h)});
            top += weight * double{v(b, j, h * P + e)};
            below += weight;
          }
          o.push_back(top / below);
        }
  return o;
}

}  // namespace

TEST_CASE("softmax_scan: its equation, in plain loops") {
  const Array s = Random(1).normal({kB, kN, kH}), v = Random(2).normal({kB, kN, kH * kP});
  const Array o = softmax_scan(s, v).value();
  const std::vector<double> expected = scanned_plainly(s, v);
  for (size_t e = 0; e < o.size(); ++e)
    CHECK(double{o.data()[e]} == doctest::Approx(expected[e]).epsilon(1e-5));
}

TEST_CASE("softmax_scan: large scores neither overflow nor hide what comes later") {
  const Array s({1, 3, 1}, {-3000, 3000, 3000}), v({1, 3, 1}, {1, 2, 4});
  const Array o = softmax_scan(s, v).value();
  CHECK(o.data()[0] == 1);
  CHECK(o.data()[1] == 2);
  CHECK(o.data()[2] == 3);
}

TEST_CASE("softmax_scan: a million equal weights are still counted") {
  constexpr size_t N = 1 << 20;
  Array v({1, N, 1}, 1);
  std::fill_n(v.data(), N / 2, real{0});
  const Array o = softmax_scan(zeros({1, N, 1}), v).value();
  CHECK(double{o.data()[N - 1]} == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("softmax_scan: the same bits on any number of threads, forward and backward") {
  check_same_bits([] {
    const Var s = variable(Random(1).normal({kB, kN, kH})),
              v = variable(Random(2).normal({kB, kN, kH * kP}));
    return OpOfInputs{softmax_scan(s, v), {s, v}};
  });
}

TEST_CASE("softmax_scan: in pieces, with what it remembers, the same bits as the whole") {
  const Array s = Random(1).normal({kB, kN, kH}), v = Random(2).normal({kB, kN, kH * kP});
  const Array whole = softmax_scan(s, v).value();
  std::vector<std::vector<double>> memory(kB, softmax_scan_start(kH, kP));
  for (size_t first = 0, length = 1; first < kN; first += length, length = length % 7 + 3) {
    const size_t end = std::min(kN, first + length);
    const Array part =
        softmax_scan(slice(s, 1, first, end), slice(v, 1, first, end), &memory).value();
    for (size_t b = 0; b < kB; ++b)
      CHECK(std::equal(part.row(b * (end - first)), part.row(b * (end - first)) + part.size() / kB,
                       whole.row(b * kN + first)));
  }
}

TEST_CASE("softmax_scan: counted work, linear in the tokens") {
  counters.reset();
  const Var s = variable(zeros({kB, kN, kH})), v = variable(zeros({kB, kN, kH * kP}));
  Tape tape;
  const Var o = softmax_scan(s, v);
  CHECK(counters.matrix_flops == 2 * kB * kN * kH * kP);
  tape.backward(o, ones(o.shape()));
  CHECK(counters.matrix_flops == 6 * kB * kN * kH * kP);
}

TEST_CASE("softmax_scan: what it refuses") {
  const Array s = zeros({2, 3, 2});
  CHECK(sentence([&] {
          softmax_scan(s, zeros({2, 3}));
        }) == "softmax_scan: v [B,N,H P]: expected 3 axes, got shape [2,3]");
  CHECK(sentence([&] {
          softmax_scan(s, zeros({2, 3, 5}));
        }) ==
        "softmax_scan: v [B,N,H P]: expected B = 2, N = 3 and a multiple of H = 2, got shape "
        "[2,3,5]");
  std::vector<std::vector<double>> memory(2, softmax_scan_start(2, 3));
  CHECK(sentence([&] {
          softmax_scan(s, zeros({2, 3, 4}), &memory);
        }) == "softmax_scan: memory: expected H (2 + P) = 8 numbers, got 10");
  memory.pop_back();
  CHECK(sentence([&] {
          softmax_scan(s, zeros({2, 3, 6}), &memory);
        }) == "softmax_scan: memory: expected one for each of B = 2 sequences, got 1");
}
