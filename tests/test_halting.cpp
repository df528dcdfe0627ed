// Adaptive computation time: the op, and a shared layer whose tokens halt, beside plain loops.
#include "core/ops/halting.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "models/sequence_model.hpp"
#include "nn/feed_forward.hpp"
#include "tests/pieces.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 13, kD = 8, kPasses = 5;

EncoderConfig repeated(bool step_code, bool halting) {
  EncoderConfig config{.layers = kPasses, .width = kD, .heads = 2, .feed_forward = 12};
  config.share = true, config.step_code = step_code, config.halting = halting;
  return config;
}

struct Halting {
  explicit Halting(bool step_code = true, bool halting = true)
      : kind(registry<MixerKind>().at("attention").make()),
        encoder(repeated(step_code, halting), {kind.get()}) {
    encoder.initialise(3);
    context.tokens = Index({kB, kN}, 0);
  }
  const Array& parameter(const std::string& name) const {
    for (const Parameter& p : encoder.parameters())
      if (p.name == name) return p.var->value();
    throw Error(Fault::data, name);
  }
  Encoded run(std::optional<size_t> iterations = {}) {
    context.iterations = iterations;
    return encoder(features, context);
  }
  std::unique_ptr<MixerKind> kind;
  Encoder encoder;
  Context context;
  Array features = Random(2).normal({kB, kN, kD});
};

/// A module of its own with the numbers of a part of the encoder.
template <class M>
void take_numbers(const Halting& from, const std::string& prefix, M& to) {
  for (const Parameter& p : to.parameters())
    std::ranges::copy(from.parameter(prefix + p.name), p.var->value().begin());
}

