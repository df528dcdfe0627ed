// Every registered model, one token at a time.
#include "models/sequence_model.hpp"

#include <doctest/doctest.h>

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
