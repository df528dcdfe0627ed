// The ops that move rows, cut, join and draw noise, against twins by the plainest loop; and what
// the tape keeps for them.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/dropout.hpp"
#include "core/ops/embedding.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/logistic_noise.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/split_heads.hpp"
#include "core/ops/straight_through.hpp"
#include "tests/allclose.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

const std::vector<size_t> kWidths{1, simd::kLanes - 1, simd::kLanes, simd::kLanes + 1};

Array normal(Shape shape, uint64_t seed = 1) { return Random(seed).normal(shape); }

// Pointers into `rows` rows; one in `rows` + 1 points at nothing.
Index pointers(Shape shape, size_t rows, uint64_t seed) {
  Random random(seed);
  Index to(shape);
  for (int32_t& t : to) t = static_cast<int32_t>(random.below(static_cast<uint32_t>(rows + 1))) - 1;
  return to;
}

bool equal(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

TEST_CASE("ops: embedding, gather_rows against a loop") {
  for (const size_t D : kWidths) {
    const size_t B = 2, R = 5, M = 70;
    const Array table = normal({R, D}), x = normal({B, R, D}, 2);
    const Index tokens({2, 3}, {4, 0, 0, 3, 4, 4}), to = pointers({B, M}, R, D);
    const Array looked = embedding(table, tokens).value();
    CHECK(looked.shape() == Shape{2, 3, D});
    CHECK(differs(
              looked, [&](size_t e) { return table(tokens.data()[e / D], e % D); }, 0) == "");
    CHECK(differs(
              gather_rows(x, to).value(),
              [&](size_t e) {
                const int32_t j = to.data()[e / D];
                return j < 0 ? real{0} : x(e / D / M, j, e % D);
              },
              0) == "");
  }
}

TEST_CASE("ops: gathered_dot and gathered_sum against a loop, with shared candidates and without") {
  const size_t B = 2, N = 9, H = 3, K = 4;
  for (const size_t G : {size_t{1}, H})
    for (const size_t C : kWidths) {
      const Array q = normal({B, N, H * C}, C), v = normal({B, N, H * C}, C + 1);
      const Array w = normal({B, N, H, K}, C + 2);
      const Targets to(pointers({B, N, G, K}, N, C), B, N, "to");
      const auto target = [&](size_t b, size_t n, size_t h, size_t k) {
        return to.index()(b, n, G == 1 ? 0 : h, k);
      };
      CHECK(differs(gathered_dot(q, v, to, H, real(0.5)).value(), [&](size_t e) {
              const size_t k = e % K, h = e / K % H, n = e / K / H % N, b = e / K / H / N;
              const int32_t j = target(b, n, h, k);
              double dot = 0;
              for (size_t c = h * C; j >= 0 && c < h * C + C; ++c)
                dot += 0.5 * double{q(b, n, c)} * double{v(b, j, c)};
              return dot;
            }) == "");
      CHECK(differs(gathered_sum(w, v, to).value(), [&](size_t e) {
              const size_t d = e % (H * C), h = d / C, n = e / (H * C) % N, b = e / (H * C) / N;
              double total = 0;
              for (size_t k = 0; k < K; ++k)
                if (const int32_t j = target(b, n, h, k); j >= 0)
                  total += double{w(b, n, h, k)} * double{v(b, j, d)};
              return total;
            }) == "");
    }
}

TEST_CASE("ops: heads split and merged") {
  const Array tokens = normal({2, 5, 12});
  const Var heads = split_heads(tokens, 3);
  CHECK(heads.shape() == Shape{2, 3, 5, 4});
  for (size_t b = 0; b < 2; ++b)
    for (size_t n = 0; n < 5; ++n)
      for (size_t d = 0; d < 12; ++d) REQUIRE(heads.value()(b, d / 4, n, d % 4) == tokens(b, n, d));
  CHECK(equal(merge_heads(heads).value(), tokens));
}

TEST_CASE("ops: what concat joins along any axis, slice cuts out again") {
  for (size_t axis = 0; axis < 3; ++axis) {
    Shape shape{2, 3, 17};
    std::vector<Var> parts;
    for (const size_t extent : {1, 4, 2}) {
      shape[axis] = extent;
      parts.push_back(normal(shape, extent));
    }
    const Var whole = concat(parts, axis);
    CHECK(whole.shape()[axis] == 7);
    size_t begin = 0;
    for (const Var& part : parts) {
      const size_t end = begin + part.shape()[axis];
      CHECK(equal(slice(whole, axis, begin, end).value(), part.value()));
      begin = end;
    }
  }
  const Array x({2, 3}, {1, 2, 3, 4, 5, 6}), y({2, 1}, {7, 8});
  CHECK(equal(concat({x, y}, 1).value(), Array({2, 4}, {1, 2, 3, 7, 4, 5, 6, 8})));
  CHECK(equal(slice(x, 0, 1, 2).value(), Array({1, 3}, {4, 5, 6})));
}

TEST_CASE("ops: select_columns picks the same columns of every row") {
  const Array x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(equal(select_columns(x, Index({4}, {2, 0, 2, 2})).value(),
              Array({2, 4}, {3, 1, 3, 3, 6, 4, 6, 6})));
}

TEST_CASE("ops: dropout keeps the mean, and its gradient forgets the same elements") {
  const size_t n = 40000;
  const double rate = 0.25;
  Random random(5), same(5);
  Var x = variable(ones({n}));
  Tape tape;
  const Var y = dropout(x, rate, random);
  size_t kept = 0;
  for (const real v : y.value()) {
    REQUIRE((v == 0 || v == real(1 / (1 - rate))));
    kept += v != 0;
  }
  CHECK(double(kept) / n == doctest::Approx(1 - rate).epsilon(0.02));
  tape.backward(y, ones({n}));
  CHECK(equal(x.grad(), y.value()));
  CHECK(equal(dropout(ones({n}), rate, same).value(), y.value()));
  CHECK_FALSE(equal(dropout(ones({n}), rate, same).value(), y.value()));  // it went on
  CHECK(dropout(x, 0, random).value().data() == x.value().data());
}

TEST_CASE("ops: the argmax of log p plus Gumbel noise is distributed as p") {
  const size_t R = 40000;
  const double p[] = {0.1, 0.6, 0.3};
  Array logs({R, 3});
  for (size_t e = 0; e < logs.size(); ++e) logs.data()[e] = real(std::log(p[e % 3]));
  Random random(11);
  const Array chosen = straight_through(logs, argmax(gumbel(logs, random).value())).value();
  double share[3] = {};
  for (size_t e = 0; e < chosen.size(); ++e) share[e % 3] += double{chosen.data()[e]} / R;
  for (size_t k = 0; k < 3; ++k) CHECK(share[k] == doctest::Approx(p[k]).epsilon(0.03));
  const Array noise = gumbel(zeros({R}), random).value();
  double mean = 0;
  for (const real g : noise) mean += double{g} / R;
  CHECK(mean == doctest::Approx(0.57722).epsilon(0.03));  // Euler's constant
}

TEST_CASE("ops: a logit with logistic noise is above zero as often as its gate is open") {
  const size_t R = 40000;
  for (const double open : {0.02, 0.3, 0.5, 0.9}) {
    Random random(11);
    const Array y = logistic_noise(Array({R}, real(std::log(open / (1 - open)))), random).value();
    const auto above = std::count_if(y.begin(), y.end(), [](real v) { return v > 0; });
    const double deviation = std::sqrt(open * (1 - open) / R);  // of the share of R draws
    CHECK(std::abs(double(above) / R - open) < 4 * deviation);
    for (const real v : y) REQUIRE(std::isfinite(v));
  }
}

TEST_CASE("ops: what the tape keeps") {
  const size_t R = 6, D = 20, word = sizeof(real);
  Var x = variable(normal({R, D})), gain = variable(ones({D})), bias = variable(zeros({D}));
  Random random(1);
  const auto kept = [&](const std::function<Var()>& op) {
    Tape tape;
    op();
    return tape.bytes_kept();
  };
  CHECK(kept([&] { return add(x, x); }) == 0);
  CHECK(kept([&] { return reshape(x, {D, R}); }) == 0);
  CHECK(kept([&] { return dropout(x, 0.5, random); }) == 0);
  CHECK(kept([&] { return gumbel(x, random); }) == 0);
  CHECK(kept([&] { return logistic_noise(x, random); }) == 0);
  CHECK(kept([&] { return straight_through(x, Index({R}, 0)); }) == 0);
  CHECK(kept([&] { return layer_norm(x, gain, bias); }) == (R * D + D + 2 * R) * word);
  CHECK(kept([&] { return cross_entropy(x, Index({R}, 0)); }) == (R * D + R) * word + R * 4);
  CHECK(reshape(x, {D, R}).value().data() == x.value().data());
}
