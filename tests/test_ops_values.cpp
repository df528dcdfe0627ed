// The ops that compute, against twins in double by the plainest loop, at sizes around the number of
// lanes of a register.
#include <doctest/doctest.h>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/count_fit.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/gelu.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/log.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/straight_through.hpp"
#include "core/ops/sum_last.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

const real kInfinity = std::numeric_limits<real>::infinity();
constexpr real kLowest = std::numeric_limits<real>::lowest();
const std::vector<size_t> kWidths{
    1, 2, simd::kLanes - 1, simd::kLanes, simd::kLanes + 1, 3 * simd::kLanes + 5};

Array normal(Shape shape, uint64_t seed = 1) { return Random(seed).normal(shape); }

// The gradient of <op(x), cotangent> by x.
Array gradient(const std::function<Var(const Var&)>& op, const Array& x, const Array& cotangent) {
  Var v = variable(x);
  Tape tape;
  tape.backward(op(v), cotangent);
  return v.grad();
}

double logistic(double v) { return 1 / (1 + std::exp(-v)); }

}  // namespace

TEST_CASE("ops: elementwise functions at every width, and over pieces of work") {
  struct Row {
    const char* name;
    Var (*op)(const Var&);
    double (*twin)(double);
  };
  const Row rows[] = {
      {"exp", exp, [](double v) { return std::exp(v); }},
      {"sigmoid", sigmoid, logistic},
      {"gelu", gelu, [](double v) { return v * std::erfc(-v / std::sqrt(2)) / 2; }},
      {"silu", silu, [](double v) { return v * logistic(v); }},
      {"relu", relu, [](double v) { return std::max(v, 0.0); }},
      {"elu1", elu1, [](double v) { return v < 0 ? std::exp(v) : v + 1; }},
      {"softplus", softplus, [](double v) { return std::log1p(std::exp(v)); }},
  };
  std::vector<size_t> sizes = kWidths;
  sizes.push_back(2 * simd::kElementGrain + 3);
  for (const size_t n : sizes)
    for (const Row& row : rows) {
      CAPTURE(row.name);
      const Array x = normal({n}, n);
      CHECK(differs(row.op(x).value(), [&](size_t e) { return row.twin(x.data()[e]); }) == "");
    }
  const Array positive = Random(3).uniform({100});
  CHECK(differs(log(positive).value(), [&](size_t e) { return std::log(positive.data()[e]); }) ==
        "");
}

TEST_CASE("ops: elementwise functions of large numbers, infinities and NaN") {
  const real nan = std::numeric_limits<real>::quiet_NaN();
  const Array x({5}, {-kInfinity, -2000, 2000, kInfinity, nan});
  const auto gives = [&](Var (*op)(const Var&), std::vector<real> expected) {
    return differs(
        op(x).value(), [&](size_t e) { return expected[e]; }, 0);
  };
  CHECK(gives(exp, {0, 0, kInfinity, kInfinity, nan}) == "");
  CHECK(gives(sigmoid, {0, 0, 1, 1, nan}) == "");
  CHECK(gives(gelu, {nan, 0, 2000, kInfinity, nan}) == "");
  CHECK(gives(silu, {nan, 0, 2000, kInfinity, nan}) == "");
  CHECK(gives(relu, {0, 0, 2000, kInfinity, nan}) == "");
  CHECK(gives(elu1, {0, 0, 2001, kInfinity, nan}) == "");
  CHECK(gives(softplus, {0, 0, 2000, kInfinity, nan}) == "");
  // Where log(1 + e^x) and elu(x) + 1 would have rounded to 0.
  const Array small({2}, {-20, -40});
  for (Var (*op)(const Var&) : {softplus, elu1})
    CHECK(differs(op(small).value(), [&](size_t e) { return std::exp(small.data()[e]); }) == "");
  const Array y({4}, {0, -1, kInfinity, nan}), expected({4}, {-kInfinity, nan, kInfinity, nan});
  CHECK(differs(log(y).value(), [&](size_t e) { return expected.data()[e]; }) == "");
  // The slopes there are 0 or 1, not NaN.
  const Array large({2}, {-2000, 2000}), one = ones({2});
  for (Var (*op)(const Var&) : {gelu, silu, relu, elu1, softplus})
    CHECK(differs(
              gradient(op, large, one), [](size_t e) { return double(e); }, 0) == "");
}

TEST_CASE("ops: gelu is the exact form") {
  CHECK(gelu(Array({1}, real(1))).value().item() == doctest::Approx(0.841344746).epsilon(1e-6));
  CHECK(gelu(Array({1}, real(-2))).value().item() == doctest::Approx(-0.045500264).epsilon(1e-5));
}

