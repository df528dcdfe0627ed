// The mixers on matrix_recurrence: what they keep of a sequence, where they start, what they
// refuse. Their values and gradients are in test_zoo.cpp, what every mixer must keep in
// test_every_mixer.cpp.
#include <doctest/doctest.h>

#include <cmath>

#include "core/counters.hpp"
#include "nn/mixers/mixer.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

using MixerOptions = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Mixer> made(const std::string& name, size_t width, size_t heads,
                            const MixerOptions& options = {}, size_t layer = 0,
                            const std::string& position = "none") {
  auto kind = make_registered<MixerKind>(name, "mixer");
  Fields fields;
  kind->declare(fields);
  for (const auto& [option, value] : options) fields.set(option, value);
  auto mixer = kind->make(
      {.width = width, .heads = heads, .layer = layer, .layers = 3, .position = position});
  mixer->initialise(1);
  return mixer;
}

const Array& parameter(const Mixer& mixer, const std::string& name) {
  for (const Parameter& p : mixer.parameters())
    if (p.name == name) return p.var->value();
  FAIL("no parameter " << name);
  return mixer.parameters()[0].var->value();
}

/// The numbers that a sequence keeps after `tokens` tokens.
size_t numbers_kept(const Mixer& mixer, size_t width, size_t tokens) {
  const auto state = mixer.state(1);
  Context context;
  mixer(Random(1).normal({1, tokens, width}), {}, context, state.get());
  return state_numbers(*state);
}

}  // namespace

TEST_CASE("matrix mixers: what a sequence keeps is what their files say, however long it is") {
  const size_t D = 64, H = 2, C = D / H;
  const auto keeps = [&](const std::string& name, const MixerOptions& options = {}) {
    const auto mixer = made(name, D, H, options);
    const size_t few = numbers_kept(*mixer, D, 2);
    CHECK(numbers_kept(*mixer, D, 50) == few);
    return few;
  };
  CHECK(keeps("linear-attention") == C * (D + H));
  CHECK(keeps("linear-attention", {{"normalise", "rms"}}) == C * D);
  CHECK(keeps("linear-attention", {{"features", "nala"}}) == 2 * C * (D + H));
  CHECK(keeps("linear-attention", {{"features", "taylor"}}) == (1 + C + C * (C + 1) / 2) * (D + H));
  CHECK(keeps("gla") == D * C);
  CHECK(keeps("gla", {{"lawcat", "true"}}) == C * (D + H) + 2 * 3 * D);
  CHECK(keeps("delta") == D * C + 9 * D);
  CHECK(keeps("gated-delta") == D * C + 9 * D);
  CHECK(keeps("mamba2") == 2 * D * 64 + 3 * (2 * D + 2 * 64));
  CHECK(keeps("mamba2", {{"mamba2-states", "16"}}) == 2 * D * 16 + 3 * (2 * D + 2 * 16));
  CHECK(keeps("rwkv7") == D * C + D);
}

TEST_CASE("matrix mixers: the cost of a token does not grow with the tokens before it") {
  for (const char* name : {"linear-attention", "gla", "delta", "gated-delta", "mamba2", "rwkv7"}) {
    CAPTURE(name);
    const auto mixer = made(name, 16, 2);
    const auto cost = [&](size_t N) {
      counters.reset();
      Context context;
      (*mixer)(Random(1).normal({1, N, 16}), {}, context, nullptr);
      return counters.matrix_flops.load();
    };
    CHECK(cost(256) == 2 * cost(128));
  }
}

TEST_CASE("matrix mixers: memories start with the rates and steps of their papers") {
  for (const char* name : {"gated-delta", "mamba2"}) {
    CAPTURE(name);
    const auto mixer = made(name, 64, 32);
    for (const real rate : parameter(*mixer, "A_log")) {
      CHECK(rate > 0);
      CHECK(rate < std::log(16.0));
    }
    double least = 1, most = 0;
    for (const real bias : parameter(*mixer, "dt_bias")) {
      const double step = std::log1p(std::exp(double{bias}));
      least = std::min(least, step), most = std::max(most, step);
    }
    CHECK(least > 0.999e-3);
    CHECK(least < 5e-3);  // log-uniform
    CHECK(most > 2e-2);
    CHECK(most < 0.1001);
  }
  const auto lawcat = made("gla", 8, 2, {{"lawcat", "true"}});
  CHECK(parameter(*lawcat, "features")(1, 2, 2) == 1);
  CHECK(parameter(*lawcat, "features")(1, 2, 3) == 0);
  CHECK(parameter(*lawcat, "convolution_k.weight")(0, 3) == 1);
  CHECK(parameter(*lawcat, "convolution_k.weight")(3, 3) == real(0.001));
}

TEST_CASE("rwkv7: starts as published, by layer and channel") {
  const size_t D = 12, H = 3;
  const auto first = made("rwkv7", D, H), last = made("rwkv7", D, H, {}, 2);
  for (const real v : parameter(*first, "output.weight")) CHECK(v == 0);
  for (const auto& [name, gain] : {std::pair{"receptance.weight", 1.0}, {"key.weight", 0.1}}) {
    const auto& current_name = name;
    CAPTURE(current_name);
    const Array& w = parameter(*first, name);
    for (size_t i = 0; i < D; ++i)
      for (size_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (size_t d = 0; d < D; ++d) dot += double{w(i, d)} * double{w(j, d)};
        CHECK(dot == doctest::Approx(i == j ? gain * gain : 0).epsilon(1e-5));
      }
  }
  CHECK(parameter(*first, "decay.up.weight").shape() == Shape{D, 32});
  CHECK(parameter(*made("rwkv7", D, H, {{"rank", "5"}}), "gate.up.weight").shape() == Shape{D, 5});
  CHECK(parameter(*first, "mix_k")(3) == doctest::Approx(1 - std::pow(0.25, 0.7)));
  CHECK(parameter(*last, "mix_k")(3) == doctest::Approx(1 - std::pow(0.25, 0.7 / 3)));
  CHECK(parameter(*first, "decay.bias")(0) == doctest::Approx(-5.5 - 2.5));
  CHECK(parameter(*first, "decay.bias")(D - 1) == doctest::Approx(0.5 + 2.5));
  CHECK(parameter(*first, "rate.bias")(D - 1) == doctest::Approx(-0.19 + 0.3 + 0.2));
  CHECK(parameter(*first, "norm")(0) == doctest::Approx(std::pow(1.0 / 3, 0.7)));
  CHECK(parameter(*last, "norm")(0) == 1);
}

TEST_CASE("matrix mixers: take no position encoding but one that is learned") {
  for (const char* name : {"linear-attention", "gla", "delta", "gated-delta", "mamba2", "rwkv7"}) {
    const auto kind = make_registered<MixerKind>(name, "mixer");
    CHECK(kind->takes("none"));
    CHECK(kind->takes("learned"));
    CHECK(!kind->takes("rope"));
    CHECK(!kind->takes("alibi"));
  }
}

TEST_CASE("matrix mixers: options out of their range are refused in a sentence") {
  const auto says = [](const std::string& name, const std::string& option,
                       const std::string& value) {
    return sentence([&] { made(name, 8, 2, {{option, value}}); });
  };
  CHECK(says("linear-attention", "features", "exp") ==
        "features: expected one of elu1, relu, taylor, nala, got 'exp'");
  CHECK(says("mamba2", "mamba2-states", "0") ==
        "mamba2-states: expected a whole number from 1 to 1024, got '0'");
  CHECK(says("rwkv7", "rank", "-1") == "rank: expected a whole number from 0 to 1024, got '-1'");
}
