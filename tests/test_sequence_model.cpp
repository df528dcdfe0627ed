// Every registered model, in pieces; what a step costs.
#include "models/sequence_model.hpp"

#include <doctest/doctest.h>

#include "core/counters.hpp"
#include "tests/pieces.hpp"

using namespace gnomon;

namespace {

constexpr size_t kV = 7, kLongest = 24;

std::unique_ptr<SequenceModel> made(const std::string& name, const std::string& position,
                                    const std::string& precision = "f32") {
  const auto kind = make_registered<ModelKind>(name, "model");
  kind->config.encoder.position = position;
  Fields fields;
  kind->declare(fields);
  fields.set("layers", "2");
  fields.set("width", "16");
  fields.set("heads", "2");
  fields.set("precision", precision);
  if (position == "learned") fields.set("max-length", std::to_string(kLongest));
  auto model = kind->make(kV);
  model->initialise(3);
  return model;
}

Index drawn_tokens() {
  Index tokens({2, kLongest});
  Random random(1);
  for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(kV));
  return tokens;
}

}  // namespace

TEST_CASE("model: the logits of pieces are those of whole sequences, in both precisions") {
  for (const std::string& name : registered_names<ModelKind>())
    for (const char* position : {"none", "learned"})
      for (const std::string precision : {"f32", "bf16"}) {
        CAPTURE(name);
        CAPTURE(position);
        CAPTURE(precision);
        const auto model = made(name, position, precision);
        Context context;
        // A product's last bit may depend on how many rows it has. Rounded to bf16 that decides
        // near ties, and a layer above then reads another token: no jumps here. Hard pointers in
        // bf16 are compared mixer by mixer.
        if (precision == "bf16") context.selection = Selection::soft;
        const Index tokens = drawn_tokens();
        context.tokens = tokens;
        const Array whole = model->logits(model->encode(context).features).value();
        for (const Cut& cut : kCuts) {
          const auto state = model->state(2);
          for (size_t first = 0, piece = 0, end = 0; first < kLongest; first = end, ++piece) {
            end = std::min(kLongest, first + cut[piece % cut.size()]);
            context.tokens = tokens_between(tokens, first, end);
            const Array logits =
                model->logits(model->encode(context, state.get()).features).value();
            for (size_t b = 0; b < 2; ++b)
              for (size_t n = first; n < end; ++n)
                for (size_t v = 0; v < kV; ++v)
                  CHECK(logits(b, n - first, v) ==
                        doctest::Approx(whole(b, n, v)).epsilon(precision == "f32" ? 1e-5 : 2e-2));
          }
        }
      }
}

TEST_CASE("model: what reading in pieces refuses") {
  const auto model = made("pointer", "learned");
  CHECK(model->longest() == kLongest);
  const auto state = model->state(1);
  const auto read = [&](int32_t token, size_t count) {
    Context context;
    context.tokens = Index({1, count}, token);
    model->encode(context, state.get());
  };
  CHECK_THROWS_WITH_AS(read(kV, 1), doctest::Contains("expected values in [0,7)"), Error);
  CHECK_THROWS_AS(read(-1, 1), Error);
  read(1, kLongest - 1);
  read(1, 1);
  CHECK_THROWS_WITH_AS(read(1, 1), doctest::Contains("max-length = 24"), Error);
  CHECK(made("pointer", "none")->longest() > size_t{1} << 40);
  // The state of a model belongs to it.
  const auto foreign = made("transformer", "none")->state(1);
  Context context;
  context.tokens = Index({1, 1}, 1);
  CHECK_THROWS_WITH_AS(model->encode(context, foreign.get()), doctest::Contains("another's"),
                       Error);
}

TEST_CASE("model: what a state holds is counted") {
  // Two layers of keys and values, 2 D numbers a token each, and the count of tokens.
  const auto transformer = made("transformer", "none");
  const auto state = transformer->state(3);
  CHECK(state_numbers(*state) == 1);
  Context context;
  context.tokens = Index({3, 5}, 1);
  transformer->encode(context, state.get());
  CHECK(state_numbers(*state) == 3 * 5 * 2 * 2 * 16 + 1);
}

TEST_CASE("model: what a training step costs: linear in the tokens, at most linear in K") {
  struct Cost {
    uint64_t flops, read, written;
  };
  const auto step = [](const std::string& name, size_t N, const std::string& sources) {
    const auto kind = make_registered<ModelKind>(name, "model");
    Fields fields;
    kind->declare(fields);
    if (fields.find("sources")) fields.set("sources", sources);
    fields.set("heads", "4");
    const auto model = kind->make(kV);
    model->initialise(1);
    Batch batch;
    batch.tokens = batch.targets = Index({1, N}, 1);
    Random random(2);
    for (int32_t& t : batch.tokens) t = static_cast<int32_t>(random.below(kV));
    counters.reset();
    Tape tape;
    Context context;
    context.training = true;
    tape.backward(model->score(batch, context).loss);
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
