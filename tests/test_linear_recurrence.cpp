// linear_recurrence against its equation in plain loops, in pieces, on several threads, and what it
// refuses.
#include "core/ops/linear_recurrence.hpp"

#include <doctest/doctest.h>

#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

/// A that shrinks what it moves, and b.
struct Fixed {
  Array A, b;
  explicit Fixed(size_t M) : A(Random(1).normal({M, M})), b(Random(2).normal({M})) {
    for (real& a : A) a *= real(0.5) / std::sqrt(static_cast<real>(M));
  }
};

}  // namespace

TEST_CASE("linear_recurrence: values are those of its equation, at awkward sizes") {
  for (const size_t B : {size_t{1}, size_t{6}})
    for (const size_t M : {size_t{1}, simd::kLanes, 2 * simd::kLanes + 3}) {
      CAPTURE(B);
      CAPTURE(M);
      constexpr size_t N = 20;
      const Fixed by(M);
      const Array u = Random(3).normal({B, N});
      std::vector<double> expected;
      for (size_t b = 0; b < B; ++b) {
        std::vector<double> m(M);
        for (size_t n = 0; n < N; ++n) {
          std::vector<double> next(M);
          for (size_t i = 0; i < M; ++i) {
            next[i] = double{by.b(i)} * double{u(b, n)};
            for (size_t j = 0; j < M; ++j) next[i] += double{by.A(i, j)} * m[j];
          }
          m = next;
          expected.insert(expected.end(), m.begin(), m.end());
        }
      }
      CHECK(differs(linear_recurrence(u, by.A, by.b).value(),
                    [&](size_t e) { return expected[e]; }) == "");
    }
}

TEST_CASE("linear_recurrence: the same bits on any number of threads, forward and backward") {
  const auto run = [](int count) {
    const Fixed by(5);
    const Var u = variable(Random(3).normal({11, 30}));
    std::vector<real> bits;
    with_threads(count, [&] {
      Tape tape;
      const Var m = linear_recurrence(u, by.A, by.b);
      tape.backward(m, Random(9).normal(m.shape()));
      bits.assign(m.value().begin(), m.value().end());
    });
    bits.insert(bits.end(), u.grad().begin(), u.grad().end());
    return bits;
  };
  const std::vector<real> one = run(1);
  for (const int count : {2, 3}) CHECK(run(count) == one);
}

TEST_CASE("linear_recurrence: in pieces, with a state, it gives what the whole gives") {
  constexpr size_t N = 40, M = 3;
  const Fixed by(M);
  const Array u = Random(3).normal({2, N});
  const Array whole = linear_recurrence(u, by.A, by.b).value();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{39}}) {
    CAPTURE(piece);
    std::vector<std::vector<real>> state(2, std::vector<real>(M));
    for (size_t begin = 0, end = 0; begin < N; begin = end) {
      end = std::min(N, begin + piece);
      const Var m = linear_recurrence(slice(u, 1, begin, end), by.A, by.b, &state);
      CHECK(differs(m.value(), [&](size_t e) {
              const size_t row = e / M;
              return whole.row(row / (end - begin) * N + begin + row % (end - begin))[e % M];
            }) == "");
    }
  }
}

TEST_CASE("linear_recurrence: its products are counted") {
  const Fixed by(4);
  counters.reset();
  Tape tape;
  const Var m = linear_recurrence(variable(ones({3, 10})), by.A, by.b);
  CHECK(counters.matrix_flops == 2 * 30 * 16);
  tape.backward(m, ones(m.shape()));
  CHECK(counters.matrix_flops == 4 * 30 * 16);
}

TEST_CASE("linear_recurrence: what it refuses") {
  const auto says = [](const Array& A, const Array& b,
                       std::vector<std::vector<real>>* state = nullptr) {
    return sentence([&] { linear_recurrence(ones({2, 3}), A, b, state); });
  };
  CHECK(says(ones({2, 3}), ones({2})) ==
        "linear_recurrence: A [M,M]: expected a square, got shape [2,3]");
  CHECK(says(ones({2, 2}), ones({3})) == "linear_recurrence: b [M]: expected shape [2], got [3]");
  std::vector<std::vector<real>> few(1), thin(2, std::vector<real>(1));
  CHECK(says(ones({2, 2}), ones({2}), &few) ==
        "linear_recurrence: state: expected B = 2 sequences, got 1");
  CHECK(says(ones({2, 2}), ones({2}), &thin) ==
        "linear_recurrence: state [M]: expected M = 2 numbers, got 1");
}
