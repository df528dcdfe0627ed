// What linear attention is made of beside its recurrence: features and the denominator, against
// plain loops.
#include <doctest/doctest.h>

#include "core/ops/divide_by_last.hpp"
#include "core/ops/signed_power.hpp"
#include "core/ops/tanh.hpp"
#include "core/ops/taylor_features.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

double at(const Array& x, size_t row, size_t e) { return double{x.row(row)[e]}; }

}  // namespace

TEST_CASE("tanh: the standard library's, also far out") {
  Array x = Random(1).normal({5, 37});
  x.data()[0] = 100, x.data()[1] = -100, x.data()[2] = 0;
  CHECK(differs(tanh(x).value(), [&](size_t e) { return std::tanh(double{x.data()[e]}); }) == "");
}

TEST_CASE("divide_by_last: every number of a row by the last") {
  for (const size_t P : {1, 3, 16, 33}) {
    CAPTURE(P);
    Array x = Random(1).normal({2, 7, P + 1});
    for (size_t r = 0; r < 14; ++r) x.row(r)[P] = std::abs(x.row(r)[P]) + real(0.1);
    const Array y = divide_by_last(x, real(0.01)).value();
    REQUIRE(y.shape() == Shape{2, 7, P});
    CHECK(differs(y, [&](size_t e) { return at(x, e / P, e % P) / (at(x, e / P, P) + 0.01); }) ==
          "");
  }
  CHECK(sentence([] {
          divide_by_last(Array({2, 1}), 1);
        }) ==
        "divide_by_last: x [...,P+1]: expected rows of at least two numbers, got shape [2,1]");
}

TEST_CASE("signed_power: both signs apart, each to the power of its row") {
  for (const size_t C : {1, 5, 16, 35}) {
    CAPTURE(C);
    Array x = Random(1).normal({3, 4, C}), p = Random(2).uniform({3, 4});
    x.data()[0] = 0;
    for (real& v : p) v = 4 * v + real(0.5);
    const Array y = signed_power(x, p).value();
    REQUIRE(y.shape() == Shape{3, 4, 2 * C});
    CHECK(differs(y, [&](size_t e) {
            const size_t r = e / (2 * C), c = e % (2 * C);
            const double v = c < C ? at(x, r, c) : -at(x, r, c - C);
            return v > 0 ? std::pow(v, double{p.data()[r]}) : 0;
          }) == "");
  }
  CHECK(sentence([] {
          signed_power(Array({2, 3}), Array({3}));
        }) == "signed_power: p [...]: expected one number for each row of x [2,3], got [3]");
}

TEST_CASE("signed_power: no gradient where a number is 0, none is NaN") {
  const Var x = variable(Array({1, 3}, {0, real(1e-30), 2})), p = variable(Array({1}, real(1.5)));
  Tape tape;
  tape.backward(signed_power(x, p), ones({1, 6}));
  CHECK(x.grad().data()[0] == 0);
  for (const real v : x.grad()) CHECK(std::isfinite(v));
  CHECK(std::isfinite(p.grad().data()[0]));
}

TEST_CASE("taylor_features: their products are the beginning of the exponential") {
  for (const size_t C : {1, 4, 16, 33}) {
    CAPTURE(C);
    const Array q = Random(1).normal({6, C}), k = Random(2).normal({6, C});
    const Array f = taylor_features(q).value(), g = taylor_features(k).value();
    REQUIRE(f.shape() == Shape{6, 1 + C + C * (C + 1) / 2});
    Array products({6});
    for (size_t r = 0; r < 6; ++r) {
      double sum = 0;
      for (size_t e = 0; e < f.shape()[1]; ++e) sum += at(f, r, e) * at(g, r, e);
      products.data()[r] = static_cast<real>(sum);
    }
    CHECK(differs(
              products,
              [&](size_t r) {
                double score = 0;
                for (size_t c = 0; c < C; ++c) score += at(q, r, c) * at(k, r, c);
                score /= std::sqrt(static_cast<double>(C));
                return 1 + score + score * score / 2;
              },
              1e-5) == "");
  }
  CHECK(sentence([] { taylor_features(Array(Shape{})); }) ==
        "taylor_features: x [...,C]: expected at least one axis, got shape []");
}

TEST_CASE("features of linear attention: the same bits on any number of threads") {
  const Shape x{2, 300, 3, 17};
  const auto check = [](const std::vector<Shape>& shapes, auto&& op) {
    check_same_bits([&] {
      OpOfInputs made;
      for (size_t i = 0; i < shapes.size(); ++i) {
        Array numbers = Random(i + 1).uniform(shapes[i]);
        for (real& v : numbers) v += 1;
        made.inputs.push_back(variable(numbers));
      }
      made.y = op(made.inputs);
      return made;
    });
  };
  check({x}, [](const std::vector<Var>& v) { return tanh(v[0]); });
  check({x}, [](const std::vector<Var>& v) { return divide_by_last(v[0], 1); });
  check({x}, [](const std::vector<Var>& v) { return taylor_features(v[0]); });
  check({x, {2, 300, 3}}, [](const std::vector<Var>& v) { return signed_power(v[0], v[1]); });
}
