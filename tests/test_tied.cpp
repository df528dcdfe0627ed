// The trunk: how the head is tied to the token embeddings, through a matrix of its own.
#include <doctest/doctest.h>

#include "models/sequence_model.hpp"

using namespace gnomon;

namespace {

constexpr size_t kV = 9, kD = 8;

std::unique_ptr<SequenceModel> model(bool tied) {
  const auto kind = make_registered<ModelKind>("pointer", "model");
  kind->config.encoder = {.layers = 1, .width = kD, .heads = 2, .feed_forward = 8};
  kind->config.tied = tied;
  auto made = kind->make(kV);
  made->initialise(1);
  return made;
}

const Array& value(const Module& module, const std::string& name) {
  for (const Parameter& p : module.parameters())
    if (p.name == name) return p.var->value();
  FAIL("no parameter " << name);
  return module.parameters()[0].var->value();
}

}  // namespace

TEST_CASE(
    "model: a tied head has a matrix of its own, then the embeddings for its weight, and a bias") {
  const auto tied = model(true), free = model(false);
  CHECK(free->parameter_count() - tied->parameter_count() == kV * kD - kD * kD);
  const Array &table = value(*tied, "tokens.weight"), &bias = value(*tied, "head.bias"),
              &transform = value(*tied, "head.transform.weight");
  for (size_t e = 0; e < table.size(); ++e)
    CHECK(table.data()[e] == value(*free, "tokens.weight").data()[e]);

  const Array h = Random(2).normal({3, kD});
  for (const Parameter& p : tied->parameters())
    if (p.name == "head.bias") p.var->value().fill(real{0.5});
  const Array logits = tied->logits(h).value();
  REQUIRE(logits.shape() == Shape{3, kV});
  for (size_t m = 0; m < 3; ++m)
    for (size_t v = 0; v < kV; ++v) {
      double expected = bias.data()[v];
      for (size_t d = 0; d < kD; ++d) {
        double transformed = 0;
        for (size_t e = 0; e < kD; ++e) transformed += h(m, e) * transform(d, e);
        expected += transformed * table(v, d) / std::sqrt(double{kD});
      }
      CHECK(logits(m, v) == doctest::Approx(expected).epsilon(1e-5));
    }
}
