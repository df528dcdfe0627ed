// block_attention and its choice of blocks against plain loops, in pieces, on several threads, and
// what they refuse.
#include "core/ops/block_attention.hpp"

#include <doctest/doctest.h>

#include "core/ops/attention.hpp"
#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct BlockInputs {
  Var q, k, v;
  size_t B, N, H, C, T, r;
  BlockInputs(size_t B, size_t N, size_t H, size_t C, size_t T, size_t r)
      : q(variable(Random(1).normal({B, N, H * C}))),
        k(variable(Random(2).normal({B, N, H * C}))),
        v(variable(Random(3).normal({B, N, H * C}))),
        B(B),
        N(N),
        H(H),
        C(C),
        T(T),
        r(r) {}
  Index choice() const {
    return choose_blocks(q.value(), block_sums(k.value(), T, 0, N / T), H, T, r);
  }
  Var attend() const { return block_attention(q, k, v, choice(), T); }
  double dot(size_t b, size_t n, size_t j, size_t h) const {
    double sum = 0;
    for (size_t c = h * C; c < (h + 1) * C; ++c)
      sum += double{q.value()(b, n, c)} * double{k.value()(b, j, c)};
    return sum;
  }
  /// The blocks that head h of token n reads, by the mean of the scores of their keys.
  std::vector<size_t> best(size_t b, size_t n, size_t h) const {
    std::vector<std::pair<double, size_t>> blocks;
    for (size_t m = 0; m < n / T; ++m) {
      double sum = 0;
      for (size_t j = m * T; j < (m + 1) * T; ++j) sum += dot(b, n, j, h);
      blocks.emplace_back(-sum, m);
    }
    std::ranges::sort(blocks);
    std::vector<size_t> chosen;
    for (size_t i = 0; i < std::min(r, blocks.size()); ++i) chosen.push_back(blocks[i].second);
    return chosen;
  }
  double expected(size_t e) const {
    const size_t D = H * C, d = e % D, h = d / C, n = e / D % N, b = e / D / N;
    std::vector<size_t> seen;
    for (const size_t m : best(b, n, h))
      for (size_t j = m * T; j < (m + 1) * T; ++j) seen.push_back(j);
    for (size_t j = n / T * T; j <= n; ++j) seen.push_back(j);
    double total = 0, sum = 0;
    for (const size_t j : seen) {
      const double p = std::exp(dot(b, n, j, h) / std::sqrt(static_cast<double>(C)));
      total += p, sum += p * double{v.value()(b, j, d)};
    }
    return sum / total;
  }
};

}  // namespace

TEST_CASE("block_attention: values are those of the plain loops, at awkward sizes") {
  constexpr size_t L = simd::kLanes;
  for (const auto& [N, H, C, T, r] : std::vector<std::array<size_t, 5>>{{1, 1, 3, 4, 2},
                                                                        {5, 2, 1, 1, 2},
                                                                        {70, 2, L, L, 3},
                                                                        {130, 1, 4 * L + 1, 9, 1},
                                                                        {150, 2, 4, 70, 1},
                                                                        {300, 1, 8, 2 * L, 5}}) {
    const auto& current_N = N;
    CAPTURE(current_N);
    const auto& current_T = T;
    CAPTURE(current_T);
    const BlockInputs x(2, N, H, C, T, r);
    CHECK(differs(
              x.attend().value(), [&](size_t e) { return x.expected(e); }, 1e-5) == "");
  }
}

TEST_CASE("block_attention: with all blocks it is attention, with gradients") {
  const BlockInputs x(2, 90, 2, 8, 16, 100), other(2, 90, 2, 8, 16, 100);
  const Array dy = Random(5).normal(x.q.shape());
  Tape tape;
  const Var got = x.attend(), expected = attention(other.q, other.k, other.v, 2, true);
  tape.backward(got, dy);
  Tape again;
  const Var same = attention(other.q, other.k, other.v, 2, true);
  again.backward(same, dy);
  const auto like = [](const Array& of) { return [&of](size_t e) { return of.data()[e]; }; };
  CHECK(differs(got.value(), like(expected.value()), 1e-5) == "");
  CHECK(differs(x.q.grad(), like(other.q.grad()), 1e-5) == "");
  CHECK(differs(x.k.grad(), like(other.k.grad()), 1e-5) == "");
  CHECK(differs(x.v.grad(), like(other.v.grad()), 1e-5) == "");
}