TEST_CASE("ops: softmax and log_softmax against a loop, at temperatures and with masks") {
  for (const size_t K : kWidths)
    for (const double tau : {1.0, 0.1}) {
      const size_t R = 6;
      const Array x = normal({R, K}, K);
      Index mask({R / 2, K}, 0);  // each of its rows serves two of x
      for (size_t k = 0; k < K; k += 3) mask(1, k) = -1;
      for (size_t k = 0; k < K; ++k) mask(2, k) = -1;
      const auto allowed = [&](size_t e) { return mask.data()[e / K / 2 * K + e % K] >= 0; };
      const auto sum = [&](size_t e, double temperature) {
        double total = 0;
        for (size_t l = e / K * K; l < e / K * K + K; ++l)
          if (allowed(l)) total += std::exp(double{x.data()[l]} / temperature);
        return total;
      };
      CHECK(differs(softmax(x, mask, real(tau)).value(), [&](size_t e) {
              return allowed(e) ? std::exp(double{x.data()[e]} / tau) / sum(e, tau) : 0;
            }) == "");
      CHECK(differs(log_softmax(x, mask).value(), [&](size_t e) {
              return allowed(e) ? double{x.data()[e]} - std::log(sum(e, 1)) : double{kLowest};
            }) == "");
    }
}

TEST_CASE("ops: a fully masked row is exactly 0, and sends exactly 0 back") {
  const Array x = normal({2, 19}), cotangent = normal({2, 19}, 2);
  Index mask({2, 19}, 0);
  for (size_t k = 0; k < 19; ++k) mask(1, k) = -1;
  const Array y = softmax(x, mask).value();
  const Array dx = gradient([&](const Var& v) { return softmax(v, mask); }, x, cotangent);
  const Array dl = gradient([&](const Var& v) { return log_softmax(v, mask); }, x, cotangent);
  for (size_t k = 0; k < 19; ++k) {
    CHECK(y(1, k) == 0);
    CHECK(dx(1, k) == 0);
    CHECK(dl(1, k) == 0);
    CHECK(dx(0, k) != 0);
  }
}

TEST_CASE("ops: softmax, log_softmax and cross_entropy of large numbers") {
  const Array x({3, 2}, {30000, 29999, -3e38, 3e38, -kInfinity, 5});
  const double p = logistic(1);
  const double ps[] = {p, 1 - p, 0, 1, 0, 1};
  CHECK(differs(softmax(x).value(), [&](size_t e) { return ps[e]; }) == "");
  const double logs[] = {std::log(p), std::log(1 - p), -6e38, 0, -INFINITY, 0};
  Array y = log_softmax(x).value();
  CHECK(y(1, 0) == -kInfinity);  // -6e38 is beyond the range
  y(1, 0) = 0;
  CHECK(differs(y, [&](size_t e) { return e == 2 ? 0 : logs[e]; }) == "");
  CHECK(cross_entropy(Array({1, 2}, {30000, 29999}), Index({1}, 1)).value().item() ==
        doctest::Approx(-std::log(1 - p)).epsilon(1e-6));
}

TEST_CASE("ops: norms against a loop, also far from 0 and on rows of one number") {
  for (const size_t D : kWidths)
    for (const double far : {0.0, 3000.0}) {
      if (far != 0 && D < 10) continue;  // a few neighbours of 3000 may lie too close together
      const size_t R = 70;               // more than two pieces of rows
      Array x = normal({R, D}, D);
      for (real& v : x) v = static_cast<real>(double{v} + far);
      const Array gain = normal({D}, 2), bias = normal({D}, 3);
      std::vector<double> mean(R), square(R), variance(R);
      for (size_t r = 0; r < R; ++r) {
        for (size_t d = 0; d < D; ++d) mean[r] += double{x(r, d)} / double(D);
        for (size_t d = 0; d < D; ++d) {
          square[r] += double{x(r, d)} * double{x(r, d)} / double(D);
          variance[r] += std::pow(double{x(r, d)} - mean[r], 2) / double(D);
        }
      }
      // Rounding the mean (3000 +- 1e-4) moves h by about 1e-4.
      CHECK(differs(
                layer_norm(x, gain, bias).value(),
                [&](size_t e) {
                  const size_t r = e / D, d = e % D;
                  return double{bias(d)} + double{gain(d)} * (double{x(r, d)} - mean[r]) /
                                               std::sqrt(variance[r] + 1e-5);
                },
                far == 0 ? 5e-6 : 2e-3) == "");
      CHECK(differs(rms_norm(x, gain).value(), [&](size_t e) {
              return double{gain(e % D)} * double{x.data()[e]} / std::sqrt(square[e / D] + 1e-5);
            }) == "");
    }
  CHECK(layer_norm(Array({1, 1}, real(7)), ones({1}), Array({1}, real(3))).value().item() == 3);
}

