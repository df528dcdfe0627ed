// The fused op of the pointers against what it stands for, said in five ops; and the kernels under
// it against plain loops.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/ops/add.hpp"
#include "core/ops/gate.hpp"
#include "core/ops/gathered_attention.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/random.hpp"
#include "nn/pointer/selection.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct Case {
  size_t B, N, H, C, G, K;
  real tau;
  Selection mode;
  bool views;  // slot 0 is scored by its bias alone, slot 1 is the choice to read nothing
};

/// Rows of all kinds: repeated targets, rows that nobody reads, slots and tokens with nothing.
Candidates drawn(const Case& c, uint64_t seed) {
  Random random(seed);
  Index to({c.B, c.N, c.G, c.K});
  for (int32_t& t : to) t = static_cast<int32_t>(random.below(static_cast<uint32_t>(c.N + 1))) - 1;
  std::fill_n(to.data(), c.G * c.K, -1);
  if (!c.views) return {to, to, to};
  Index scored = to.clone(), read = to.clone();
  for (size_t r = 0; r < to.shape().rows(); ++r)
    scored.row(r)[0] = -1, read.row(r)[std::min<size_t>(1, c.K - 1)] = -1;
  return {to, scored, read};
}

struct Inputs4 {
  Var q, key, v, bias;
  explicit Inputs4(const Case& c)
      : q(variable(Random(1).normal({c.B, c.N, c.H * c.C}))),
        key(variable(Random(2).normal({c.B, c.N, c.H * c.C}))),
        v(variable(Random(3).normal({c.B, c.N, c.H * c.C}))),
        bias(variable(Random(4).normal({c.B, c.N, c.H, c.K}))) {}
};

/// Where the scores are largest.
Index slots(const Inputs4& in, const Case& c, const Candidates& candidates) {
  Array s = gathered_dot_scores(in.q.value(), in.key.value(), candidates.scored, c.H, real(0.3));
  for (size_t e = 0; e < s.size(); ++e) s.data()[e] += in.bias.value().data()[e];
  return argmax(s, candidates.to);
}

Var in_five_ops(const Inputs4& in, const Case& c, const Candidates& candidates) {
  const auto targets = [&](const Index& to) { return Targets(to, c.B, c.N, "to"); };
  const Var s =
      add(gathered_dot(in.q, in.key, targets(candidates.scored), c.H, real(0.3)), in.bias);
  return gathered_sum(weights(c.mode, s, candidates.to, slots(in, c, candidates), c.tau), in.v,
                      targets(candidates.read));
}

Var fused(const Inputs4& in, const Case& c, const Candidates& candidates) {
  return gathered_attention(
      in.q, in.key, in.v, in.bias, candidates, real(0.3), c.tau,
      c.mode == Selection::soft ? Decision{} : decision(c.mode, slots(in, c, candidates)));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const size_t C : {size_t{3}, simd::kLanes, 5 * simd::kLanes})
    for (const bool shared : {true, false})
      for (const Selection mode : {Selection::soft, Selection::straight_through, Selection::hard})
        for (const bool views : {true, false})
          all.push_back({2, 70, 3, C, shared ? size_t{1} : 3, 5, real(0.7), mode, views});
  all.push_back(
      {1, 9, 2, 4, 1, 3 * simd::kLanes + 1, 1, Selection::soft, false});  // more than a register
  all.push_back({3, 1, 1, 1, 1, 1, 1, Selection::straight_through, false});
  return all;
}

}  // namespace

TEST_CASE("gathered_attention: values and gradients are those of the five ops it stands for") {
  for (const Case& c : cases()) {
    CAPTURE(c.C);
    CAPTURE(c.G);
    CAPTURE(static_cast<int>(c.mode));
    CAPTURE(c.views);
    const Candidates candidates = drawn(c, 7);
    const Inputs4 one(c), other(c);
    const Array dz = Random(5).normal({c.B, c.N, c.H * c.C});
    const auto run = [&](const Inputs4& in, auto&& op) {
      Tape tape;
      const Var z = op(in, c, candidates);
      tape.backward(z, dz);
      return z.value();
    };
    const Array expected = run(one, in_five_ops), got = run(other, fused);
    const auto like = [](const Array& x) { return [&x](size_t e) { return x.data()[e]; }; };
    CHECK(differs(got, like(expected), 1e-5) == "");
    CHECK(differs(other.q.grad(), like(one.q.grad()), 1e-5) == "");
    CHECK(differs(other.key.grad(), like(one.key.grad()), 1e-5) == "");
    CHECK(differs(other.v.grad(), like(one.v.grad()), 1e-5) == "");
    CHECK(differs(other.bias.grad(), like(one.bias.grad()), 1e-5) == "");
  }
}

TEST_CASE("gathered_attention: the same bits on any number of threads, also with a crowded row") {
  const Case c{2, 300, 4, 16, 4, 6, 1, Selection::soft, false};
  Candidates candidates = drawn(c, 9);
  for (size_t r = 0; r < candidates.to.shape().rows(); ++r) candidates.to.row(r)[2] = 0;
  const auto run = [&](int count) {
    const Inputs4 in(c);
    with_threads(count, [&] {
      Tape tape;
      tape.backward(fused(in, c, candidates), Random(5).normal({c.B, c.N, c.H * c.C}));
    });
    return in;
  };
  const Inputs4 one = run(1);
  for (const int count : {2, 3, 5}) {
    const Inputs4 many = run(count);
    for (const auto& [a, b] :
         {std::pair{one.q, many.q}, {one.key, many.key}, {one.v, many.v}, {one.bias, many.bias}})
      CHECK(std::equal(a.grad().begin(), a.grad().end(), b.grad().begin()));
  }
}

