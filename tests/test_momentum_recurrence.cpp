// momentum_recurrence beside plain loops in double; its bits, pieces and costs, what it refuses.
#include "core/ops/momentum_recurrence.hpp"

#include <doctest/doctest.h>

#include "core/ops/sigmoid.hpp"
#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct Sizes {
  size_t B, N, H, C, P, window;
};
// Registers that are full and that are not, more than one of them, several chunks.
const std::vector<Sizes> kSizes{{2, 11, 2, 4, 3, 1},
                                {1, 70, 1, 5, 17, 3},
                                {2, 33, 3, 8, 16, 2},
                                {1, 40, 2, 33, 48, 1},
                                {1, 2, 1, 2, 2, 5}};

struct Inputs6 {
  explicit Inputs6(const Sizes& s) {
    Random random(s.N);
    const auto some = [&](size_t width, real size) {
      Array x = random.normal({s.B, s.N, width});
      for (real& e : x) e *= size;
      return variable(x);
    };
    const real unit = 1 / std::sqrt(static_cast<real>(s.C));
    q = some(s.H * s.C, unit), k = some(s.H * s.C, unit), v = some(s.H * s.P, 1);
    for (Var* rate : {&theta, &alpha, &eta}) *rate = some(s.H, 1);
    for (real& x : alpha.value()) x -= 3;
  }
  Var run(size_t window, std::vector<std::vector<real>>* memory = nullptr) const {
    return momentum_recurrence(q, k, v, {sigmoid(theta), sigmoid(alpha), sigmoid(eta)}, window,
                               memory);
  }
  Inputs6 part(size_t begin, size_t end) const {
    Inputs6 cut = *this;
    for (Var* x : {&cut.q, &cut.k, &cut.v, &cut.theta, &cut.alpha, &cut.eta})
      *x = slice(*x, 1, begin, end);
    return cut;
  }
  Var q, k, v, theta, alpha, eta;
};

/// As the equations have it, with all E of a window before anything moves.
std::vector<double> recalled_plainly(const Inputs6& x, const Sizes& s) {
  const auto gate = [](const Var& z, size_t row, size_t h) {
    return 1 / (1 + std::exp(-double{z.value().row(row)[h]}));
  };
  std::vector<double> o(s.B * s.N * s.H * s.P);
  for (size_t b = 0; b < s.B; ++b)
    for (size_t h = 0; h < s.H; ++h) {
      std::vector<double> M(s.C * s.P), Z(s.C * s.P);
      for (size_t n = 0; n < s.N; ++n) {
        const size_t row = b * s.N + n;
        std::vector<double> slope(s.C * s.P);
        for (size_t i = 0; i < s.window && i <= n; ++i) {
          const real *k = x.k.value().row(row - i) + h * s.C,
                     *v = x.v.value().row(row - i) + h * s.P;
          for (size_t p = 0; p < s.P; ++p) {
            double error = -double{v[p]};
            for (size_t c = 0; c < s.C; ++c) error += M[c * s.P + p] * double{k[c]};
            for (size_t c = 0; c < s.C; ++c) slope[c * s.P + p] += double{k[c]} * error;
          }
        }
        for (size_t e = 0; e < s.C * s.P; ++e) {
          Z[e] = gate(x.eta, row, h) * Z[e] - gate(x.theta, row, h) * slope[e];
          M[e] = (1 - gate(x.alpha, row, h)) * M[e] + Z[e];
        }
        for (size_t c = 0; c < s.C; ++c)
          for (size_t p = 0; p < s.P; ++p)
            o[(row * s.H + h) * s.P + p] +=
                double{x.q.value().row(row)[h * s.C + c]} * M[c * s.P + p];
      }
    }
  return o;
}

}  // namespace

TEST_CASE("momentum_recurrence: its equations, in plain loops") {
  for (const Sizes& s : kSizes) {
    CAPTURE(s.N);
    const Inputs6 x(s);
    const Array o = x.run(s.window).value();
    const std::vector<double> expected = recalled_plainly(x, s);
    for (size_t e = 0; e < o.size(); ++e)
      CHECK(std::abs(double{o.data()[e]} - expected[e]) <
            1e-4 * std::max(1.0, std::abs(expected[e])));
  }
}

