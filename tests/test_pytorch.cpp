// PyTorch as the judge: what it computed was written by fixtures/make_fixtures.py, is read here and
// compared. Forward within 1e-5, gradients within 1e-4 (of max(1, |x|), and of the largest number
// of the gradient), ten losses of training within 1e-4 of themselves.
#include <doctest/doctest.h>

#include <cmath>

#include "core/gradcheck.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/gelu.hpp"
#include "core/ops/layer_norm.hpp"
#include "models/sequence_model.hpp"
#include "tests/pytorch.hpp"
#include "tools/training/optimizer.hpp"
#include "tools/training/safetensors.hpp"

using namespace gnomon;

namespace {

using Tensors = std::map<std::string, Array>;

Tensors fixture(const std::string& name) {
  return read_safetensors(GNOMON_SOURCE_DIR "/tests/fixtures/" + name).tensors;
}

Index to_index(const Array& numbers) {
  Index index(numbers.shape());
  std::transform(numbers.begin(), numbers.end(), index.begin(),
                 [](real v) { return static_cast<int32_t>(v); });
  return index;
}

/// Fills every parameter from tensors[prefix + name]; there must be no other name with that prefix.
void load(Module& module, const Tensors& tensors, const std::string& prefix) {
  for (const Parameter& p : module.parameters()) {
    INFO(prefix << p.name);
    REQUIRE(tensors.count(prefix + p.name) == 1);
    const Array& from = tensors.at(prefix + p.name);
    REQUIRE(from.shape().text() == p.var->shape().text());
    std::copy(from.begin(), from.end(), p.var->value().begin());
  }
  const auto named = std::count_if(tensors.begin(), tensors.end(), [&](const auto& entry) {
    return entry.first.compare(0, prefix.size(), prefix) == 0;
  });
  CHECK(static_cast<size_t>(named) == module.parameters().size());
}

/// The attention mixer, by its fused op or by the reference composed of small ones.
std::unique_ptr<MixerKind> attention_kind(const std::string& form) {
  auto kind = make_registered<MixerKind>("attention", "mixer");
  Fields fields;
  kind->declare(fields);
  fields.set("attention", form);
  return kind;
}

}  // namespace

TEST_CASE("pytorch: layer norm, GELU and cross-entropy, forward and backward") {
  const Tensors t = fixture("pytorch_ops.safetensors");
  const auto check = [&](const std::string& op, const Function& function,
                         const std::vector<std::string>& inputs) {
    std::vector<Var> x;
    for (const std::string& name : inputs) x.push_back(variable(t.at(op + "." + name)));
    Tape tape;
    const Var y = function(x);
    check_values(op, y.value(), t.at(op + ".y"), 1e-5);
    tape.backward(y, t.at(op + ".dy"));
    for (size_t i = 0; i < x.size(); ++i)
      check_gradient(op + " " + inputs[i], x[i].grad(), t.at(op + ".d" + inputs[i]));
  };
  check("layer_norm", [](const auto& v) { return layer_norm(v[0], v[1], v[2]); },
        {"x", "weight", "bias"});
  check("gelu", [](const auto& v) { return gelu(v[0]); }, {"x"});
  const Index targets = to_index(t.at("cross_entropy.targets"));
  CHECK(std::count(targets.begin(), targets.end(), -1) == 5);
  check("cross_entropy", [&](const auto& v) { return cross_entropy(v[0], targets); }, {"x"});
}

TEST_CASE("pytorch: causal multi-head attention with its projections, forward and backward") {
  const Tensors t = fixture("pytorch_attention.safetensors");
  for (const std::string form : {"fused", "composed"}) {
    CAPTURE(form);
    const auto mixer = attention_kind(form)->make(
        {.width = 32, .heads = 4, .layer = 0, .layers = 1, .position = "none"});
    load(*mixer, t, "parameter.");
    Var x = variable(t.at("x"));
    Context context;
    Tape tape;
    const Var y = (*mixer)(x, {}, context, nullptr).features;
    check_values("attention", y.value(), t.at("y"), 1e-5);
    tape.backward(y, t.at("dy"));
    check_gradient("x", x.grad(), t.at("dx"));
    for (const Parameter& p : mixer->parameters())
      check_gradient(p.name, p.var->grad(), t.at("gradient." + p.name));
  }
}

TEST_CASE("pytorch: logits, every gradient, and ten AdamW steps of a small transformer") {
  const Tensors t = fixture("pytorch_transformer.safetensors");
  const Batch batch{.tokens = to_index(t.at("tokens")), .targets = to_index(t.at("targets"))};
  const Array& losses = t.at("losses");
  for (const std::string form : {"fused", "composed"}) {
    CAPTURE(form);
    SequenceModel::Kinds kinds;
    kinds["attention"] = attention_kind(form);
    SequenceModel::Config config;
    config.encoder = {
        .layers = 2, .width = 32, .heads = 4, .feed_forward = 64, .position = "learned"};
    config.mixers = "attention";
    config.max_length = 16;
    SequenceModel model(config, 11, kinds);
    load(model, t, "initial.");

    Context context{.tokens = batch.tokens, .training = true};
    check_values("logits", model.logits(model.encode(context).features).value(), t.at("logits"),
                 1e-5);

    AdamW adamw(model.parameters(), {.epsilon = 1e-8});
    for (size_t step = 0; step < 10; ++step) {
      CAPTURE(step);
      model.clear_gradients();
      Tape tape;
      const Var loss = model.score(batch, context).loss;
      const double expected = double{losses(step)};
      CHECK(std::abs(double{loss.value().item()} - expected) < 1e-4 * expected);
      tape.backward(loss);
      if (step == 0)
        for (const Parameter& p : model.parameters())
          check_gradient(p.name, p.var->grad(), t.at("gradient." + p.name));
      const double norm = clip_gradients(model.parameters(), 1);
      if (step == 0) CHECK(norm > 1);  // so that clipping is part of the comparison
      adamw.step(3e-3);
    }

    for (const Parameter& p : model.parameters()) {
      Array got = p.var->value().clone(), expected = t.at("final." + p.name).clone();
      // A bias of the keys moves all scores of a row alike, which softmax does not see: its
      // gradient is zero but for rounding, and AdamW turns the sign of that into steps.
      if (p.name.find("projection.bias") != std::string::npos)
        for (size_t d = 32; d < 64; ++d) got(d) = expected(d) = 0;
      check_values("final " + p.name, got, expected, 1e-4);
    }
  }
}
