// What every registered source of candidates must keep, beside a window in a menu, in three layers:
// a new source inherits these tests.
#include <doctest/doctest.h>

#include "nn/pointer/chain_encoder.hpp"
#include "nn/pointer/selection.hpp"
#include "tests/pieces.hpp"

using namespace gnomon;
using namespace std::string_literals;

namespace {

constexpr size_t kB = 2, kD = 12, kH = 3, kLayers = 3;

struct Chain {
  Chain(const std::string& sources, size_t N, const std::string& selection = "soft",
        const std::string& encode = "none")
      : kind(PointerConfig{.sources = sources, .selection = selection, .encode = encode}),
        encoder(EncoderConfig{.layers = kLayers, .width = kD, .heads = kH, .feed_forward = 16},
                {&kind}) {
    encoder.initialise(5);
    // Random type logits and open gates, which would otherwise hide what a source offers.
    Random random(9);
    for (const Parameter& p : encoder.parameters())
      if (p.name.find("types") != p.name.npos || p.name.find("menu") != p.name.npos)
        for (real& v : p.var->value()) v += static_cast<real>(random.normal());
    features = random.normal({kB, N, kD});
    tokens = Index({kB, N});
    for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(4));
  }
  Encoded run(bool training) const {
    Context context;
    context.tokens = tokens;
    context.training = training;
    context.noise = Random(1);
    return encoder(features, context);
  }
  uint64_t rows() const {
    counters.reset();
    run(false);
    return counters.rows_read;
  }
  PointerKind kind;
  Encoder encoder;
  Array features;
  Index tokens;
};

const std::string kEverything =
    "window:4,sinks:2,match:2,previous:2,jump,neighbour,rank:4,learned:2,run";

const std::string kByHead =
    "match:1,window:2 | window:2,rank:2 | window:2,run /"
    "previous:2,jump | neighbour,hop,run | window:2 /"
    "hop:1,window:1 | learned:1,jump | match:2,run";

std::vector<std::string> menus() {
  std::vector<std::string> all;
  for (const std::string& name : registered_names<CandidateSource>())
    all.push_back(name == "window" ? "window:5" : "window:2," + name);
  return all;
}

}  // namespace

TEST_CASE(
    "every source: its example reaches a candidate of each of its types, and all are causal") {
  for (const std::string& name : registered_names<CandidateSource>()) {
    CAPTURE(name);
    const Example example = registry<CandidateSource>().at(name).make()->example();
    const size_t N = example.length;
    Random random(3);
    Context context;
    context.training = true;  // some offer more then
    context.tokens = Index({kB, N});
    for (int32_t& t : context.tokens) t = static_cast<int32_t>(random.below(example.vocabulary));
    PreviousPointers previous{Index({kB, N, kH}), {}};
    for (size_t e = 0; e < previous.to.size(); ++e)
      previous.to.data()[e] = static_cast<int32_t>(random.below(e / kH % N + 1));
    // A chain begins where something else points first.
    const bool chain =
        registry<CandidateSource>().at(name).make()->form().meaning == SourceForm::Meaning::chain;
    Menu menu(chain ? "window:1," + name : name, {kD, kH, 1, 2, "none"});
    menu.initialise(1);
    const Var features = random.normal({kB, N, kD});
    context.embedded = features;
    CandidateSet set = menu.offer({features, previous, context, kH});
    Array logits = random.normal({kB, N, kH, set.types.size()});
    const Array q = random.normal({kB, N, kD});
    choose(logits, set, {q, q, 1, nullptr});
    std::vector<bool> reached(menu.types().size());
    const size_t G = set.index.to.shape()[2], K = set.types.size();
    for (size_t e = 0; e < set.index.to.size(); ++e) {
      const int32_t j = set.index.to.data()[e];
      CHECK(j >= -1);
      CHECK(j <= static_cast<int32_t>(e / (G * K) % N));
      if (j >= 0) reached[static_cast<size_t>(set.types.data()[e % K])] = true;
    }
    for (size_t t = 0; t < reached.size(); ++t) {
      CAPTURE(menu.types()[t]);
      CHECK_MESSAGE(reached[t], "never offered: what it waits for belongs into its example()");
    }
  }
}

