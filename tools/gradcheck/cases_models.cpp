// Whole models in double: the slope of the loss along a random direction through all parameters.
#include <map>

#include "models/sequence_model.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {
namespace {

ModelCheck check(const std::string& model, const std::map<std::string, std::string>& options) {
  constexpr size_t B = 2, N = 12, V = 7;
  const auto kind = make_registered<ModelKind>(model, "model");
  if (options.contains("mixers")) kind->config.mixers = options.at("mixers");
  if (options.contains("position")) kind->config.encoder.position = options.at("position");
  Fields fields;
  kind->declare(fields);
  ModelCheck result{model, 0};
  fields.set("layers", "2");
  fields.set("width", "12");
  fields.set("heads", "2");
  fields.set("feed-forward", "16");
  if (fields.find("selection")) fields.set("selection", "soft");  // others are no derivatives
  for (const auto& [name, value] : options) {
    fields.set(name, value);
    result.name += fmt::format(" {}={}", name, value);
  }
  const auto network = kind->make(V);
  network->initialise(3);
  Random random(4);
  std::vector<Var> parameters;
  for (const Parameter& p : network->parameters()) {
    // Some parameters start at zero, where half of the backward pass would be multiplied away.
    const Array noise = random.normal(p.var->shape());
    for (size_t e = 0; e < noise.size(); ++e)
      p.var->value().data()[e] += real(0.1) * noise.data()[e];
    parameters.push_back(*p.var);
  }
  Batch batch{Index({B, N}), Index({B, N}, -1)};
  for (int32_t& t : batch.tokens) t = static_cast<int32_t>(random.below(V));
  for (size_t e = 0; e < B * N; e += 2)
    batch.targets.data()[e] = static_cast<int32_t>(random.below(V));
  const auto loss = [&] {
    Context context;
    context.training = true;
    context.temperature = 0.7;
    return network->score(batch, context).loss;
  };
  for (uint64_t direction = 0; direction < 20; ++direction)
    result.worst = std::max(result.worst, directional_check(loss, parameters, direction, 1e-6));
  return result;
}

}  // namespace

std::vector<ModelCheck> model_checks() {
  std::vector<ModelCheck> results;
  for (const char* position : {"none", "learned", "rope", "alibi", "carope", "urpe"})
    for (const char* attention : {"fused", "composed"})
      results.push_back(check("transformer", {{"position", position}, {"attention", attention}}));
  results.push_back(check("transformer", {{"mixers", "convolution,attention"}, {"norm", "rms"}}));
  results.push_back(check("longformer", {{"longformer-window", "3"}, {"longformer-globals", "2"}}));
  results.push_back(check("pointer", {{"tied", "false"}}));
  results.push_back(check("pointer", {{"convolution", "3"}}));
  for (const std::string& model : registered_names<ModelKind>())
    if (model != "transformer" && model != "longformer" && model != "pointer")
      results.push_back(check(model, {}));
  for (const char* encode : {"none", "index", "hop", "content"})
    results.push_back(check("pointer", {{"encode", encode}}));
  results.push_back(check("pointer", {{"sources", "dense"}, {"selection", "gumbel"}}));
  results.push_back(check("pointer", {{"sources", "rank:3 | window:2,learned:1,run"}}));
  results.push_back(
      check("pointer", {{"sources", "window:2,learned:1,run"}, {"recompute", "true"}}));
  results.push_back(check(
      "pointer", {{"sources", "match:1,window:2 | window:2 / previous:2,jump | neighbour,hop,run"},
                  {"hand-on", "distribution"}}));
  results.push_back(check("pointer", {{"share", "true"}, {"encode", "content"}}));
  for (const char* model : {"transformer", "pointer"})
    results.push_back(check(model, {{"share", "true"},
                                    {"layers", "4"},
                                    {"step-code", "true"},
                                    {"halting", "true"},
                                    {"ponder", "0.3"}}));
  for (const std::string& source : registered_names<CandidateSource>()) {
    // rank stands alone: beside others, what lifts its best logit to zero is left out of its
    // gradient, and among its own candidates that changes nothing.
    const bool alone = source == "window" || source == "rank";
    results.push_back(check("pointer", {{"sources", alone ? source : "window:2," + source}}));
  }
  return results;
}

}  // namespace gnomon
