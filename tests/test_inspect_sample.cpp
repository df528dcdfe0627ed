// One sample through one model: what is handed out is what the model computes, and its JSON holds
// it closely enough.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/pointer/pointing.hpp"
#include "tools/inspect/chain.hpp"
#include "tools/inspect/packed.hpp"
#include "tools/training/experiment.hpp"

using namespace gnomon;

namespace {

/// A small untrained model, and what it makes of a sample.
struct Seen {
  explicit Seen(const std::string& options, size_t length = 20)
      : experiment(Experiment::of_run(Arguments::of_text(
            "task = copy\npayload = 8\nlength = 20\nwidth = 8\nfeed-forward = 8\n" + options,
            "small.ini"))),
        model(experiment->make_model()) {
    model->initialise(3);
    Random random(4);
    for (const Parameter& p : model->parameters())  // some of which start at zero
      for (real& v : p.var->value()) v += static_cast<real>(0.5 * random.normal());
    batch = experiment->task().test_batch(1, length, Random(1));
    sample = inspect_sample(*model, experiment->task(), batch, 0.5);
    json = nlohmann::json::parse(sample_json(sample));
  }
  std::vector<double> list(const nlohmann::json& packed) const {
    return unpacked(json.at("pool"), packed, sample.tokens.size());
  }
  std::unique_ptr<Experiment> experiment;
  std::unique_ptr<SequenceModel> model;
  Batch batch;
  InspectedSample sample;
  nlohmann::json json;
};

const std::string kMenus =
    "model = pointer\nlayers = 3\nheads = 2\n"
    "sources = window:3,sinks:1,match:1,learned:2,previous:2,jump,run | rank:3,null\n";

}  // namespace

TEST_CASE("inspect sample: candidates, parts and winners are those of the layers") {
  const Seen seen(kMenus);
  const size_t N = seen.sample.tokens.size();
  Context context;
  context.tokens = seen.batch.tokens;
  size_t layers = 0;
  context.watch = [&](const Pointing& pointing) {
    const size_t l = context.layer, H = 2, K = pointing.types.size();
    const size_t G = pointing.candidates.shape()[2];
    const LogitParts parts = pointing.parts();
    const auto& of_layer = seen.json.at("layers").at(l);
    CHECK(of_layer.at("slots").size() == K);
    const auto gate = seen.list(of_layer.at("gate"));
    for (size_t n = 0; n < N; ++n) {
      const Array g = pointing.gate();
      CHECK(gate[n] == doctest::Approx(std::accumulate(g.row(n), g.row(n) + 8, 0.0) / 8));
    }
    for (size_t h = 0; h < H; ++h) {
      const auto& head = of_layer.at("heads").at(h);
      CHECK(head.at("menu").at("kept") == head.at("menu").at("slots"));
      const auto slot = seen.list(head.at("slot")), to = seen.list(head.at("to"));
      const auto score = seen.list(head.at("score")), margin = seen.list(head.at("margin"));
      size_t found = 0;
      std::vector<double> best(N, -INFINITY);
      for (const auto& column : head.at("menu").at("columns")) {
        const auto k = static_cast<size_t>(seen.list(column.at("slot"))[0]);
        const auto at = seen.list(column.at("to")), match = seen.list(column.at("match")),
                   type = seen.list(column.at("type"));
        const auto own =
            column.contains("own") ? seen.list(column.at("own")) : std::vector<double>(N);
        for (size_t n = 0; n < N; ++n) {
          const int32_t j = pointing.candidates.row(n * G + (G == 1 ? 0 : h))[k];
          CHECK(at[n] == j);
          if (j < 0) continue;
          ++found;
          const double logit = double{pointing.logits.row(n * H + h)[k]};
          CHECK(std::abs(match[n] - double{parts.match.row(n * H + h)[k]}) < 5e-4);
          CHECK(std::abs(type[n] - double{parts.type.row(n * H + h)[k]}) < 5e-4);
          CHECK(std::abs(match[n] + type[n] + own[n] - logit) < 1e-3);
          best[n] = std::max(best[n], logit);
          if (slot[n] == static_cast<double>(k)) {
            CHECK(score[n] == doctest::Approx(logit).epsilon(1e-3));
            CHECK(to[n] == (of_layer.at("read").at(k) ? j : -1));
          }
        }
      }
      size_t expected = 0;
      for (size_t n = 0; n < N; ++n) {
        for (size_t k = 0; k < K; ++k)
          expected += pointing.candidates.row(n * G + (G == 1 ? 0 : h))[k] >= 0;
        if (slot[n] < 0) continue;
        CHECK(best[n] - score[n] < 2e-3);  // the winner is the argmax, to the tie rule
        CHECK((std::isnan(margin[n]) || margin[n] >= 0));
      }
      CHECK(found == expected);
    }
    ++layers;
  };
  seen.model->encode(context);
  CHECK(layers == 3);
}

