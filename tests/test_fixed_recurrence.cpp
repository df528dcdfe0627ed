// fixed_recurrence beside plain loops in double; its bits, its pieces, its costs, what it refuses.
#include "core/ops/fixed_recurrence.hpp"

#include <doctest/doctest.h>

#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 30, kW = 3, kM = 7;

Array step_matrix() {
  Array A = Random(1).normal({kM, kM});
  for (real& x : A) x *= real(0.25);
  return A;
}

}  // namespace

TEST_CASE("fixed_recurrence: its equation, in plain loops") {
  const Array A = step_matrix(), into = Random(2).normal({kM}), u = Random(3).normal({kB, kN, kW});
  const Array m = fixed_recurrence(u, A, into).value();
  for (size_t b = 0; b < kB; ++b)
    for (size_t w = 0; w < kW; ++w) {
      std::vector<double> now(kM);
      for (size_t n = 0; n < kN; ++n) {
        std::vector<double> next(kM);
        for (size_t i = 0; i < kM; ++i) {
          next[i] = double{into(i)} * double{u(b, n, w)};
          for (size_t j = 0; j < kM; ++j) next[i] += double{A(i, j)} * now[j];
          CHECK(double{m(b, n, w * kM + i)} == doctest::Approx(next[i]).epsilon(1e-5));
        }
        now = next;
      }
    }
}

TEST_CASE("fixed_recurrence: the same bits on any number of threads, forward and backward") {
  const auto run = [](int threads) {
    std::vector<Array> all;
    with_threads(threads, [&] {
      const Var u = variable(Random(3).normal({kB, kN, kW}));
      Tape tape;
      const Var m = fixed_recurrence(u, step_matrix(), Random(2).normal({kM}));
      tape.backward(m, Random(4).normal(m.shape()));
      all = std::vector<Array>{m.value(), u.grad()};
    });
    return all;
  };
  const auto one = run(1);
  for (const int threads : {2, 3}) {
    const auto many = run(threads);
    for (size_t i = 0; i < one.size(); ++i) CHECK(std::ranges::equal(one[i], many[i]));
  }
}

TEST_CASE("fixed_recurrence: in pieces, with a memory, the same bits as the whole") {
  const Array A = step_matrix(), into = Random(2).normal({kM}), u = Random(3).normal({kB, kN, kW});
  const Array whole = fixed_recurrence(u, A, into).value();
  std::vector<std::vector<real>> memory(kB, std::vector<real>(kW * kM));
  for (size_t first = 0, length = 1; first < kN; first += length, length = length % 5 + 2) {
    const size_t end = std::min(kN, first + length);
    const Array part = fixed_recurrence(slice(u, 1, first, end), A, into, &memory).value();
    for (size_t b = 0; b < kB; ++b)
      CHECK(std::equal(part.row(b * (end - first)), part.row(b * (end - first)) + part.size() / kB,
                       whole.row(b * kN + first)));
  }
}

TEST_CASE("fixed_recurrence: counted work, linear in the tokens") {
  const Var u = variable(zeros({kB, kN, kW}));
  Tape tape;
  counters.reset();
  const Var m = fixed_recurrence(u, step_matrix(), zeros({kM}));
  CHECK(counters.matrix_flops == 2 * kB * kN * kW * kM * kM);
  tape.backward(m, ones(m.shape()));
  CHECK(counters.matrix_flops == 4 * kB * kN * kW * kM * kM);
}

TEST_CASE("fixed_recurrence: what it refuses") {
  const Array u = zeros({2, 3, 1}), A = zeros({4, 4}), into = zeros({4});
  CHECK(sentence([&] {
          fixed_recurrence(u, zeros({4, 3}), into);
        }) == "fixed_recurrence: A [M,M]: expected shape [4,4], got [4,3]");
  CHECK(sentence([&] {
          fixed_recurrence(zeros({2, 3}), A, into);
        }) == "fixed_recurrence: u [B,N,W]: expected 3 axes, got shape [2,3]");
  std::vector<std::vector<real>> memory(1);
  CHECK(sentence([&] { fixed_recurrence(u, A, into, &memory); }) ==
        "fixed_recurrence: memory: expected one for each of B = 2 sequences, got 1");
  memory.resize(2);
  CHECK(sentence([&] { fixed_recurrence(u, A, into, &memory); }) ==
        "fixed_recurrence: memory: expected W M = 4 numbers, got 0");
}