/// The result and the passes and remainders, by plain loops around the modules of a layer.
std::pair<Array, std::vector<double>> halted_plainly(Halting& h, size_t passes) {
  const auto norm1 = make_norm("layer", kD), norm2 = make_norm("layer", kD),
             last = make_norm("layer", kD);
  const auto mixer = h.kind->make({kD, 2, 0, 1, "none", true});
  FeedForward feed_forward(kD, 12);
  take_numbers(h, "layers.0.norm1.", *norm1), take_numbers(h, "layers.0.norm2.", *norm2);
  take_numbers(h, "layers.0.mixer.", *mixer), take_numbers(h, "norm.", *last);
  take_numbers(h, "layers.0.feed_forward.", feed_forward);
  const Array &w = h.parameter("halting.weight"), &b = h.parameter("halting.bias");

  Array x = h.features.clone(), sum(x.shape(), 0);
  std::vector<double> used(kB * kN), took(kB * kN);
  std::vector<bool> running(kB * kN, true);
  for (size_t t = 1; t <= passes; ++t) {
    std::vector<double> weight(kB * kN);
    for (size_t r = 0; r < kB * kN; ++r)
      for (size_t d = 0; d < kD; ++d) {
        const double speed = std::pow(10000.0, -static_cast<double>(d - d % 2) / kD);
        const double angle = static_cast<double>(t) * speed;
        x.row(r)[d] += static_cast<real>(d % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    const Array normed = (*last)(x).value();
    for (size_t r = 0; r < kB * kN; ++r) {
      double score{b.data()[0]};
      for (size_t d = 0; d < kD; ++d) score += double{w.data()[d]} * double{normed.row(r)[d]};
      if (!running[r]) continue;
      const double p = 1 / (1 + std::exp(-score));
      running[r] = used[r] + p <= 0.99 && t < passes;
      weight[r] = running[r] ? p : 1 - used[r];
      used[r] += p;
      took[r] = static_cast<double>(t) + weight[r];
    }
    Context context;
    context.tokens = h.context.tokens;
    const Array mixed = (*mixer)((*norm1)(x), {}, context, nullptr).features.value();
    for (size_t e = 0; e < x.size(); ++e) x.data()[e] += mixed.data()[e];
    const Array more = feed_forward((*norm2)(x)).value();
    for (size_t e = 0; e < x.size(); ++e) {
      x.data()[e] += more.data()[e];
      sum.data()[e] += static_cast<real>(weight[e / kD]) * x.data()[e];
    }
  }
  return {(*last)(sum).value(), took};
}

}  // namespace

TEST_CASE("halting: its equation, by hand") {
  const Array p({5, 3}, {0.5, 0.25, 0.125,  // never sure: the last takes the rest
                         0.75, 0.5, 0.5,    // done in the second
                         1, 0.5, 0.5,       // done in the first
                         0, 0, 0,           //
                         0.5, 0.5, 0.5});   // just done
  const auto [weight, ponder] = halting(p);
  const std::vector<real> expected{0.5, 0.25, 0.25, 0.75, 0.25, 0, 1, 0, 0, 0, 0, 1, 0.5, 0.5, 0};
  CHECK(std::ranges::equal(weight.value(), expected));
  CHECK(std::ranges::equal(ponder.value(), std::vector<real>{3.25, 2.25, 2, 4, 2.5}));
  CHECK(sentence([] {
          halting(zeros({2, 0}));
        }) == "halting: p [...,T]: expected at least one pass, got shape [2,0]");
  CHECK(sentence([] {
          halting(zeros({2, 1}), 1);
        }) == "halting: margin: expected a number in [0,1), got 1");
}

TEST_CASE("halting: a shared layer with codes of its passes, beside plain loops") {
  for (const real bias : {real{-2}, real{0}, real{1}})
    for (const size_t passes : {size_t{1}, kPasses, kPasses + 3}) {
      CAPTURE(bias);
      CAPTURE(passes);
      Halting h;
      for (const Parameter& p : h.encoder.parameters())
        if (p.name == "halting.bias") p.var->value().fill(bias);
      const Encoded got = h.run(passes);
      const auto [expected, took] = halted_plainly(h, passes);
      for (size_t e = 0; e < expected.size(); ++e)
        CHECK(got.features.value().data()[e] == doctest::Approx(expected.data()[e]).epsilon(1e-4));
      for (size_t r = 0; r < took.size(); ++r)
        CHECK(double{got.cost.value().data()[r]} == doctest::Approx(0.001 * took[r]).epsilon(1e-4));
    }
}

TEST_CASE("halting: tokens that are sure at once are those of one pass, unsure ones of all") {
  for (const auto& [bias, same_as] : {std::pair{real{40}, size_t{1}}, {real{-40}, kPasses}}) {
    Halting h(false), plain(false, false);
    for (const Parameter& p : h.encoder.parameters())
      if (p.name == "halting.bias") p.var->value().fill(bias);
    for (const Parameter& p : plain.encoder.parameters())
      std::ranges::copy(h.parameter(p.name), p.var->value().begin());
    CHECK(std::ranges::equal(h.run().features.value(), plain.run(same_as).features.value()));
  }
}

TEST_CASE("halting: in pieces, with a state, the same as the whole") {
  const Halting h;
  for (const auto passes : std::vector<std::optional<size_t>>{std::nullopt, 2, 8})
    check_pieces(h.encoder, h.features, h.context.tokens, passes);
}

TEST_CASE("halting: every parameter has a gradient, in the same bits on any number of threads") {
  const auto run = [](int threads) {
    std::vector<Array> all;
    with_threads(threads, [&] {
      Halting h;
      h.context.training = true;
      Tape tape;
      const Encoded encoded = h.run();
      tape.backward(encoded.features, Random(6).normal(encoded.features.shape()));
      all.push_back(encoded.features.value());
      for (const Parameter& p : h.encoder.parameters()) {
        CAPTURE(p.name);
        CHECK(std::ranges::any_of(p.var->grad(), [](real g) { return g != 0; }));
        all.push_back(p.var->grad());
      }
    });
    return all;
  };
  const auto one = run(1);
  for (const int threads : {2, 3}) {
    const auto many = run(threads);
    for (size_t i = 0; i < one.size(); ++i) CHECK(std::ranges::equal(one[i], many[i]));
  }
}

TEST_CASE("halting: in training the loss has the mean of what tokens took, elsewhere not") {
  SequenceModel::Kinds kinds;
  kinds["attention"] = registry<MixerKind>().at("attention").make();
  const auto loss = [&](double ponder, bool training) {
    SequenceModel::Config config;
    config.encoder = repeated(true, true);
    config.encoder.ponder = ponder;
    config.mixers = "attention";
    SequenceModel model(config, 5, kinds);
    model.initialise(1);
    const Batch batch{Index({kB, kN}, 2), Index({kB, kN}, 3)};
    Context context;
    context.training = training;
    return double{model.score(batch, context).loss.value().item()};
  };
  const double without = loss(0, true), with = loss(2, true);
  CHECK(loss(2, false) == without);
  CHECK(with - without > 2 * 1);  // between one pass and all, each with a remainder
  CHECK(with - without < 2 * (kPasses + 1));
}

TEST_CASE("encoder: options that would do nothing are refused") {
  const auto kind = registry<MixerKind>().at("attention").make();
  EncoderConfig config = repeated(true, false);
  config.ponder = 0.5;
  CHECK(sentence([&] { Encoder(config, {kind.get()}); }) == "ponder: belongs to --halting");
  config = repeated(false, false);
  config.convolution = 1;
  CHECK(sentence([&] { Encoder(config, {kind.get()}); }) ==
        "convolution: expected 0 or 2 to 64, got 1, which would mix no tokens");
  Fields fields;
  kind->declare(fields);
  fields.set("lags", "7");
  config = repeated(false, false);
  CHECK(sentence([&] { Encoder(config, {kind.get()}); }) ==
        "lags: belongs to --position urpe, and it is none");
  config.position = "urpe";
  CHECK_NOTHROW(Encoder(config, {kind.get()}));
}

TEST_CASE("halting: only a shared layer can be told its pass, or be halted") {
  const auto kind = registry<MixerKind>().at("attention").make();
  for (const bool step_code : {false, true}) {
    EncoderConfig config = repeated(step_code, !step_code);
    config.share = false;
    CHECK(sentence([&] { Encoder(config, {kind.get()}); }) ==
          fmt::format("{}: expected share with it, since only a shared layer is repeated",
                      step_code ? "step-code" : "halting"));
  }
}
