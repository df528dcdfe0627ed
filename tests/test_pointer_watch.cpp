// What metrics.jsonl says of the pointers, counted again from the maps themselves.
#include "tools/training/pointer_watch.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "tools/training/trainer.hpp"

using namespace gnomon;

namespace {

std::unique_ptr<Experiment> experiment(const std::string& more) {
  return Experiment::of_run(Arguments::of_text(
      "model = pointer\ntask = copy\npayload = 8\nlength = 30\nlayers = 3\nwidth = 8\n"
      "feed-forward = 8\nbatch = 4\nheads = 2\nsources = window:3,sinks:1,match:1,jump\n" +
          more,
      "small.ini"));
}

std::vector<real> numbers(Trainer& trainer) {
  std::vector<real> all;
  for (const Parameter& p : trainer.model().parameters())
    all.insert(all.end(), p.var->value().begin(), p.var->value().end());
  return all;
}

}  // namespace

TEST_CASE("pointer watch: hops and probabilities are those of the maps") {
  const auto small = experiment("");
  const auto model = small->make_model();
  model->initialise(3);
  const Batch batch = small->task().test_batch(4, 30, Random(1));
  Context context;
  context.training = true, context.temperature = 0.5;
  context.noise = Random(5);
  PointerWatch watch(3);
  watch.look_through(context);
  std::vector<double> expected;  // mean hop, self, far, soft_hard of each layer
  context.watch = [&, look = context.watch](const Pointing& seen) {
    look(seen);
    const auto [B, N, H] = dims<3>(seen.to, "to [B,N,H]");
    const size_t G = seen.candidates.shape()[2], K = seen.candidates.shape()[3];
    double count = 0, hops = 0, self = 0, far = 0, apart = 0;
    for (size_t b = 0; b < B; ++b)
      for (size_t n = 0; n < N; ++n)
        for (size_t h = 0; h < H; ++h) {
          const int32_t to = seen.to.row(b * N + n)[h];
          if (to < 0) continue;
          const double hop = static_cast<double>(n) - to;
          ++count, hops += hop, self += hop == 0, far += hop >= 16;
          std::map<int32_t, double> soft;  // of each target
          double all = 0;
          for (size_t k = 0; k < K; ++k) {
            const size_t at = ((b * N + n) * G + (G == 1 ? 0 : h)) * K + k;
            if (seen.candidates.data()[at] < 0) continue;
            const double mass =
                std::exp(double{seen.logits.data()[((b * N + n) * H + h) * K + k]} / 0.5);
            soft[seen.read.data()[at]] += mass, all += mass;
          }
          double distance = 0;  // total variation: half the sum of differences from the one-hot
          for (const auto& [target, mass] : soft) distance += std::abs(mass / all - (target == to));
          apart += distance / 2;
        }
    for (const double sum : {hops, self, far, apart}) expected.push_back(sum / count);
  };
  model->score(batch, context);
  const auto found = PointerWatch::summaries(watch.sums());
  REQUIRE(found.size() == 3);
  REQUIRE(expected.size() == 12);
  for (size_t l = 0; l < 3; ++l) {
    CHECK(found[l].layer == l + 1);
    CHECK(found[l].mean_hop == doctest::Approx(expected[4 * l]).epsilon(1e-12));
    CHECK(found[l].self == doctest::Approx(expected[4 * l + 1]).epsilon(1e-12));
    CHECK(found[l].far == doctest::Approx(expected[4 * l + 2]).epsilon(1e-12));
    CHECK(found[l].soft_hard == doctest::Approx(expected[4 * l + 3]).epsilon(1e-5));
    CHECK(found[l].soft_hard > 0.01);
  }
}

TEST_CASE("pointer watch: looking changes no bit, whole or in shards, recomputed or not") {
  for (const std::string more : {"", "shards = 4\n", "recompute = true\n", "share = true\n"}) {
    CAPTURE(more);
    const auto small = experiment(more);
    Trainer watched(*small), other(*small);
    for (int step = 0; step < 3; ++step) {
      const StepReport a = watched.step(true), b = other.step();
      CHECK(a.gradient_norm == b.gradient_norm);
      CHECK(a.pointers.size() == 3);
      CHECK(b.pointers.empty());
    }
    CHECK(numbers(watched) == numbers(other));
  }
}

TEST_CASE("pointer watch: layers that do not point are passed over, the others keep their number") {
  const auto small = Experiment::of_run(Arguments::of_text(
      "model = pointer\ntask = copy\nlength = 20\npayload = 4\nlayers = 2\nwidth = 8\nbatch = 2\n"
      "mixers = attention,pointer\n",
      "small.ini"));
  Trainer trainer(*small);
  const auto pointers = trainer.step(true).pointers;
  REQUIRE(pointers.size() == 1);
  CHECK(pointers[0].layer == 2);
}
