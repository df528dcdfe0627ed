// Layers, heads and sources that are switched off: what is left is what a model without them does.
#include <doctest/doctest.h>

#include "models/sequence_model.hpp"

using namespace gnomon;

namespace {

constexpr size_t kV = 5, kN = 24, kWidth = 12, kHeads = 3, kLayers = 2;

struct Made {
  explicit Made(const std::string& mixers, const std::string& sources = "") {
    ModelKind kind(
        {{.layers = kLayers, .width = kWidth, .heads = kHeads, .feed_forward = 16}, mixers});
    Fields fields;
    kind.declare(fields);
    if (!sources.empty()) fields.set("sources", sources);
    model = kind.make(kV);
    model->initialise(3);
    Random random(7);
    for (Parameter& p :
         model->parameters())  // type logits start at zero, which would hide mistakes
      if (p.name.find("types") != p.name.npos)
        for (real& v : p.var->value()) v = static_cast<real>(random.normal());
  }
  /// features [1,N,D] and pointers, with something switched off.
  Encoded with(const SwitchedOff& off, Selection selection = Selection::hard) const {
    Context context;
    context.tokens = Index({1, kN});
    Random random(11);
    for (int32_t& t : context.tokens) t = static_cast<int32_t>(random.below(kV));
    context.off = off;
    context.selection = selection;
    return model->encode(context);
  }
  /// Rows [begin, begin + C) of a weight are zeros.
  void zero_rows(const std::string& name, size_t begin) {
    for (Parameter& p : model->parameters())
      if (p.name == name) {
        constexpr size_t C = kWidth / kHeads;
        const size_t columns = p.var->value().size() % (kWidth * kWidth) == 0 ? kWidth : 1;
        std::fill_n(p.var->value().data() + begin * columns, C * columns, real{0});
        ++zeroed;
      }
  }
  std::unique_ptr<SequenceModel> model;
  size_t zeroed = 0;
};

bool equal(const Array& a, const Array& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

constexpr const char* kMenu = "window:3,match:1,previous:2,jump,run";

}  // namespace

TEST_CASE("off: a source offers nothing in the layer where it is off") {
  const Made made("pointer", kMenu);
  const Encoded all = made.with({});
  for (const std::string source : {"window", "match", "run"})
    for (const size_t layer : {0, 1}) {
      const Encoded e = made.with({.sources = {{layer, source}}});
      CHECK_FALSE(equal(e.features.value(), all.features.value()));
      for (size_t l = 0; l < kLayers; ++l) {
        const auto types = made.model->encoder().mixer(l).candidate_types();
        size_t wins = 0, won = 0;
        for (size_t i = 0; i < kN * kHeads; ++i) {
          const auto is_of = [&](const Encoded& one) {
            const int32_t type = one.pointers[l].type.data()[i];
            return type >= 0 && types[static_cast<size_t>(type)].starts_with(source);
          };
          wins += is_of(e), won += is_of(all);
        }
        CHECK(won > 0);
        CHECK((wins == 0) == (l == layer));
      }
    }
}

TEST_CASE("off: a head that is off reads as if its values were zeros, and points nowhere") {
  for (const Selection selection : {Selection::hard, Selection::soft}) {
    Made made("pointer", "window:3,match:1");  // nothing that follows the pointers below
    const Encoded e = made.with({.heads = {{0, 1}}}, selection);
    for (size_t n = 0; n < kN; ++n)
      for (size_t h = 0; h < kHeads; ++h)
        CHECK((e.pointers[0].to.data()[n * kHeads + h] == -1) == (h == 1));
    made.zero_rows("encoder.layers.0.mixer.value.weight", kWidth / kHeads);
    REQUIRE(made.zeroed == 1);
    CHECK(equal(e.features.value(), made.with({}, selection).features.value()));
  }
}

TEST_CASE("off: the same for the heads of attention") {
  for (const std::string mixer : {"attention", "longformer", "block-attention", "combiner"}) {
    CAPTURE(mixer);
    Made made(mixer);
    const Encoded e = made.with({.heads = {{1, 2}}});
    CHECK_FALSE(equal(e.features.value(), made.with({}).features.value()));
    const size_t row = 2 * kWidth + 2 * kWidth / kHeads;  // of head 2 in [q; k; v]
    made.zero_rows("encoder.layers.1.mixer.projection.weight", row);
    made.zero_rows("encoder.layers.1.mixer.projection.bias", row);
    REQUIRE(made.zeroed >= 1);
    CHECK(equal(e.features.value(), made.with({}).features.value()));
  }
}

TEST_CASE("off: a layer that is off adds nothing and hands no pointers on") {
  for (const std::string mixer : {"pointer", "attention", "mamba"}) {
    CAPTURE(mixer);
    const Made made(mixer, mixer == "pointer" ? kMenu : "");
    const Encoded e = made.with({.layers = {0}});
    CHECK(e.pointers[0].empty());
    CHECK_FALSE(equal(e.features.value(), made.with({}).features.value()));
    // With both off nothing moves between tokens: equal tokens are equal throughout.
    const Array none = made.with({.layers = {0, 1}}).features.value();
    Random random(11);
    std::vector<int32_t> tokens;
    for (size_t n = 0; n < kN; ++n) tokens.push_back(static_cast<int32_t>(random.below(kV)));
    for (size_t n = 1; n < kN; ++n)
      for (size_t m = 0; m < n; ++m)
        if (tokens[m] == tokens[n])
          CHECK(std::equal(none.row(m), none.row(m) + kWidth, none.row(n)));
  }
}

TEST_CASE("off: not in training, and not with a state") {
  const Made made("pointer", kMenu);
  Context context;
  context.tokens = Index({1, 4});
  context.off.layers = {0};
  const auto state = made.model->state(1);
  CHECK_THROWS_AS(made.model->encode(context, state.get()), Error);
  context.training = true;
  CHECK_THROWS_AS(made.model->encode(context), Error);
}
