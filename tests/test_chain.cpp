// What passes from one pointer layer to the next in training: distributions.
#include <doctest/doctest.h>

#include "core/ops/scatter_weights.hpp"
#include "core/ops/shift_square.hpp"
#include "nn/pointer/chain_encoder.hpp"
#include "tests/allclose.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 17, kD = 8, kH = 2;
const char* const kChained =
    "match:1,window:2,sinks:1 | window:2 / previous:2,jump | previous:2,neighbour,hop";

struct Chain {
  explicit Chain(PointerConfig config)
      : encoder(EncoderConfig{.layers = 2, .width = kD, .heads = kH, .feed_forward = 12}, config) {
    encoder.initialise(5);
    Random random(9);
    for (const Parameter& p : encoder.parameters())
      for (real& v : p.var->value()) v += static_cast<real>(0.5 * random.normal());
    features = random.normal({kB, kN, kD});
    context.tokens = Index({kB, kN});
    for (int32_t& t : context.tokens) t = static_cast<int32_t>(random.below(4));
  }
  Encoded run(bool training) {
    context.training = training;
    return encoder(features, context);
  }
  /// All gradients of one training step.
  std::vector<real> gradients(const std::string& of) {
    Tape tape;
    const Var y = run(true).features;
    tape.backward(y, Random(2).normal(y.shape()));
    std::vector<real> all;
    for (const Parameter& p : encoder.parameters()) {
      if (p.name.find(of) != p.name.npos)
        all.insert(all.end(), p.var->grad().begin(), p.var->grad().end());
      p.var->grad() = Array();
    }
    return all;
  }
  PointerChainEncoder encoder;
  Array features;
  Context context;
};

/// Element e of a value, for `differs`.
auto in(const Var& x) {
  return [x](size_t e) { return x.value().data()[e]; };
}

}  // namespace

TEST_CASE("chain: a distribution handed on is one: causal, not negative, of sum at most one") {
  Chain chain({.sources = kChained, .hand_on = "distribution"});
  const Encoded encoded = chain.run(true);
  for (const Pointers& p : encoded.pointers) {
    REQUIRE(p.distribution.size() == kH);
    for (const Var& d : p.distribution) {
      CHECK(d.shape() == Shape{kB, kN, kN});
      for (size_t row = 0; row < kB * kN; ++row) {
        real sum = 0;
        for (size_t j = 0; j < kN; ++j) {
          CHECK(d.value().row(row)[j] >= 0);
          if (j > row % kN) CHECK(d.value().row(row)[j] == 0);
          sum += d.value().row(row)[j];
        }
        CHECK(sum < real(1.0001));
      }
    }
  }
  CHECK(chain.run(false).pointers[0].distribution.empty());  // quadratic: never outside of training
  Chain plain({.sources = kChained});
  CHECK(plain.run(true).pointers[0].distribution.empty());
}

TEST_CASE("chain: near temperature zero, distributions are the hard pointers") {
  Chain chain({.sources = kChained, .hand_on = "distribution"});
  chain.context.temperature = 1e-4;
  const Encoded cold = chain.run(true), hard = chain.run(false);
  CHECK(differs(cold.features.value(), in(hard.features), 1e-3) == "");
  for (size_t layer = 0; layer < 2; ++layer)
    for (size_t h = 0; h < kH; ++h)
      for (size_t row = 0; row < kB * kN; ++row) {
        const int32_t to = hard.pointers[layer].to.data()[row * kH + h];
        if (to >= 0)
          CHECK(cold.pointers[layer].distribution[h].value().row(row)[to] ==
                doctest::Approx(1).epsilon(1e-3));
      }
}

TEST_CASE("chain: distributions give the selector of the layer below a gradient through hops") {
  // Values are read in the last layer alone, so that only chained candidates can bring one.
  for (const bool distribution : {false, true}) {
    Chain chain({.sources = kChained, .hand_on = distribution ? "distribution" : "position"});
    for (const Parameter& p : chain.encoder.parameters())
      if (p.name.find("layers.0.mixer.output") != p.name.npos) p.var->value().fill(0);
    const std::vector<real> g = chain.gradients("layers.0.mixer.types");
    const bool any = std::any_of(g.begin(), g.end(), [](real v) { return v != 0; });
    CHECK(any == distribution);
  }
}

TEST_CASE("chain: scatter_weights and shift_square against their sentences") {
  Random random(3);
  const Array w = random.normal({kB, kN, 3});
  Index to({kB, kN, 3});
  for (size_t e = 0; e < to.size(); ++e)
    to.data()[e] = static_cast<int32_t>(random.below(static_cast<uint32_t>(e / 3 % kN + 2))) - 1;
  const Array y = scatter_weights(w, to).value();
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n)
      for (size_t j = 0; j < kN; ++j) {
        real sum = 0;
        for (size_t k = 0; k < 3; ++k)
          if (to(b, n, k) == static_cast<int32_t>(j)) sum += w(b, n, k);
        CHECK(y(b, n, j) == sum);
      }
  for (const size_t rows : {0, 1, 5})
    for (const size_t columns : {0, 1, 3}) {
      const Array moved = shift_square(y, rows, columns).value();
      for (size_t b = 0; b < kB; ++b)
        for (size_t n = 0; n < kN; ++n)
          for (size_t j = 0; j < kN; ++j) {
            const bool there = j <= n && n >= rows && j >= columns;
            CHECK(moved(b, n, j) == (there ? y(b, n - rows, j - columns) : real(0)));
          }
    }
}