TEST_CASE("every source: in pieces of any sizes gives what the whole sequence gives") {
  std::vector<std::string> all = menus();
  for (const std::string& name : registered_names<CandidateSource>())
    if (name != "window") all.push_back("window:1 / " + name + " / window:1," + name);
  for (const std::string& menu : {kEverything, kByHead, "match:1,null,run"s, "match:1,null,gated"s})
    all.push_back(menu);
  for (const std::string& menu : all)
    for (const size_t N : {1, 33}) {
      CAPTURE(menu);
      const Chain chain(menu, N);
      check_pieces(chain.encoder, chain.features, chain.tokens);
    }
}

TEST_CASE("every encoding of the pointer below: in pieces of any sizes gives the same") {
  for (const char* encode : {"none", "index", "hop", "content"}) {
    CAPTURE(encode);
    const Chain chain(kEverything, 33, "soft", encode);
    check_pieces(chain.encoder, chain.features, chain.tokens);
  }
}

TEST_CASE("every source: a step reads K rows, however many tokens came before") {
  for (const std::string& menu : menus()) {
    CAPTURE(menu);
    const Chain chain(menu, 40);
    const auto rows = rows_per_step(chain.encoder, chain.features, chain.tokens);
    if (menu == "window:2,blocks") continue;  // by its nature about sqrt(n) rows
    if (menu == "window:2,dense") {  // by its nature: one more for every token, layer and head
      CHECK(rows[39] - rows[19] == 20 * kLayers);
      continue;
    }
    for (const uint64_t count : rows) CHECK(count == rows[0]);
  }
}

TEST_CASE("every source: outside of training at most B N H (2 K + 2) rows are read, linear in N") {
  for (const std::string& menu : menus()) {
    CAPTURE(menu);
    constexpr size_t N = 32;
    uint64_t K = 0;
    const Chain chain(menu, N);
    for (size_t layer = 0; layer < kLayers; ++layer)
      K += Menu(menu, {kD, kH, layer, kLayers, "none"}).slot_types(N).size();
    // Each candidate's key once, a source's own rows once; the chosen value, and the run's key.
    CHECK(chain.rows() <= kB * N * kH * (2 * K + 2 * kLayers));
    if (menu != "window:2,dense" && menu != "window:2,blocks")
      CHECK(Chain(menu, 2 * N).rows() == 2 * chain.rows());
  }
}

TEST_CASE("every source: the selector and the source receive gradient in every mode") {
  for (const std::string& mode : selection_modes())
    for (const std::string& menu : menus()) {
      const Chain chain(menu, 70, mode);  // as far as "skips" reaches
      Tape tape;
      const Var y = chain.run(true).features;
      tape.backward(y, Random(2).normal(y.shape()));
      for (const Parameter& p : chain.encoder.parameters()) {
        const Array& g = p.var->grad();
        CAPTURE(mode);
        CAPTURE(menu);
        CAPTURE(p.name);
        if (p.name.find("rounded") != std::string::npos) {  // what that control is there to show
          CHECK(std::all_of(g.begin(), g.end(), [](real v) { return v == 0; }));
          continue;
        }
        CHECK(std::any_of(g.begin(), g.end(), [](real v) { return v != 0 && std::isfinite(v); }));
      }
      // Each type of candidate, the source's among them, in some head.
      const auto parameters = chain.encoder.parameters();
      for (size_t layer = 0; layer < kLayers; ++layer) {
        const auto types = chain.encoder.mixer(layer).candidate_types();
        const auto bias =
            std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) {
              return p.name == fmt::format("layers.{}.mixer.types.bias", layer);
            });
        REQUIRE(bias != parameters.end());
        for (size_t t = 0; t < types.size(); ++t) {
          bool reached = false;
          for (size_t h = 0; h < kH; ++h)
            reached |= bias->var->grad().data()[h * types.size() + t] != 0;
          CAPTURE(mode);
          CAPTURE(menu);
          CAPTURE(types[t]);
          CHECK(reached);
        }
      }
    }
}