TEST_CASE("ops: sums of rows and columns, at the borders of their pieces") {
  const Array rows = sum_last(Array({2, 1, 3}, {1, 2, 3, 4, 5, 6})).value();
  CHECK(rows.shape() == Shape{2, 1});
  CHECK(rows(0, 0) == 6);
  CHECK(rows(1, 0) == 15);
  for (const size_t R : {1, 4, 31, 32, 33, 64, 67, 2048, 2051})
    for (const size_t n : kWidths) {
      Array x = Random(R + n).uniform({R, n}), sums({n}, 100);  // added to what is there
      for (real& v : x) v = std::round(8 * v);  // whole numbers: every order is exact
      simd::column_sums(x.data(), R, n, sums.data());
      CHECK(differs(
                sums,
                [&](size_t c) {
                  double total = 100;
                  for (size_t r = 0; r < R; ++r) total += double{x(r, c)};
                  return total;
                },
                0) == "");
    }
}

TEST_CASE("ops: affine and matmul against a loop, transposed or not, at the borders of the tiles") {
  for (const auto& [M, K, N] :
       {std::array<size_t, 3>{1, 1, 1}, {3, 17, 5}, {129, 9, 33}, {513, 5, 2}}) {
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const size_t B = 3;
        const Array a = normal(ta ? Shape{B, K, M} : Shape{B, M, K}, M);
        const Array b = normal(tb ? Shape{B, N, K} : Shape{B, K, N}, N);
        const Array y = matmul(a, b, ta, tb).value();
        REQUIRE(y.shape() == Shape{B, M, N});
        CHECK(differs(
                  y,
                  [&, M = M, K = K, N = N](size_t e) {
                    const size_t p = e / N / M, m = e / N % M, n = e % N;
                    double total = 0;
                    for (size_t k = 0; k < K; ++k)
                      total += double{ta ? a(p, k, m) : a(p, m, k)} *
                               double{tb ? b(p, n, k) : b(p, k, n)};
                    return total;
                  },
                  1e-5) == "");
      }
    const Array x = normal({M, K}, 4), w = normal({N, K}, 5), bias = normal({N}, 6);
    for (const bool biased : {false, true})
      CHECK(differs(
                affine(x, w, biased ? Var(bias) : Var()).value(),
                [&, K = K, N = N](size_t e) {
                  double total = biased ? double{bias(e % N)} : 0;
                  for (size_t k = 0; k < K; ++k) total += double{x(e / N, k)} * double{w(e % N, k)};
                  return total;
                },
                1e-5) == "");
  }
}

TEST_CASE("ops: affine_all gives every bit that one affine for each weight gives") {
  for (const size_t R : {1, 5, 130, 700})
    for (const Precision precision : {Precision::f32, Precision::bf16}) {
      const AffinePrecision scope(precision);
      const size_t I = 33, O = 17;
      std::vector<Var> leaves{variable(normal({R, I}, 1)), variable(normal({3 * O, I}, 2)),
                              variable(normal({3 * O}, 3)), variable(normal({40, I}, 4))};
      const std::vector<Array> dy{normal({R, O}, 5), normal({R, O}, 6), normal({R, O}, 7),
                                  normal({R, 40}, 8)};
      const auto gradients = [&](const std::vector<Var>& y, Tape& tape) {
        Var sum;
        for (size_t m = 0; m < y.size(); ++m) {
          const Var flat = reshape(mul(y[m], dy[m]), {1, 1, y[m].value().size()});
          sum = m == 0 ? flat : concat({sum, flat}, 2);
        }
        tape.backward(sum, ones(sum.shape()));
        std::vector<Array> bits;
        for (Var& v : leaves) bits.push_back(std::exchange(v.grad(), Array()));
        for (const Var& v : y) bits.push_back(v.value());
        return bits;
      };
      const auto one_by_one = [&] {
        Tape tape;
        std::vector<Var> y;
        for (size_t p = 0; p < 3; ++p)
          y.push_back(affine(leaves[0], slice(leaves[1], 0, p * O, (p + 1) * O),
                             slice(leaves[2], 0, p * O, (p + 1) * O)));
        y.push_back(affine(leaves[0], leaves[3]));
        return gradients(y, tape);
      };
      const std::vector<Array> expected = one_by_one();
      for (const int count : {1, 2, 3, 4})
        with_threads(count, [&] {
          Tape tape;
          const std::vector<Array> bits =
              gradients(affine_all(leaves[0], {{leaves[1], leaves[2], 3}, {leaves[3]}}), tape);
          for (size_t i = 0; i < bits.size(); ++i) {
            CAPTURE(i);
            // dx of one affine after the other begins with the last weight: another order of sums.
            CHECK(differs(
                      bits[i], [&](size_t e) { return double{expected[i].data()[e]}; },
                      i == 0 ? 1e-4 : 0) == "");
          }
        });
    }
}