TEST_CASE("choose_blocks: the best finished blocks, best first, the lower of equal ones") {
  const Array k({1, 7, 1}, {1, 1, 5, 5, 1, 1, 9});  // sums 2, 10, 2; block 3 is not finished
  const Array sums = block_sums(k, 2, 0, 3);
  CHECK(std::ranges::equal(sums, std::vector<real>{2, 10, 2}));
  const Index up = choose_blocks(ones({1, 7, 1}), sums, 1, 2, 2);
  CHECK(
      std::ranges::equal(up, std::vector<int32_t>{-1, -1, -1, -1, 0, -1, 0, -1, 0, 1, 0, 1, 1, 0}));
  const Index down = choose_blocks(Array({1, 1, 1}, real(-1)), sums, 1, 2, 2, 6);
  CHECK(std::ranges::equal(down, std::vector<int32_t>{0, 2}));
}

TEST_CASE("block_attention: the same bits on any number of threads, forward and backward") {
  check_same_bits([] {
    const BlockInputs x(1, 300, 2, 16, 20, 3);
    return OpOfInputs{x.attend(), {x.q, x.k, x.v}};
  });
}

TEST_CASE("block_attention: in pieces, with all keys so far, it gives what the whole gives") {
  const BlockInputs x(2, 100, 2, 8, 9, 3);
  const Array whole = x.attend().value();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{10}, size_t{99}}) {
    CAPTURE(piece);
    for (size_t begin = 0, end = 0; begin < x.N; begin = end) {
      end = std::min(x.N, begin + piece);
      const Var q = slice(x.q, 1, begin, end);
      const Array sums = block_sums(x.k.value(), x.T, 0, end / x.T);
      const Var y = block_attention(
          q, x.k, x.v, choose_blocks(q.value(), sums, x.H, x.T, x.r, begin), x.T, begin);
      CHECK(differs(y.value(), [&](size_t e) {
              const size_t row = e / 16;
              return whole.row(row / (end - begin) * x.N + begin + row % (end - begin))[e % 16];
            }) == "");
    }
  }
}

TEST_CASE("block_attention: work is counted, and grows with tokens times what a token reads") {
  const auto run = [](size_t N, size_t r) {
    const BlockInputs x(1, N, 2, 8, 4, r);
    const Index to = x.choice();
    const size_t chosen =
        static_cast<size_t>(std::ranges::count_if(to, [](auto m) { return m >= 0; }));
    CHECK(chosen <= 2 * N * r);
    counters.reset();
    Tape tape;
    const Var y = block_attention(x.q, x.k, x.v, to, 4);
    CHECK(counters.matrix_flops == 4 * (2 * N + chosen) * 4 * 8);
    tape.backward(y, ones(y.shape()));
    CHECK(counters.matrix_flops == 14 * (2 * N + chosen) * 4 * 8);
  };
  run(64, 2);
  run(128, 1);
}

TEST_CASE("block_attention: what it refuses") {
  const BlockInputs x(1, 6, 2, 2, 2, 1);
  const Var& q = x.q;
  const auto says = [&](const Var& k, const Var& v, const Index& to, size_t T = 2) {
    return sentence([&] { block_attention(q, k, v, to, T); });
  };
  const Index none({1, 6, 2, 1}, -1), own({1, 6, 2, 1}, 0);
  CHECK(says(x.k, x.v, own) ==
        "block_attention: to [B,N,H,r]: expected -1 to -1 at token 0, got 0; a token chooses "
        "finished blocks only");
  CHECK(says(ones({1, 5, 4}), x.v, none) ==
        "block_attention: k [B,M,D]: expected B, D as in q [1,6,4] and keys up to position 6, got "
        "shape [1,5,4]");
  CHECK(says(x.k, ones({1, 7, 4}), none) ==
        "block_attention: v [B,M,D]: expected shape [1,6,4], got [1,7,4]");
  CHECK(says(x.k, x.v, Index({1, 6, 3, 1}, -1)) ==
        "block_attention: to [B,N,H,r]: expected B, N as in q [1,6,4] and a divisor H of D, got "
        "shape [1,6,3,1]");
  CHECK(says(x.k, x.v, none, 0) ==
        "block_attention: T: expected blocks of at least one token, got 0");
  CHECK(sentence([&] { block_sums(x.k.value(), 4, 0, 2); }) ==
        "block_sums: [begin,end): expected blocks of 4 tokens among 6, got [0,2)");
  CHECK(sentence([&] {
          choose_blocks(q.value(), ones({1, 1, 4}), 2, 2, 1);
        }) ==
        "choose_blocks: sums [B,S,D]: expected B, D as in q [1,6,4] and S >= 2, got shape [1,1,4]");
  CHECK(sentence([&] {
          choose_blocks(q.value(), ones({1, 3, 4}), 3, 2, 1);
        }) == "choose_blocks: expected D divisible by H and T above 0, got D = 4, H = 3, T = 2");
}
