// How many parallel loops a training step takes: on short sequences each costs as much as its work.
#include <doctest/doctest.h>

#include <map>

#include "core/counters.hpp"
#include "models/sequence_model.hpp"
#include "tests/with_threads.hpp"
#include "tools/training/optimizer.hpp"

using namespace gnomon;

namespace {

/// Of one training step on 256 tokens, at the width of the preset.
uint64_t regions(const std::string& model, const std::map<std::string, std::string>& options,
                 size_t layers) {
  constexpr size_t V = 32, N = 256;
  const auto kind = make_registered<ModelKind>(model, "model");
  Fields fields;
  kind->declare(fields);
  fields.set("layers", fmt::format("{}", layers));
  for (const auto& [name, value] : options) fields.set(name, value);
  const auto network = kind->make(V);
  network->initialise(1);
  Batch batch{Index({1, N}), Index({1, N})};
  for (size_t n = 0; n < N; ++n)
    batch.tokens.data()[n] = batch.targets.data()[n] = static_cast<int32_t>(n * n % V);
  AdamW optimizer(network->parameters());
  uint64_t count = 0;
  with_threads(2, [&] {
    counters.reset();
    Tape tape;
    Context context;
    context.training = true;
    tape.backward(network->score(batch, context).loss);
    clip_gradients(network->parameters(), 1e-3);
    optimizer.step(1e-3);
    count = counters.parallel_regions;
  });
  return count;
}

}  // namespace

TEST_CASE("regions: of each layer of a training step, and of all that is no layer") {
  const std::map<std::string, std::string> none,
      told{{"sources", "window:4,sinks:2,match:2,previous:2,jump,neighbour,run"},
           {"heads", "1"},
           {"selection", "soft"},
           {"tied", "false"}};
  // The codes that the default learns and the head that counts are ops of their own.
  for (const auto& [model, options, of_layer, of_rest] :
       {std::tuple{std::string("transformer"), none, 21u, 8u},
        {"pointer", told, 18u, 8u},
        {"pointer", none, 51u, 10u}}) {
    const auto& current_model = model;
    CAPTURE(current_model);
    const size_t told_options = options.size();
    CAPTURE(told_options);
    const uint64_t one = regions(model, options, 1), two = regions(model, options, 2);
    CHECK(two - one <= of_layer);
    CHECK(2 * one - two <= of_rest);
    CHECK(regions(model, options, 3) - two == two - one);  // the optimizer's do not grow
  }
}