TEST_CASE("momentum_recurrence: the same bits on any number of threads, forward and backward") {
  const Sizes s{3, 70, 2, 8, 5, 2};
  check_same_bits([&] {
    const Inputs6 x(s);
    return OpOfInputs{x.run(s.window), {x.q, x.k, x.v, x.theta, x.alpha, x.eta}};
  });
}

TEST_CASE("momentum_recurrence: in pieces, with a memory, the same as the whole") {
  for (const Sizes& s : kSizes) {
    CAPTURE(s.N);
    const Inputs6 x(s);
    const Array whole = x.run(s.window).value();
    std::vector<std::vector<real>> memory(
        s.B, std::vector<real>(momentum_numbers(s.H, s.C, s.P, s.window)));
    for (size_t first = 0, length = 1; first < s.N; first += length, length = length % 7 + 3) {
      const size_t end = std::min(s.N, first + length);
      const Array part = x.part(first, end).run(s.window, &memory).value();
      for (size_t b = 0; b < s.B; ++b)
        for (size_t e = 0; e < part.size() / s.B; ++e)
          CHECK(part.row(b * (end - first))[e] ==
                doctest::Approx(whole.row(b * s.N + first)[e]).epsilon(1e-5));
    }
  }
}

TEST_CASE("momentum_recurrence: counted work, linear in the tokens") {
  const auto flops = [](size_t N, size_t window, bool backward) {
    const Inputs6 x({1, N, 2, 4, 3, window});
    Tape tape;
    counters.reset();
    const Var o = x.run(window);
    if (!backward) return counters.matrix_flops.load();
    counters.reset();
    tape.backward(o, ones(o.shape()));
    return counters.matrix_flops.load();
  };
  constexpr size_t each = 2 * 2 * 4 * 3;  // flops of H products of C P
  CHECK(flops(100, 1, false) == each * 3 * 100);
  CHECK(flops(100, 1, true) == each * 11 * 100);
  CHECK(flops(100, 3, false) == each * (2 * (300 - 3) + 100));  // of a window, 2 and 1 are missing
  CHECK(flops(2, 3, false) == each * (2 * 3 + 2));
}

TEST_CASE("momentum_recurrence: what it refuses") {
  const Var q = zeros({2, 3, 4}), v = zeros({2, 3, 6}), rate = zeros({2, 3, 2});
  const MomentumRates rates{rate, rate, rate};
  CHECK(sentence([&] { momentum_recurrence(q, v, v, rates); }) ==
        "momentum_recurrence: k [B,N,H C]: expected shape [2,3,4], got [2,3,6]");
  CHECK(sentence([&] {
          momentum_recurrence(q, q, zeros({2, 4, 6}), rates);
        }) == "momentum_recurrence: v [B,N,H P]: expected shape [2,3,6], got [2,4,6]");
  CHECK(sentence([&] {
          momentum_recurrence(q, q, zeros({2, 3, 5}), rates);
        }) ==
        "momentum_recurrence: expected widths of q and v that are divisible by H, got 4, 5 and H = "
        "2");
  CHECK(sentence([&] {
          momentum_recurrence(q, q, v, {rate, rate, zeros({2, 3, 1})});
        }) ==
        "momentum_recurrence: theta, alpha, eta [B,N,H]: expected shape [2,3,2], got [2,3,1]");
  CHECK(sentence([&] { momentum_recurrence(q, q, v, rates, 0); }) ==
        "momentum_recurrence: window: expected at least one token, got 0");
  std::vector<std::vector<real>> memory(1);
  CHECK(sentence([&] { momentum_recurrence(q, q, v, rates, 1, &memory); }) ==
        "momentum_recurrence: memory: expected one for each of B = 2 sequences, got 1");
  memory.resize(2);
  CHECK(sentence([&] { momentum_recurrence(q, q, v, rates, 3, &memory); }) ==
        "momentum_recurrence: memory: expected 44 numbers, got 0");
  Tape tape;
  memory.assign(2, std::vector<real>(momentum_numbers(2, 2, 3, 1)));
  const Var o = momentum_recurrence(variable(q.value()), q, v, rates, 1, &memory);
  CHECK(sentence([&] { tape.backward(o, ones(o.shape())); }) ==
        "momentum_recurrence: gradients are those of whole sequences, got a memory");
}