TEST_CASE("inspect sample: an answer that nobody can judge, heads and sources switched off") {
  const Seen seen(kMenus);
  const Task& task = seen.experiment->task();
  Batch unknown{seen.batch.tokens, Index(seen.batch.targets.shape(), -1)};
  CHECK_THROWS_AS(inspect_sample(*seen.model, task, unknown, 0.5), Error);
  const size_t last = seen.sample.tokens.size() - 1;
  const InspectedSample free =
      inspect_sample(*seen.model, task, unknown, 0.5, {.recall = false, .answered = {last}});
  REQUIRE(free.answers.at == std::vector<int32_t>{static_cast<int32_t>(last)});
  CHECK(std::isnan(free.answers.asked[0]));
  CHECK(free.target[last] == -1);
  CHECK(free.predicted[last] == seen.sample.predicted[last]);
  CHECK(!free.layers[0].heads[0].recall);

  const InspectedSample off =
      inspect_sample(*seen.model, task, seen.batch, 0.5,
                     {.off = {.layers = {}, .heads = {{0, 1}}, .sources = {{1, "run"}}}});
  for (const int32_t to : off.layers[0].heads[1].to) CHECK(to == -1);
  const auto& types = off.layers[1].types;
  const auto run = std::ranges::find(types, std::string("run")) - types.begin();
  for (const HeadMap& head : off.layers[1].heads)
    for (const int32_t type : head.type) CHECK(type != run);
  const InspectedSample soft =
      inspect_sample(*seen.model, task, seen.batch, 0.5, {.selection = Selection::soft});
  CHECK(soft.answers.probability != seen.sample.answers.probability);
}

TEST_CASE("inspect sample: answers are those of the head, the likeliest first") {
  const Seen seen(kMenus);
  Context context;
  const auto scored = seen.model->score(seen.batch, context);
  const auto& answers = seen.json.at("answers");
  const size_t M = answers.at("M");
  REQUIRE(M == 8);
  const auto at = unpacked(seen.json.at("pool"), answers.at("at"), M);
  const auto asked = unpacked(seen.json.at("pool"), answers.at("asked"), M);
  REQUIRE(answers.at("columns").size() >= 5);
  double loss = 0;
  std::vector<double> last(M, 1);
  for (const auto& column : answers.at("columns")) {
    const auto probability = unpacked(seen.json.at("pool"), column.at("probability"), M);
    for (size_t m = 0; m < M; ++m) {
      CHECK(probability[m] <= last[m] + 1e-9);
      last[m] = probability[m];
    }
  }
  const auto first = unpacked(seen.json.at("pool"), answers.at("columns").at(0).at("token"), M);
  const auto predicted = seen.list(seen.json.at("predicted"));
  for (size_t m = 0; m < M; ++m) {
    CHECK(at[m] == scored.positions.data()[m]);
    CHECK(first[m] == scored.predicted.data()[m]);
    CHECK(predicted[static_cast<size_t>(at[m])] == first[m]);
    loss -= std::log(seen.sample.answers.asked[m]) / static_cast<double>(M);
    CHECK(asked[m] == doctest::Approx(seen.sample.answers.asked[m]).epsilon(1e-3));
  }
  CHECK(loss == doctest::Approx(double{scored.loss.value().item()}).epsilon(1e-4));
  CHECK(seen.json.at("words").at("3") == nlohmann::json({"d", "3"}));
}

TEST_CASE("inspect sample: weights of attention sum to one, and few are kept of many") {
  const Seen small("model = transformer\nlayers = 2\nheads = 2\n");
  for (const auto& layer : small.json.at("layers")) {
    CHECK(!layer.contains("heads"));
    REQUIRE(layer.at("weights").size() == 2);
    for (const auto& head : layer.at("weights")) {
      const size_t N = small.sample.tokens.size();
      CHECK(head.at("kept") == N);
      std::vector<double> sum(N), last(N, 1);
      for (const auto& column : head.at("columns")) {
        const auto weight = small.list(column.at("weight")), to = small.list(column.at("to"));
        for (size_t n = 0; n < N; ++n) {
          if (to[n] < 0) continue;
          CHECK(to[n] <= static_cast<double>(n));
          CHECK(weight[n] <= last[n] + 1e-4);
          sum[n] += weight[n], last[n] = weight[n];
        }
      }
      const auto all = small.list(head.at("sum"));
      for (size_t n = 0; n < N; ++n) {
        CHECK(sum[n] == doctest::Approx(1).epsilon(2e-3));
        CHECK(all[n] == doctest::Approx(1).epsilon(1e-4));
      }
    }
  }
  const Seen large("model = transformer\nlayers = 4\nheads = 4\n", 2000);
  const auto& head = large.json.at("layers").at(3).at("weights").at(3);
  CHECK(head.at("kept") == kWeightsKept / (4 * 4 * large.sample.tokens.size()));
  CHECK(sample_json(large.sample).size() < 4'000'000);
}

TEST_CASE("inspect sample: layers that keep a state have neither pointers nor weights") {
  const Seen seen(
      "model = pointer\nlayers = 2\nheads = 1\nmixers = mamba,pointer\n"
      "sources = window:2,match:1\n");
  CHECK(!seen.json.at("layers").at(0).contains("heads"));
  CHECK(!seen.json.at("layers").at(0).contains("weights"));
  CHECK(seen.json.at("layers").at(1).at("heads").size() == 1);
}

