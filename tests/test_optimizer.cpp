// AdamW against the closed form on a scalar and a plain twin in double; clipping against hand sums.
#include "nn/pointer/chain_encoder.hpp"
#include "tools/training/optimizer.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/ops/add.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;
using doctest::Approx;

namespace {

/// Parameters "a", "b", ... of the given shapes, without gradients.
struct Toy final : Module {
  explicit Toy(const std::vector<Shape>& shapes) {
    for (const Shape& shape : shapes)
      param(std::string(1, static_cast<char>('a' + parameters().size())), shape, init::normal(1));
    initialise(3);
  }
  Var& var(size_t i) { return *parameters()[i].var; }
};

/// A gradient for every parameter: the same for the same seed.
void set_gradients(Module& module, uint64_t seed) {
  const Random root(seed);
  for (Parameter& p : module.parameters())
    p.var->grad() = root.split(p.name).normal(p.var->shape());
}

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

TEST_CASE("adamw: the first steps of a scalar have a closed form") {
  // m / (1 - beta1^t) = g and v / (1 - beta2^t) = g^2 while g is constant: each step is
  // rate g / (|g| + epsilon).
  Toy toy({Shape{}});
  toy.var(0).value().fill(5);
  AdamW adamw(toy.parameters(), {.epsilon = 0.5, .weight_decay = 0.3});
  for (size_t t = 1; t <= 4; ++t) {
    toy.var(0).grad() = Array({}, real{-2});
    adamw.step(0.1);
    CHECK(toy.var(0).value().item() ==
          Approx(5 + static_cast<double>(t) * 0.1 * 2 / 2.5).epsilon(1e-6));
  }
  CHECK(adamw.steps() == 4);
}

TEST_CASE("adamw: equals a plain twin in double over 20 steps, at sizes around the lane count") {
  for (const size_t n : {1, 7, 8, 9, 15, 16, 17, 31, 33, 16384, 16385, 40001}) {
    CAPTURE(n);
    Toy toy({{n}, {1, n}});  // the second decays, unless it is a scalar
    const AdamWConfig config{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1};
    AdamW adamw(toy.parameters(), config);
    std::vector<std::vector<double>> p(2), m(2, std::vector<double>(n)), v(m);
    for (size_t i = 0; i < 2; ++i)
      p[i].assign(toy.var(i).value().begin(), toy.var(i).value().end());
    for (size_t t = 1; t <= 20; ++t) {
      const double rate = 0.01 * static_cast<double>(t);
      set_gradients(toy, t);
      for (size_t i = 0; i < 2; ++i)
        for (size_t e = 0; e < n; ++e) {
          const double g = double{toy.var(i).grad().data()[e]};
          if (i == 1 && n > 1) p[i][e] *= 1 - rate * config.weight_decay;
          m[i][e] = config.beta1 * m[i][e] + (1 - config.beta1) * g;
          v[i][e] = config.beta2 * v[i][e] + (1 - config.beta2) * g * g;
          const double m_hat = m[i][e] / (1 - std::pow(config.beta1, t));
          const double v_hat = v[i][e] / (1 - std::pow(config.beta2, t));
          p[i][e] -= rate * m_hat / (std::sqrt(v_hat) + config.epsilon);
        }
      adamw.step(rate);
    }
    double worst = 0;
    for (size_t i = 0; i < 2; ++i)
      for (size_t e = 0; e < n; ++e)
        worst = std::max(worst, std::abs(double{toy.var(i).value().data()[e]} - p[i][e]));
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("adamw: a parameter without a gradient still decays, and moves on by its moments") {
  Toy with_zero({Shape{2, 3}}), without({Shape{2, 3}});
  AdamW a(with_zero.parameters()), b(without.parameters());
  for (const bool arrives : {false, true, false}) {
    set_gradients(with_zero, 1);
    set_gradients(without, 1);
    if (!arrives) with_zero.var(0).grad() = zeros({2, 3}), without.clear_gradients();
    const Array before = without.var(0).value().clone();
    a.step(0.1);
    b.step(0.1);
    CHECK(same_bits(with_zero.var(0).value(), without.var(0).value()));
    CHECK_FALSE(same_bits(before, without.var(0).value()));
  }
}

TEST_CASE("adamw: the bits do not depend on the number of threads, nor on the place in the array") {
  const auto trained = [](int count) {
    Toy toy({{3, 20001}, {70000}});
    AdamW adamw(toy.parameters());
    with_threads(count, [&] {
      for (size_t t = 1; t <= 3; ++t) {
        set_gradients(toy, t);
        clip_gradients(toy.parameters(), 1);
        adamw.step(0.01);
      }
    });
    return std::pair{toy.var(0).value().clone(), toy.var(1).value().clone()};
  };
  const auto [a, b] = trained(1);
  for (const int count : {2, 3, 4}) {
    const auto [c, d] = trained(count);
    CHECK(same_bits(a, c));
    CHECK(same_bits(b, d));
  }

  Toy toy({Shape{37}});  // equal numbers everywhere, also in the ragged end
  toy.var(0).value().fill(static_cast<real>(0.7));
  AdamW adamw(toy.parameters());
  for (size_t t = 0; t < 3; ++t) {
    toy.var(0).grad() = Array({37}, static_cast<real>(0.3));
    adamw.step(0.017);
  }
  for (const real x : toy.var(0).value()) CHECK(x == toy.var(0).value().data()[0]);
}

TEST_CASE("adamw: continues bit for bit from its saved state") {
  Toy toy({{3, 5}, {5}}), other({{3, 5}, {5}});
  AdamW first(toy.parameters()), second(other.parameters());
  const auto run = [](Toy& on, AdamW& adamw, size_t from, size_t to) {
    for (size_t t = from; t <= to; ++t) set_gradients(on, t), adamw.step(0.01);
  };
  run(toy, first, 1, 3);
  std::map<std::string, Array> state;
  for (const auto& [name, moment] : first.moments()) state[name] = moment.clone();
  CHECK(state.size() == 4);
  CHECK(state.at("first_moment.a").shape() == Shape{3, 5});
  CHECK(state.at("second_moment.b").shape() == Shape{5});
  std::vector<Array> saved;
  for (size_t i = 0; i < 2; ++i) saved.push_back(toy.var(i).value().clone());
  run(toy, first, 4, 6);

  for (size_t i = 0; i < 2; ++i)
    std::copy(saved[i].begin(), saved[i].end(), other.var(i).value().begin());
  for (auto& [name, moment] : second.moments())
    std::copy(state[name].begin(), state[name].end(), Array(moment).begin());
  second.continue_after(3);
  CHECK(second.steps() == 3);
  run(other, second, 4, 6);
  for (size_t i = 0; i < 2; ++i) CHECK(same_bits(toy.var(i).value(), other.var(i).value()));
}

TEST_CASE("adamw: misuse is an error, and options are read by name and range") {
  Toy toy({Shape{3}});
  AdamW adamw(toy.parameters());
  CHECK_THROWS_AS(adamw.step(-1), Error);
  CHECK_THROWS_AS(adamw.step(std::nan("")), Error);
  toy.var(0).grad() = zeros({4});
  CHECK_THROWS_WITH_AS(adamw.step(1), "adamw: gradient of a: expected shape [3], got [4]", Error);
  CHECK(adamw.steps() == 0);

  AdamWConfig config;
  Fields fields;
  config.declare(fields);
  fields.set("beta1", "0.5");
  fields.set("beta2", "0.6");
  fields.set("epsilon", "1e-6");
  fields.set("weight-decay", "0");
  CHECK(config.beta1 == 0.5);
  CHECK(config.beta2 == 0.6);
  CHECK(config.epsilon == 1e-6);
  CHECK(config.weight_decay == 0);
  CHECK_THROWS_AS(fields.set("beta1", "1"), Error);
}

TEST_CASE("clip: scales to the common norm, and only when it is larger") {
  Toy toy({{2}, {1, 1}, {3}});  // the third has no gradient
  const auto set = [&] {
    toy.clear_gradients();
    toy.var(0).grad() = Array({2}, {2, 4});
    toy.var(1).grad() = Array({1, 1}, 4);
  };
  set();
  CHECK(clip_gradients(toy.parameters(), 3) == Approx(6));
  CHECK(toy.var(0).grad()(0) == Approx(1));
  CHECK(toy.var(0).grad()(1) == Approx(2));
  CHECK(toy.var(1).grad()(0, 0) == Approx(2));
  CHECK(toy.var(2).grad().empty());
  set();
  CHECK(clip_gradients(toy.parameters(), 6) == Approx(6));
  CHECK(toy.var(0).grad()(1) == 4);
  CHECK_THROWS_AS(clip_gradients(toy.parameters(), 0), Error);
}

TEST_CASE("clip: the norm is a sum in double over all elements") {
  for (const size_t n : {1, 7, 8, 9, 16383, 16385, 50003}) {
    CAPTURE(n);
    Toy toy({{n}, {3}});
    set_gradients(toy, 5);
    double sum = 0;
    for (const Parameter& p : toy.parameters())
      for (const real g : p.var->grad()) sum += double{g} * double{g};
    CHECK(clip_gradients(toy.parameters(), 1e9) == Approx(std::sqrt(sum)).epsilon(1e-12));
  }
  Toy large({Shape{2}});  // squares that float cannot hold
  large.var(0).grad() = Array({2}, {static_cast<real>(3e25), static_cast<real>(4e25)});
  CHECK(clip_gradients(large.parameters(), 1) == Approx(5e25));
  CHECK(large.var(0).grad()(0) == Approx(0.6));
}

TEST_CASE("clip: one array that is the gradient of two parameters is scaled once for each") {
  Toy toy({{2}, {2}});
  {
    Tape tape;
    tape.backward(add(toy.var(0), toy.var(1)), Array({2}, {3, 4}));
  }
  CHECK(clip_gradients(toy.parameters(), 1) == Approx(std::sqrt(50)));
  for (size_t i = 0; i < 2; ++i) CHECK(toy.var(i).grad()(0) == Approx(3 / std::sqrt(50)));
}

TEST_CASE("clip: a norm that is not finite is told, and the gradients are left alone") {
  Toy toy({{2}, {1}});
  toy.var(0).grad() = Array({2}, {static_cast<real>(30), std::numeric_limits<real>::quiet_NaN()});
  toy.var(1).grad() = Array({1}, static_cast<real>(40));
  CHECK(std::isnan(clip_gradients(toy.parameters(), 1)));
  CHECK(toy.var(0).grad()(0) == 30);
  CHECK(toy.var(1).grad()(0) == 40);
  toy.var(0).grad()(1) = std::numeric_limits<real>::infinity();
  CHECK(std::isinf(clip_gradients(toy.parameters(), 1)));
  CHECK(toy.var(1).grad()(0) == 40);
}

TEST_CASE("adamw: the learned scalars of sources do not decay, nor gains and biases") {
  // Without a gradient a parameter moves by its decay alone.
  PointerChainEncoder encoder({.layers = 1, .width = 8, .heads = 1, .feed_forward = 8},
                              {.sources = "window:2,learned:1,rank:2"});
  encoder.initialise(1);
  std::vector<Array> before;
  for (const Parameter& p : encoder.parameters()) before.push_back(p.var->value().clone());
  AdamW adamw(encoder.parameters(), {.weight_decay = 0.5});
  adamw.step(0.1);
  size_t scalars = 0;
  for (size_t i = 0; const Parameter& p : encoder.parameters()) {
    CAPTURE(p.name);
    const Array& now = p.var->value();
    const bool matrix = now.shape().rank() == 2 && now.size() > 1;
    scalars += now.size() == 1 && now.shape().rank() == 2;
    for (size_t e = 0; e < now.size(); ++e)
      CHECK(now.data()[e] ==
            doctest::Approx(matrix ? 0.95 * before[i].data()[e] : before[i].data()[e]));
    ++i;
  }
  CHECK(scalars == 1);  // sharpness
}
