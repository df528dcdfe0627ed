// Module (names, order, initial values) and the layers: parameters, shapes, and values against
// plain loops in double.
#include "nn/module.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "nn/dropout.hpp"
#include "nn/embedding.hpp"
#include "nn/feed_forward.hpp"
#include "nn/linear.hpp"
#include "nn/norm.hpp"

using namespace gnomon;
using doctest::Approx;

namespace {

std::vector<std::string> names(const Module& module) {
  std::vector<std::string> all;
  for (const Parameter& p : module.parameters())
    all.push_back(p.name + " " + p.var->shape().text());
  return all;
}

Var& find(const Module& module, const std::string& name) {
  for (const Parameter& p : module.parameters())
    if (p.name == name) return *p.var;
  FAIL("no parameter ", name);
  std::abort();
}

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

double at(const Array& x, size_t row, size_t column) { return double{x.row(row)[column]}; }

/// x w^T + b by a plain loop in double; an empty b is no bias.
std::vector<double> plain_linear(const std::vector<double>& x, const Array& w, const Array& b) {
  std::vector<double> y(w.shape()[0]);
  for (size_t o = 0; o < y.size(); ++o) {
    y[o] = b.empty() ? 0 : double{b.data()[o]};
    for (size_t i = 0; i < x.size(); ++i) y[o] += x[i] * at(w, o, i);
  }
  return y;
}

std::vector<double> row(const Array& x, size_t r) {
  return {x.row(r), x.row(r) + x.shape().last()};
}

void check_row(const Array& y, size_t r, const std::vector<double>& expected) {
  REQUIRE(y.shape().last() == expected.size());
  for (size_t e = 0; e < expected.size(); ++e) {
    CAPTURE(r);
    CAPTURE(e);
    CHECK(std::abs(at(y, r, e) - expected[e]) < 1e-5 * std::max(1.0, std::abs(expected[e])));
  }
}

struct Block final : Module {
  Block()
      : before(param("before", {2}, init::constant(3))),
        inner(part<Linear>("inner", 3, 2)),
        after(param("after", {}, init::normal(1))) {}
  Var& before;
  Linear& inner;
  Var& after;
};

struct Tower final : Module {
  explicit Tower(size_t blocks) {
    for (size_t b = 0; b < blocks; ++b) part<Block>("blocks." + std::to_string(b));
    param("last", {4}, init::normal(1));
  }
};

struct Twice final : Module {
  Twice(bool parameter_first, bool parameter_second) {
    for (const bool parameter : {parameter_first, parameter_second})
      if (parameter)
        param("same", {1}, init::constant(0));
      else
        part<Linear>("same", 1, 1);
  }
};

}  // namespace

TEST_CASE("module: names are dotted, in order of declaration") {
  const Tower tower(2);
  CHECK(names(tower) ==
        std::vector<std::string>{"blocks.0.before [2]", "blocks.0.inner.weight [2,3]",
                                 "blocks.0.inner.bias [2]", "blocks.0.after []",
                                 "blocks.1.before [2]", "blocks.1.inner.weight [2,3]",
                                 "blocks.1.inner.bias [2]", "blocks.1.after []", "last [4]"});
  CHECK(tower.parameter_count() == 2 * (2 + 6 + 2 + 1) + 4);
}

TEST_CASE("module: a name that is taken is an error, for parameters and parts alike") {
  CHECK_THROWS_WITH_AS(Twice(true, true), "module: parameter 'same' is declared twice", Error);
  CHECK_THROWS_AS(Twice(false, true), Error);
  CHECK_THROWS_AS(Twice(true, false), Error);
  CHECK_THROWS_WITH_AS(Twice(false, false), "module: part 'same' is added twice", Error);
}

TEST_CASE("module: a parameter's start depends on the seed and its own name only") {
  Tower two(2), three(3), other(2);
  two.initialise(7);
  three.initialise(7);
  other.initialise(8);
  for (const Parameter& p : two.parameters()) {
    CAPTURE(p.name);
    CHECK(same_bits(p.var->value(), find(three, p.name).value()));
    const bool constant = p.name.find("before") != std::string::npos;
    CHECK(same_bits(p.var->value(), find(other, p.name).value()) == constant);
  }
  CHECK_FALSE(same_bits(find(two, "blocks.0.inner.weight").value(),
                        find(two, "blocks.1.inner.weight").value()));
  CHECK(find(two, "blocks.0.before").value()(0) == 3);
}