TEST_CASE("ops: cross_entropy of known numbers, and a row without a target sends nothing back") {
  CHECK(cross_entropy(zeros({2, 20}), Index({2}, {3, 19})).value().item() ==
        doctest::Approx(std::log(20.0)));
  for (const size_t V : kWidths) {
    const Array logits = normal({2, 3, V}, V);
    const Index targets({2, 3}, {0, -1, int32_t(V) - 1, -1, -1, 0});
    const auto p = [&](size_t r, size_t v) {
      double sum = 0;
      for (size_t u = 0; u < V; ++u) sum += std::exp(double{logits.row(r)[u]});
      return std::exp(double{logits.row(r)[v]}) / sum;
    };
    const double loss = -(std::log(p(0, 0)) + std::log(p(2, V - 1)) + std::log(p(5, 0))) / 3;
    const Var y = cross_entropy(logits, targets);
    CHECK(y.shape() == Shape{});
    CHECK(double{y.value().item()} == doctest::Approx(loss).epsilon(1e-6));
    const Array dx = gradient([&](const Var& v) { return cross_entropy(v, targets); }, logits,
                              Array({}, real(6)));
    CHECK(differs(dx, [&](size_t e) {
            const int32_t t = targets.data()[e / V];
            return t < 0 ? 0 : 2 * (p(e / V, e % V) - (size_t(t) == e % V ? 1 : 0));
          }) == "");
  }
}

TEST_CASE("ops: count_fit against a loop, nothing where there is no candidate") {
  const size_t B = 2, N = 5, H = 3, K = 2;
  const Array gate = exp(normal({B, N, H}, 1)).value(), count = normal({B, N, H}, 2),
              asked = normal({B, N, H}, 3);
  Index to({B, N, H, K});
  for (size_t e = 0; e < to.size(); ++e) to.data()[e] = static_cast<int32_t>(e % (N + 1)) - 1;
  const Array s = count_fit(gate, count, asked, Array({1, 1}, real(0.5)), to).value();
  CHECK(differs(s, [&](size_t e) {
          const int32_t j = to.data()[e];
          if (j < 0) return 0.0;
          const size_t row = e / K, from = (row / (N * H) * N + size_t(j)) * H + row % H;
          const double off = double{asked.data()[row]} - double{count.data()[from]};
          return std::log(double{gate.data()[from]} + 1e-9) - std::exp(0.5) * off * off;
        }) == "");
  CHECK(sentence([&] {
          count_fit(gate, count, asked, zeros({1, 2}), to);
        }) == "count_fit: sharpness: expected a scalar, got shape [1,2]");
  CHECK(sentence([&] {
          count_fit(gate, count, zeros({B, N, 1}), zeros({1}), to);
        }).starts_with("count_fit: gate, count, asked [B,N,H]: expected"));
}

TEST_CASE("ops: straight_through is the one-hot of what was chosen, zeros where nothing was") {
  const Array y = straight_through(Random(1).normal({4, 3}), Index({4}, {1, -1, 0, 2})).value();
  const std::vector<real> expected{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  CHECK(differs(
            y, [&](size_t e) { return expected[e]; }, 0) == "");
}

TEST_CASE("ops: values and gradients have the same bits on 1 to 4 threads") {
  const size_t R = 777, D = 65;
  const auto run = [&] {
    std::vector<Var> leaves{variable(normal({R, D}, 1)), variable(normal({D}, 2)),
                            variable(normal({D}, 3)), variable(normal({33, D}, 4)),
                            variable(normal({33}, 5))};
    Tape tape;
    const Var h = layer_norm(gelu(leaves[0]), leaves[1], leaves[2]);
    const Var logits = affine(rms_norm(h, leaves[1]), leaves[3], leaves[4]);
    const Var gram = matmul(logits, logits, true);
    Index targets({R}, 0);
    for (size_t r = 0; r < R; ++r) targets.data()[r] = int32_t(r % 34) - 1;
    const Var product = matmul(logits, scale(gram, real(1e-3)));
    const Var loss = cross_entropy(add(softmax(logits), product), targets);
    tape.backward(loss);
    std::vector<Array> bits{loss.value()};
    for (const Var& v : leaves) bits.push_back(v.grad());
    return bits;
  };
  std::vector<Array> one;
  with_threads(1, [&] { one = run(); });
  for (const int count : {2, 3, 4})
    with_threads(count, [&] {
      const std::vector<Array> many = run();
      for (size_t i = 0; i < one.size(); ++i)
        CHECK(std::equal(one[i].begin(), one[i].end(), many[i].begin(), many[i].end()));
    });
}
