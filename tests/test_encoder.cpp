// The encoder: one layer repeated against as many layers that hold the same numbers.
#include <doctest/doctest.h>

#include "nn/norm.hpp"
#include "nn/pointer/chain_encoder.hpp"
#include "tests/allclose.hpp"
#include "tests/pieces.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 17, kD = 8, kLayers = 3;
const char* const kMenu = "window:2,match:1,previous:2,jump,run";

EncoderConfig config(bool share) {
  return {.layers = kLayers, .width = kD, .heads = 2, .feed_forward = 12, .share = share};
}

Context make_context() {
  Context context;
  context.tokens = Index({kB, kN});
  Random random(1);
  for (int32_t& t : context.tokens) t = static_cast<int32_t>(random.below(4));
  return context;
}

const Array features = Random(2).normal({kB, kN, kD});

/// "encoder.layers.2.norm.weight" -> "encoder.layers.0.norm.weight"
std::string in_first_layer(std::string name) {
  const auto at = name.find("layers.");
  if (at != name.npos) name[at + 7] = '0';
  return name;
}

const Parameter& named(const std::vector<Parameter>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const Parameter& p) { return p.name == name; });
}

bool same(const Array& a, const Array& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

TEST_CASE("encoder: a shared layer is as many layers with the same numbers, gradients summed") {
  const auto kind = registry<MixerKind>().at("attention").make();
  Encoder shared(config(true), {kind.get()}), separate(config(false), {kind.get()});
  shared.initialise(3);
  const auto one = shared.parameters(), many = separate.parameters();
  CHECK(one.size() < many.size());
  for (const Parameter& p : many)
    std::copy(named(one, in_first_layer(p.name)).var->value().begin(),
              named(one, in_first_layer(p.name)).var->value().end(), p.var->value().begin());

  const auto run = [](const Encoder& encoder) {
    Context context = make_context();
    Tape tape;
    const Var y = encoder(features, context).features;
    tape.backward(y, Random(6).normal(y.shape()));
    return y.value();
  };
  CHECK(same(run(shared), run(separate)));
  for (const Parameter& p : one) {
    std::vector<double> sum(p.var->value().size());
    for (const Parameter& q : many)
      if (in_first_layer(q.name) == p.name)
        for (size_t e = 0; e < sum.size(); ++e) sum[e] += double{q.var->grad().data()[e]};
    CAPTURE(p.name);
    CHECK(differs(p.var->grad(), [&](size_t e) { return sum[e]; }) == "");
  }
}

TEST_CASE("encoder: a shared pointer layer finds pointers below it from the second pass on") {
  PointerChainEncoder encoder(config(true), {.sources = kMenu, .encode = "content"});
  encoder.initialise(4);
  // Types start at zero; drawn here so that candidates of every type win somewhere.
  Random random(5);
  for (const Parameter& p : encoder.parameters())
    if (p.name.find("types") != p.name.npos)
      for (real& v : p.var->value()) v = static_cast<real>(random.normal());
  Context context = make_context();
  const Encoded three = encoder(features, context);
  REQUIRE(three.pointers.size() == 3);
  // Types in the menu's order: window -0, -1, match 0, +1, previous +0, +1, jump, run.
  const auto chained = [](const Pointers& p) {
    return std::count_if(p.type.begin(), p.type.end(), [](int32_t t) { return t >= 4 && t <= 6; });
  };
  CHECK(chained(three.pointers[0]) == 0);
  CHECK(chained(three.pointers[1]) > 0);

  context.training = true;
  Tape tape;
  const Var y = encoder(features, context).features;
  tape.backward(y, Random(6).normal(y.shape()));
  for (const Parameter& p : encoder.parameters()) {
    CAPTURE(p.name);
    CHECK(std::any_of(p.var->grad().begin(), p.var->grad().end(), [](real v) { return v != 0; }));
  }
}

TEST_CASE("encoder: a shared layer may be repeated more often than it was built for") {
  PointerChainEncoder encoder(config(true), {.sources = kMenu});
  encoder.initialise(4);
  Context context = make_context();
  const Encoded three = encoder(features, context);
  context.iterations = 3;
  CHECK(same(encoder(features, context).features.value(), three.features.value()));
  context.iterations = 5;
  const Encoded five = encoder(features, context);
  REQUIRE(five.pointers.size() == 5);
  for (size_t l = 0; l < 3; ++l) CHECK(same(five.pointers[l].score, three.pointers[l].score));
  CHECK(!same(five.features.value(), three.features.value()));
}

TEST_CASE("encoder: a shared layer takes one token at a time, however often it is repeated") {
  for (const std::string& name : registered_names<MixerKind>()) {
    CAPTURE(name);
    const auto kind = registry<MixerKind>().at(name).make();
    Encoder encoder(config(true), {kind.get()});
    encoder.initialise(4);
    for (const auto count : std::vector<std::optional<size_t>>{std::nullopt, 1, 5})
      check_pieces(encoder, features, make_context().tokens, count);
  }
}

TEST_CASE("encoder: a convolution before the mixer is the sum of the norm and its last values") {
  constexpr size_t kTaps = 3;
  EncoderConfig with = config(false), without = config(false);
  with.layers = without.layers = 1, with.convolution = kTaps;
  const auto kind = registry<MixerKind>().at("convolution").make();
  Encoder encoder(with, {kind.get()}), plain(without, {kind.get()});
  encoder.initialise(5);
  plain.initialise(5);
  const auto parameters = encoder.parameters();
  const Array w = named(parameters, "layers.0.convolution.weight").var->value();
  CHECK(w.shape().text() == "[3,8]");
  CHECK(parameters.size() == plain.parameters().size() + 1);
  const auto run = [](const Encoder& of) {
    Context context = make_context();
    return of(features, context).features.value();
  };
  CHECK(!same(run(encoder), run(plain)));
  // Without its weights it is not there.
  const Array kept = w.clone();
  named(parameters, "layers.0.convolution.weight").var->value().fill(0);
  CHECK(same(run(encoder), run(plain)));
  std::ranges::copy(kept, named(parameters, "layers.0.convolution.weight").var->value().begin());

  // By hand, from the same parts.
  const Array& gain = named(parameters, "layers.0.norm1.weight").var->value();
  Array a({kB, kN, kD}), mixed({kB, kN, kD}, 0);
  for (size_t r = 0; r < kB * kN; ++r) {
    double mean = 0, square = 0;
    for (size_t d = 0; d < kD; ++d) mean += double{features.row(r)[d]} / kD;
    for (size_t d = 0; d < kD; ++d) square += std::pow(double{features.row(r)[d]} - mean, 2) / kD;
    for (size_t d = 0; d < kD; ++d)
      a.row(r)[d] = static_cast<real>((double{features.row(r)[d]} - mean) /
                                      std::sqrt(square + 1e-5) * double{gain.data()[d]});
  }
  for (size_t r = 0; r < kB * kN; ++r)
    for (size_t d = 0; d < kD; ++d) {
      mixed.row(r)[d] = a.row(r)[d];
      for (size_t j = 0; j < kTaps && j <= r % kN; ++j)
        mixed.row(r)[d] += w.row(j)[d] * a.row(r - j)[d];
    }
  Context context = make_context();
  const Var direct = encoder.mixer(0)(mixed, {}, context, nullptr).features;
  // The encoder without a feed-forward network and last norm: their weights are made to do nothing.
  for (const Parameter& p : parameters)
    if (p.name.find("feed_forward.down") != p.name.npos) p.var->value().fill(0);
  const Array y = run(encoder);
  Array sum({kB, kN, kD});
  for (size_t e = 0; e < sum.size(); ++e)
    sum.data()[e] = features.data()[e] + direct.value().data()[e];
  const auto last = make_norm("layer", kD);
  last->initialise(1);
  const Array expected = (*last)(sum).value();
  CHECK(differs(
            y, [&](size_t e) { return double{expected.data()[e]}; }, 1e-4) == "");
}

TEST_CASE("encoder: a convolution before every kind of mixer, in pieces and shared") {
  for (const bool share : {false, true})
    for (const std::string& name : registered_names<MixerKind>()) {
      CAPTURE(name);
      const auto kind = registry<MixerKind>().at(name).make();
      EncoderConfig with = config(share);
      with.convolution = 4;
      Encoder encoder(with, {kind.get()});
      encoder.initialise(4);
      check_pieces(encoder, features, make_context().tokens);
    }
}

TEST_CASE("encoder: what is computed again has the same bits, with noise, and takes less memory") {
  for (const bool share : {false, true})
    for (const std::string selection : {"soft", "gumbel", "straight-through"}) {
      EncoderConfig plain = config(share), checkpointed = config(share);
      plain.dropout = checkpointed.dropout = 0.2;
      checkpointed.recompute = true;
      const PointerConfig pointer{.sources = kMenu, .selection = selection};
      const auto run = [&](const EncoderConfig& shape) {
        PointerChainEncoder encoder(shape, pointer);
        encoder.initialise(4);
        Context context = make_context();
        context.training = true;
        context.noise = Random(3);
        const Var h = variable(features);
        Tape tape;
        const Var y = encoder(h, context).features;
        const size_t kept = tape.bytes_kept();
        tape.backward(y, Random(6).normal(y.shape()));
        std::vector<Array> numbers{y.value(), h.grad()};
        for (const Parameter& p : encoder.parameters()) numbers.push_back(p.var->grad());
        return std::pair{numbers, kept};
      };
      const auto [expected, all] = run(plain);
      const auto [got, few] = run(checkpointed);
      REQUIRE(got.size() == expected.size());
      for (size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        REQUIRE(!expected[i].empty());
        CHECK(same(got[i], expected[i]));
      }
      CHECK(few * 5 < all);
    }
}

TEST_CASE(
    "encoder: recomputing refuses gradients that go from layer to layer beside the features") {
  EncoderConfig checkpointed = config(false);
  checkpointed.recompute = true;
  PointerChainEncoder encoder(checkpointed,
                              {.sources = "window:2,jump", .hand_on = "distribution"});
  encoder.initialise(1);
  Context context = make_context();
  encoder(features, context);
  context.training = true;
  CHECK_THROWS_WITH_AS(encoder(features, context), doctest::Contains("recompute: "), Error);
}

TEST_CASE(
    "encoder: a state is refused where whole sequences are needed, and for other iterations") {
  const auto kind = registry<MixerKind>().at("attention").make();
  const Encoder encoder(config(false), {kind.get()}), shared(config(true), {kind.get()});
  const auto state = encoder.state(kB);
  const auto refused = [&](auto&& change) {
    Context context = make_context();
    change(context);
    CHECK_THROWS_WITH_AS(encoder(features, context, state.get()),
                         doctest::Contains("encoder: state: expected none in training"), Error);
  };
  refused([](Context& c) { c.training = true; });
  refused([](Context& c) { c.watch = [](const Pointing&) {}; });
  refused([](Context& c) { c.watch_weights = [](const Weighing&) {}; });
  Context context = make_context();
  context.iterations = 5;
  const auto five = shared.state(kB, 3);
  CHECK_THROWS_WITH_AS(shared(features, context, five.get()), doctest::Contains("for 5 passes"),
                       Error);
}

TEST_CASE("encoder: what sharing refuses") {
  const auto attention = registry<MixerKind>().at("attention").make();
  const std::vector<const MixerKind*> three(3, attention.get());
  CHECK_NOTHROW(Encoder(config(false), three));
  CHECK_THROWS_WITH_AS(Encoder(config(true), three), doctest::Contains("share"), Error);
  CHECK_THROWS_WITH_AS(PointerChainEncoder(config(true), {.sources = "jump"}),
                       doctest::Contains("needs no pointers below"), Error);
  CHECK_THROWS_WITH_AS(PointerChainEncoder(config(true), {.sources = "window/window,jump/window"}),
                       doctest::Contains("one menu"), Error);
  const Encoder separate(config(false), {attention.get()});
  Context context = make_context();
  context.iterations = 4;
  CHECK_THROWS_WITH_AS(separate(features, context), doctest::Contains("share"), Error);
  CHECK_THROWS_WITH_AS(separate.state(1, 4), doctest::Contains("share"), Error);
}