TEST_CASE("module: gradients arrive in the parameters, and are cleared") {
  Block block;
  block.initialise(1);
  {
    Tape tape;
    tape.backward(block.inner(ones({2, 3})), ones({2, 2}));
  }
  CHECK(find(block, "inner.bias").grad()(1) == 2);
  CHECK(find(block, "inner.weight").grad()(1, 2) == 2);
  CHECK(block.after.grad().empty());
  block.clear_gradients();
  for (const Parameter& p : block.parameters()) CHECK(p.var->grad().empty());
}

TEST_CASE("init: values are of the promised distribution") {
  Random random(5);
  Array x({40000});
  const auto moments = [&] {
    double sum = 0, squares = 0;
    for (const real v : x) sum += double{v}, squares += double{v} * double{v};
    const double n = static_cast<double>(x.size());
    return std::pair{sum / n, std::sqrt(squares / n)};
  };
  init::normal(0.5)(x, random);
  CHECK(std::abs(moments().first) < 0.01);
  CHECK(std::abs(moments().second - 0.5) < 0.01);
  init::uniform(0.5)(x, random);
  CHECK(std::abs(moments().first) < 0.01);
  CHECK(std::abs(moments().second - 0.5 / std::sqrt(3)) < 0.01);
  CHECK(*std::max_element(x.begin(), x.end()) < 0.5);
  CHECK(*std::max_element(x.begin(), x.end()) > 0.499);
  CHECK(*std::min_element(x.begin(), x.end()) > -0.5);
  CHECK(*std::min_element(x.begin(), x.end()) < -0.499);
  init::constant(2)(x, random);
  CHECK(std::all_of(x.begin(), x.end(), [](real v) { return v == 2; }));
}

TEST_CASE("linear: x w^T + b, with and without a bias") {
  for (const bool bias : {true, false}) {
    Linear linear(5, 3, bias);
    linear.initialise(2);
    CHECK(names(linear) == (bias ? std::vector<std::string>{"weight [3,5]", "bias [3]"}
                                 : std::vector<std::string>{"weight [3,5]"}));
    const Array x = Random(1).normal({2, 4, 5}), y = linear(x).value();
    CHECK(y.shape() == Shape{2, 4, 3});
    for (size_t r = 0; r < 8; ++r)
      check_row(y, r,
                plain_linear(row(x, r), find(linear, "weight").value(),
                             bias ? find(linear, "bias").value() : Array()));
  }
  CHECK_THROWS_AS(Linear(5, 3)(ones({2, 4})), Error);
}

TEST_CASE("linear: starts within 1/sqrt(in), or with the deviation that was asked for") {
  Linear by_default(64, 500);
  by_default.initialise(1);
  for (const Parameter& p : by_default.parameters()) {
    const Array& x = p.var->value();
    CHECK(*std::max_element(x.begin(), x.end()) <= 0.125);
    CHECK(*std::max_element(x.begin(), x.end()) > 0.12);
    CHECK(*std::min_element(x.begin(), x.end()) >= -0.125);
    CHECK(*std::min_element(x.begin(), x.end()) < -0.12);
  }
  Linear chosen(64, 500, true, 0.02);
  chosen.initialise(1);
  double squares = 0;
  for (const real w : find(chosen, "weight").value()) squares += double{w} * double{w};
  CHECK(std::sqrt(squares / 32000) == Approx(0.02).epsilon(0.03));
  for (const real b : find(chosen, "bias").value()) CHECK(b == 0);
  Linear zero(3, 2, true, 0);
  zero.initialise(1);
  for (const real w : find(zero, "weight").value()) CHECK(w == 0);
}