TEST_CASE("inspect sample: of a menu of all tokens the best are kept, the winner first") {
  const Seen seen("model = pointer\nlayers = 2\nheads = 2\nsources = dense\n", 1000);
  for (const LayerMap& layer : seen.sample.layers)
    for (const HeadMap& head : layer.heads) {
      const HeadMenu& menu = head.menu;
      REQUIRE(menu.kept < menu.slots);
      for (size_t n = 0; n < head.to.size(); ++n) {
        CHECK(menu.slot[n * menu.kept] == head.slot[n]);
        CHECK(menu.to[n * menu.kept] == head.to[n]);
        double last = INFINITY;
        for (size_t i = 1; i < menu.kept && menu.to[n * menu.kept + i] >= 0; ++i) {
          const double logit = menu.match[n * menu.kept + i] + menu.type[n * menu.kept + i];
          CHECK(logit <= last + 1e-5);
          last = logit;
        }
      }
    }
  CHECK(sample_json(seen.sample).size() < 12'000'000);
}

TEST_CASE("inspect sample: 2,048 tokens, 16 candidates, 4 layers of 4 heads stay below 5 MB") {
  const Seen seen("model = pointer\nlayers = 4\nheads = 4\n", 2040);
  for (const HeadMap& head : seen.sample.layers.at(3).heads)
    CHECK(head.menu.kept == head.menu.slots);
  CHECK(seen.sample.layers.at(3).heads.at(0).menu.slots == 15);
  CHECK(sample_json(seen.sample).size() < 4'500'000);
}

TEST_CASE("inspect chain: edges are pointers of the layers, from the token down") {
  const Seen seen(kMenus);
  const size_t N = seen.sample.tokens.size(), L = 3;
  const Chain chain = chain_of(seen.sample, N - 1, N);
  CHECK(chain.left_out == 0);
  REQUIRE(chain.rows.size() == L + 1);
  CHECK(chain.rows[0] == std::vector<int32_t>{static_cast<int32_t>(N - 1)});
  size_t pointers = 0, expected = 0;
  for (const ChainEdge& e : chain.edges) {
    const auto& above = chain.rows[e.row];
    const auto& below = chain.rows[e.row + 1];
    CHECK(std::ranges::find(above, e.from) != above.end());
    CHECK(std::ranges::find(below, e.to) != below.end());
    if (e.kind != ChainEdge::Kind::pointer) {
      CHECK(e.to == e.from);
      continue;
    }
    const LayerMap& layer = seen.sample.layers[L - 1 - e.row];
    CHECK(layer.heads[e.head].to[static_cast<size_t>(e.from)] == e.to);
    CHECK(e.strength == layer.gate[static_cast<size_t>(e.from)]);
    ++pointers;
  }
  for (size_t row = 0; row < L; ++row)
    for (const int32_t n : chain.rows[row])
      for (const HeadMap& head : seen.sample.layers[L - 1 - row].heads)
        expected += head.to[static_cast<size_t>(n)] >= 0;
  CHECK(pointers == expected);
  size_t cut = 0;
  for (size_t n = 0; n < N; ++n) {
    const Chain all = chain_of(seen.sample, n, N), small = chain_of(seen.sample, n, 3);
    CHECK(small.positions.size() <= 3);
    CHECK((small.left_out > 0) == (all.positions.size() > 3));
    cut += small.left_out > 0;
  }
  CHECK(cut > 0);
}

TEST_CASE("packed: what is read back is what went in, to the stated error") {
  NumberPack pack;
  const std::vector<int32_t> small{1, -1, 300}, large{1, 70000}, same{5, 5};
  const std::vector<double> near{-3.25, 4.5, 0.001}, far{-1000, 1e-3}, holes{1, INFINITY, 3};
  const auto a = pack.integers(small), b = pack.integers(large), c = pack.integers(same);
  const auto d = pack.numbers(near), e = pack.numbers(far), f = pack.numbers(holes);
  CHECK(pack.integers(small) == a);  // once in the pool
  const nlohmann::json sample{{"pool", pack.pool()}};
  CHECK(sample.at("pool").size() == 5);
  CHECK(unpacked(sample.at("pool"), a, 3) == std::vector<double>{1, -1, 300});
  CHECK(unpacked(sample.at("pool"), b, 2) == std::vector<double>{1, 70000});
  CHECK(unpacked(sample.at("pool"), c, 2) == std::vector<double>{5, 5});
  for (size_t i = 0; i < 3; ++i)
    CHECK(std::abs(unpacked(sample.at("pool"), d, 3)[i] - near[i]) < 3.1e-4);
  CHECK(unpacked(sample.at("pool"), e, 2)[0] == -1000);
  CHECK(std::isnan(unpacked(sample.at("pool"), f, 3)[1]));
  CHECK(unpacked(sample.at("pool"), f, 3)[2] == doctest::Approx(3));
  CHECK(unpacked(sample.at("pool"), pack.numbers({NAN, NAN}), 2).size() == 2);
  CHECK(pack.numbers({0.1, 0.1}) == 0.1);
}