TEST_CASE("gathered_attention: its cost is counted, and linear in tokens and candidates") {
  const auto rows = [](size_t N, size_t K) {
    const Case c{1, N, 2, 8, 1, K, 1, Selection::soft, false};
    const Inputs4 in(c);
    const Candidates candidates = drawn(c, 3);
    counters.reset();
    Tape tape;
    tape.backward(fused(in, c, candidates), ones({1, N, 16}));
    return std::pair{counters.rows_read.load(), counters.rows_written.load()};
  };
  CHECK(rows(64, 4) == std::pair<uint64_t, uint64_t>{5 * 64 * 4, 2 * 64 * 4});
  CHECK(rows(128, 4) == std::pair<uint64_t, uint64_t>{5 * 128 * 4, 2 * 128 * 4});
  CHECK(rows(64, 8) == std::pair<uint64_t, uint64_t>{5 * 64 * 8, 2 * 64 * 8});
}

TEST_CASE("gathered_attention: what it refuses") {
  const Case c{1, 3, 2, 4, 1, 2, 1, Selection::soft, false};
  const Inputs4 in(c);
  const auto says = [&](const Candidates& candidates, real tau) {
    return sentence([&] { gathered_attention(in.q, in.key, in.v, in.bias, candidates, 1, tau); });
  };
  const Index good({1, 3, 1, 2}, 0), far({1, 3, 1, 2}, 3), wide({1, 3, 1, 3}, 0);
  CHECK(says({far, far, far}, 1) ==
        "gathered_attention: to [B,N,G,K]: expected values in [-1,3), got 3 at element 0 of shape "
        "[1,3,1,2]");
  CHECK(says({wide, wide, wide}, 1) ==
        "gathered_attention: to [B,N,G,K]: expected B, N, K as in bias [1,3,2,2], got [1,3,1,3]");
  CHECK(says({good, wide, good}, 1).find("scored and read") != std::string::npos);
  CHECK(says({good, good, good}, 0).find("positive temperature") != std::string::npos);
}

TEST_CASE("gate: the same as a sum, a sigmoid and a product, with gradients") {
  const Shape shape{5, 19};
  const auto run = [&](auto&& op) {
    std::vector<Var> in;
    for (uint64_t i = 0; i < 3; ++i) in.push_back(variable(Random(i).normal(shape)));
    Tape tape;
    const Var y = op(in);
    tape.backward(y, Random(9).normal(shape));
    return std::vector<Array>{y.value(), in[0].grad(), in[1].grad(), in[2].grad()};
  };
  const auto got = run([](auto& v) { return gate(v[0], v[1], v[2]); });
  const auto expected = run([](auto& v) { return mul(sigmoid(add(v[0], v[1])), v[2]); });
  for (size_t i = 0; i < got.size(); ++i)
    CHECK(differs(got[i], [&](size_t e) { return expected[i].data()[e]; }) == "");
  CHECK(sentence([] { gate(ones({2}), ones({3}), ones({2})); }) ==
        "gate: b: expected shape [2], got [3]");
}

TEST_CASE("simd: dots and weighted_sum equal the plain loop at ragged sizes") {
  using Sizes = std::vector<size_t>;
  constexpr size_t L = simd::kLanes;
  for (const size_t count : Sizes{1, L - 1, L, L + 3})
    for (const size_t C : Sizes{1, L, 3 * L, 4 * L + 2, 9 * L}) {
      CAPTURE(count);
      CAPTURE(C);
      const Array x = Random(1).normal({C});
      const Array rows = Random(2).normal({count, C});
      const Array w = Random(3).normal({count});
      const Array before = Random(4).normal({C});
      std::vector<const real*> at(count);
      for (size_t i = 0; i < count; ++i) at[i] = rows.row(i);
      Array y({simd::dots_room(count)});
      simd::dots(x.data(), at.data(), count, C, y.data());
      for (size_t i = 0; i < count; ++i) {
        double sum = 0;
        for (size_t e = 0; e < C; ++e) sum += double{x.data()[e]} * double{rows(i, e)};
        CHECK(y.data()[i] == doctest::Approx(sum).epsilon(1e-4));
      }
      for (const real beta : {real(0), real(1)}) {
        Array sum = before.clone();
        if (beta == 0) sum.fill(std::numeric_limits<real>::quiet_NaN());
        simd::weighted_sum(
            count, C, sum.data(), beta, real(0.5), [&](size_t i) { return rows.row(i); },
            [&](size_t i) { return w.data()[i]; });
        CHECK(differs(
                  sum,
                  [&](size_t e) {
                    double total = beta == 0 ? 0.0 : double{before.data()[e]};
                    for (size_t i = 0; i < count; ++i)
                      total += 0.5 * double{w.data()[i]} * double{rows(i, e)};
                    return total;
                  },
                  1e-5) == "");
      }
    }
}