TEST_CASE("embedding: every token reads its row, and a row read twice gets both gradients") {
  Embedding embedding(4, 3, 0.1);
  embedding.initialise(1);
  CHECK(names(embedding) == std::vector<std::string>{"weight [4,3]"});
  Var& weight = find(embedding, "weight");
  const Index tokens({2, 2}, {3, 0, 3, 1});
  Tape tape;
  const Var y = embedding(tokens);
  CHECK(y.shape() == Shape{2, 2, 3});
  for (size_t r = 0; r < 4; ++r)
    check_row(y.value(), r, row(weight.value(), static_cast<size_t>(tokens.data()[r])));
  tape.backward(y, ones(y.shape()));
  for (size_t d = 0; d < 3; ++d) {
    CHECK(weight.grad()(3, d) == 2);
    CHECK(weight.grad()(2, d) == 0);
  }
  CHECK_THROWS_AS(embedding(Index({1}, 4)), Error);

  Embedding large(500, 64);
  large.initialise(1);
  double squares = 0;
  for (const real w : find(large, "weight").value()) squares += double{w} * double{w};
  CHECK(std::sqrt(squares / 32000) == Approx(1).epsilon(0.03));
}

TEST_CASE("norm: each kind against its formula, with gains and biases that are not trivial") {
  const size_t D = 19;
  const Array x = Random(4).normal({2, 3, D});
  for (const std::string kind : {"layer", "rms"}) {
    CAPTURE(kind);
    const std::unique_ptr<Norm> norm = make_norm(kind, D);
    norm->initialise(1);
    const bool centred = kind == "layer";
    CHECK(names(*norm) == (centred ? std::vector<std::string>{"weight [19]", "bias [19]"}
                                   : std::vector<std::string>{"weight [19]"}));
    Array& weight = find(*norm, "weight").value();
    for (const real w : weight) CHECK(w == 1);
    std::iota(weight.begin(), weight.end(), real{-3});
    if (centred) {
      for (const real b : find(*norm, "bias").value()) CHECK(b == 0);
      std::iota(find(*norm, "bias").value().begin(), find(*norm, "bias").value().end(), real{5});
    }
    const Array y = (*norm)(x).value();
    CHECK(y.shape() == x.shape());
    for (size_t r = 0; r < 6; ++r) {
      std::vector<double> h = row(x, r);
      double mean = 0, square = 0;
      for (const double v : h) mean += centred ? v / D : 0;
      for (const double v : h) square += (v - mean) * (v - mean) / D;
      for (size_t d = 0; d < D; ++d)
        h[d] = (h[d] - mean) / std::sqrt(square + 1e-5) * (static_cast<double>(d) - 3) +
               (centred ? static_cast<double>(d) + 5 : 0);
      check_row(y, r, h);
    }
  }
  CHECK_THROWS_WITH_AS(make_norm("batch", 3), "norm: expected layer or rms, got 'batch'", Error);
}

TEST_CASE("feed-forward: down(gelu(up(x)))") {
  FeedForward feed_forward(5, 9);
  feed_forward.initialise(3);
  CHECK(names(feed_forward) == std::vector<std::string>{"up.weight [9,5]", "up.bias [9]",
                                                        "down.weight [5,9]", "down.bias [5]"});
  const Array x = Random(2).normal({2, 3, 5}), y = feed_forward(x).value();
  CHECK(y.shape() == x.shape());
  for (size_t r = 0; r < 6; ++r) {
    std::vector<double> h = plain_linear(row(x, r), find(feed_forward, "up.weight").value(),
                                         find(feed_forward, "up.bias").value());
    for (double& v : h) v *= (1 + std::erf(v / std::sqrt(2))) / 2;
    check_row(y, r,
              plain_linear(h, find(feed_forward, "down.weight").value(),
                           find(feed_forward, "down.bias").value()));
  }
}

TEST_CASE("dropout: only in training, and only at a rate above zero") {
  const Array x = ones({100, 100});
  Random noise(1), untouched(1);
  CHECK(same_bits(Dropout(0.25)(x, false, noise).value(), x));
  CHECK(same_bits(Dropout(0)(x, true, noise).value(), x));
  CHECK(noise.bits() == untouched.bits());  // nothing was drawn

  const Array y = Dropout(0.25)(x, true, noise).value();
  const auto dropped = std::count(y.begin(), y.end(), real{0});
  CHECK(dropped > 2300);
  CHECK(dropped < 2700);
  CHECK(std::all_of(y.begin(), y.end(), [](real v) { return v == 0 || v == Approx(4.0 / 3); }));
  CHECK_FALSE(same_bits(y, Dropout(0.25)(x, true, noise).value()));  // fresh noise each time
  CHECK_THROWS_AS(Dropout(1), Error);
  CHECK_THROWS_AS(Dropout(-0.1), Error);
}
