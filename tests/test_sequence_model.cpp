// Every registered model, one token at a time.
#include "models/sequence_model.hpp"

#include <doctest/doctest.h>

#include "core/counters.hpp"

using namespace gnomon;

namespace {

constexpr size_t kV = 7, kLongest = 24;

std::unique_ptr<SequenceModel> made(const std::string& name, const std::string& position) {
  const auto kind = make_registered<ModelKind>(name, "model");
  Fields fields;
  kind->declare(fields);
  fields.set("layers", "2");
  fields.set("width", "16");
  fields.set("heads", "2");
  fields.set("position", position);
  fields.set("max-length", std::to_string(kLongest));
  auto model = kind->make(kV);
  model->initialise(3);
  return model;
}

}  // namespace

TEST_CASE("model: the logits of every step are those of the whole sequence") {
  for (const std::string& name : registered_names<ModelKind>())
    for (const char* position : {"none", "learned"}) {
      CAPTURE(name);
      CAPTURE(position);
      const auto model = made(name, position);
      Pass pass;
      pass.tokens = Index({1, kLongest});
      Random random(1);
      for (int32_t& t : pass.tokens) t = static_cast<int32_t>(random.below(kV));
      const Array whole = model->logits(model->encode(pass).features).value();
      SequenceModel::Memory memory(*model);
      for (size_t n = 0; n < kLongest; ++n) {
        const Array logits = memory.step(pass.tokens.data()[n]);
        REQUIRE(logits.shape() == Shape{kV});
        for (size_t v = 0; v < kV; ++v)
          CHECK(logits.data()[v] == doctest::Approx(whole(0, n, v)).epsilon(1e-5));
      }
      CHECK(memory.length() == kLongest);
    }
}

TEST_CASE("model: what a step refuses") {
  const auto model = made("pointer", "learned");
  CHECK(model->longest() == kLongest);
  SequenceModel::Memory memory(*model);
  CHECK_THROWS_WITH_AS(memory.step(kV), doctest::Contains("expected values in [0,7)"), Error);
  CHECK_THROWS_AS(memory.step(-1), Error);
  CHECK(memory.length() == 0);
  for (size_t n = 0; n < kLongest; ++n) memory.step(1);
  CHECK_THROWS_WITH_AS(memory.step(1), doctest::Contains("--max-length = 24"), Error);
  CHECK(made("pointer", "none")->longest() > size_t{1} << 40);
}

TEST_CASE("model: what a training step costs: linear in the tokens, at most linear in K") {
  struct Cost {
    uint64_t flops, read, written;
  };
  const auto step = [](const std::string& name, size_t N, const std::string& sources) {
    const auto kind = make_registered<ModelKind>(name, "model");
    Fields fields;
    kind->declare(fields);
    fields.set("sources", sources);
    fields.set("heads", "4");
    const auto model = kind->make(kV);
    model->initialise(1);
    Batch batch;
    batch.tokens = batch.targets = Index({1, N}, 1);
    Random random(2);
    for (int32_t& t : batch.tokens) t = static_cast<int32_t>(random.below(kV));
    counters.reset();
    Tape tape;
    Pass pass;
    pass.training = true;
    tape.backward(model->score(batch, pass).loss);
    return Cost{counters.matrix_flops, counters.rows_read, counters.rows_written};
  };
  const std::string all = "window:4,sinks:2,match:2,previous:2,jump,neighbour,run,rank:4";
  const Cost short_step = step("pointer", 256, all), long_step = step("pointer", 1024, all);
  CHECK(long_step.flops == 4 * short_step.flops);
  CHECK(long_step.read <= 4.05 * static_cast<double>(short_step.read));
  CHECK(long_step.written <= 4.05 * static_cast<double>(short_step.written));

  const Cost narrow = step("pointer", 256, "window:4"), wider = step("pointer", 256, "window:7");
  const Cost widest = step("pointer", 256, "window:16");
  CHECK(wider.flops > narrow.flops);
  CHECK(widest.flops - narrow.flops == 4 * (wider.flops - narrow.flops));
  CHECK(widest.read <= 4 * narrow.read);
  CHECK(widest.written <= 4 * narrow.written);

  const Cost attended = step("transformer", 256, all), squared = step("transformer", 1024, all);
  CHECK(squared.flops > 5 * attended.flops);  // the count sees what is quadratic
}
