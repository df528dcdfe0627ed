// The pointer block and the chain: what every pointer layer must keep.
#include <doctest/doctest.h>

#include "core/counters.hpp"
#include "nn/pointer/chain_encoder.hpp"
#include "nn/pointer/selection.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 24, kD = 12, kH = 2;
const char* const kMenu = "window:3,sinks:1,match:1,previous:2,jump,neighbour,run";

struct Chain {
  explicit Chain(PointerConfig config, size_t layers = 2)
      : encoder(EncoderConfig{.layers = layers, .width = kD, .heads = kH, .feed_forward = 16},
                config) {
    encoder.initialise(5);
    // Random type logits, which start at zero: otherwise they would hide mistakes.
    Random random(9);
    for (Parameter& p : encoder.parameters())
      if (p.name.find("types") != p.name.npos)
        for (real& v : p.var->value()) v = static_cast<real>(random.normal());
    Random drawn(11);
    features = drawn.normal({kB, kN, kD});
    context.tokens = Index({kB, kN});
    for (int32_t& t : context.tokens) t = static_cast<int32_t>(drawn.below(4));
  }
  Encoded run(bool training = false) {
    context.training = training;
    context.noise = Random(1);
    return encoder(features, context);
  }
  PointerChainEncoder encoder;
  Array features;
  Context context;
};

bool same(const Array& a, const Array& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

const std::vector<std::string> kEncodes{"none", "index", "hop", "content"};

}  // namespace

TEST_CASE("pointer: one target per token and head, causal, the one its slot names") {
  Chain chain({.sources = kMenu});
  for (const Pointers& p : chain.run().pointers) {
    CHECK(p.to.shape() == Shape{kB, kN, kH});
    for (size_t e = 0; e < p.to.size(); ++e) {
      CHECK(p.to.data()[e] >= 0);  // the window always offers the token itself
      CHECK(p.to.data()[e] <= static_cast<int32_t>(e / kH % kN));
      CHECK(p.type.data()[e] >= 0);
      CHECK(p.margin.data()[e] >= 0);
    }
  }
}

TEST_CASE("pointer: changing a token leaves everything before it bit-identical") {
  for (const std::string& encode : kEncodes) {
    Chain chain({.sources = kMenu, .encode = encode});
    const Encoded before = chain.run();
    const size_t t = 15;
    for (size_t d = 0; d < kD; ++d) chain.features(0, t, d) += 1;
    chain.context.tokens(0, t) = 3 - chain.context.tokens(0, t);
    const Encoded after = chain.run();
    CAPTURE(encode);
    bool changed = false;
    for (size_t n = 0; n < kN; ++n)
      for (size_t d = 0; d < kD; ++d) {
        const bool equal = before.features.value()(0, n, d) == after.features.value()(0, n, d);
        if (n < t) CHECK(equal);
        changed |= !equal;
      }
    CHECK(changed);
  }
}

TEST_CASE("pointer: every parameter receives a gradient in every mode and encoding") {
  for (const std::string& mode : selection_modes())
    for (const std::string& encode : kEncodes) {
      Chain chain({.sources = kMenu, .selection = mode, .encode = encode});
      Tape tape;
      const Var y = chain.run(true).features;
      tape.backward(y, Random(2).normal(y.shape()));
      for (const Parameter& p : chain.encoder.parameters()) {
        const Array& g = p.var->grad();
        CAPTURE(mode);
        CAPTURE(encode);
        CAPTURE(p.name);
        CHECK(std::any_of(g.begin(), g.end(), [](real v) { return v != 0; }));
      }
    }
}

TEST_CASE("pointer: straight-through and hard read in training exactly what is read afterwards") {
  for (const char* mode : {"straight-through", "hard"}) {
    Chain chain({.sources = kMenu, .selection = mode});
    const Array trained = chain.run(true).features.value(),
                used = chain.run(false).features.value();
    for (size_t e = 0; e < used.size(); ++e)
      CHECK(trained.data()[e] == doctest::Approx(used.data()[e]).epsilon(1e-4));
  }
  Chain soft({.sources = kMenu, .selection = "soft"});
  CHECK(!same(soft.run(true).features.value(), soft.run(false).features.value()));
  soft.context.selection = Selection::soft;
  CHECK(same(soft.run(true).features.value(), soft.run(false).features.value()));
}

TEST_CASE("pointer: a small temperature makes soft selection hard") {
  Chain chain({.sources = kMenu, .selection = "soft"}, 1);
  chain.context.temperature = 1e-4;
  const Array cold = chain.run(true).features.value(), hard = chain.run(false).features.value();
  for (size_t e = 0; e < hard.size(); ++e)
    CHECK(cold.data()[e] == doctest::Approx(hard.data()[e]).epsilon(1e-3));
}

TEST_CASE("pointer: Gumbel noise comes from the context, and can be replayed") {
  Chain chain({.sources = kMenu, .selection = "gumbel"});
  const Array first = chain.run(true).features.value();
  CHECK(same(first, chain.run(true).features.value()));
  chain.context.training = true;
  chain.context.noise = Random(2);
  CHECK(!same(first, chain.encoder(chain.features, chain.context).features.value()));
}

TEST_CASE("pointer: cost is linear in N, and every candidate is read at most twice") {
  const auto rows = [](size_t N) {
    PointerChainEncoder encoder(
        EncoderConfig{.layers = 1, .width = kD, .heads = kH, .feed_forward = 16},
        PointerConfig{.sources = kMenu});
    encoder.initialise(1);
    Context context;
    context.tokens = Index({1, N}, 0);
    context.training = true;
    counters.reset();
    encoder(Random(1).normal({1, N, kD}), context);
    return counters.rows_read.load();
  };
  const size_t K =
      3 + 1 + 2 + 1;  // the first layer: window, sinks, match, run; per head for the run
  CHECK(rows(64) == 2 * rows(32));
  CHECK(rows(64) <= 2 * 64 * kH * K + 64 * kH);
}

TEST_CASE("pointer: the same bits on 1, 2, 3 and 4 threads, forward and backward") {
  const auto gradient = [](int count) {
    set_threads(count);
    Chain chain({.sources = kMenu, .selection = "straight-through", .encode = "content"});
    Tape tape;
    const Var y = chain.run(true).features;
    tape.backward(y, Random(2).normal(y.shape()));
    std::vector<real> all(y.value().begin(), y.value().end());
    for (const Parameter& p : chain.encoder.parameters())
      all.insert(all.end(), p.var->grad().begin(), p.var->grad().end());
    return all;
  };
  const int before = threads();
  const auto one = gradient(1);
  for (const int count : {2, 3, 4}) CHECK(gradient(count) == one);
  set_threads(before);
}

TEST_CASE("pointer: a head without any candidate reads nothing") {
  Chain chain({.sources = "match:1"}, 1);
  const Encoded e = chain.run();
  const Pointers& p = e.pointers[0];
  CHECK(p.to(0, 0, 0) == -1);  // the first token has no earlier mate
  for (const real v : e.features.value()) CHECK(std::isfinite(v));
}

TEST_CASE("pointer: what it refuses") {
  const auto made = [](PointerConfig c, std::string position) {
    PointerChainEncoder(EncoderConfig{.layers = 1, .width = 8, .heads = 2, .position = position},
                        c);
  };
  CHECK_THROWS_WITH_AS(made({}, "rope"), doctest::Contains("position: "), Error);
  CHECK_THROWS_WITH_AS(made({.sources = "windw"}, "none"), doctest::Contains("did you mean"),
                       Error);
  CHECK_NOTHROW(made({}, "learned"));
}
