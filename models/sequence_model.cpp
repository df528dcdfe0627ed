#include "models/sequence_model.hpp"

#include <cmath>

#include "core/argmax.hpp"
#include "core/ops/add.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/sum_last.hpp"

namespace gnomon {
namespace {

std::vector<const MixerKind*> chosen_kinds(const std::string& names,
                                           const SequenceModel::Kinds& kinds) {
  std::vector<const MixerKind*> chosen;
  for (const std::string& name : split(names, ',')) {
    const auto kind = kinds.find(name);
    if (kind == kinds.end()) {
      std::vector<std::string> known;
      for (const auto& [k, unused] : kinds) known.push_back(k);
      fail_option("mixers", "expected kinds among {}, got '{}'", fmt::join(known, ", "), name);
    }
    chosen.push_back(kind->second.get());
  }
  return chosen;
}

}  // namespace

void SequenceModel::Config::declare(Fields& f) {
  encoder.declare(f);
  f.text("mixers", mixers,
         "kind of mixer: one for all layers, or one for each, separated by commas");
  if (encoder.position == "learned")
    f.integer("max-length", max_length, 1, size_t{1} << 24,
              "longest sequence for learned positions");
  f.flag("tied", tied, "the head's weight is the table of token embeddings");
  f.choice("precision", precision, {"f32", "bf16"},
           "of products with weights; bf16: rounded operands, sums in float32");
}

SequenceModel::SequenceModel(const Config& config, size_t vocabulary, const Kinds& kinds)
    : vocabulary_(vocabulary),
      max_length_(config.max_length),
      precision_(config.precision == "bf16" ? Precision::bf16 : Precision::f32),
      tokens_(part<Embedding>("tokens", vocabulary, config.encoder.width)),
      positions_(config.encoder.position == "learned"
                     ? &part<Embedding>("positions", config.max_length, config.encoder.width)
                     : nullptr),
      encoder_(part<Encoder>("encoder", config.encoder, chosen_kinds(config.mixers, kinds))) {
  if (config.tied) {
    transform_ = &part<Linear>("head.transform", config.encoder.width, config.encoder.width, false);
    head_bias_ = &param("head.bias", {vocabulary}, init::constant(0));
  } else
    head_ = &part<Linear>("head", config.encoder.width, vocabulary);
}

Var SequenceModel::embed(const Index& tokens, size_t first) const {
  const auto [B, N] = dims<2>(tokens, "model: tokens [B,N]");
  const Var h = tokens_(tokens);
  if (first + N > longest())
    fail(Fault::option,
         "model: tokens [B,N]: expected at most max-length = {} tokens for learned positions, "
         "got {}",
         max_length_, first + N);
  if (!positions_) return h;
  Index n({B, N});
  for (size_t e = 0; e < n.size(); ++e) n.data()[e] = static_cast<int32_t>(first + e % N);
  return add(h, (*positions_)(n));
}

Encoded SequenceModel::encode(Context& context, State* state) const {
  const AffinePrecision scope(precision_);
  const size_t first = state ? encoder_.tokens_read(*state) : 0;
  return encoder_(embed(context.tokens, first), context, state);
}

std::unique_ptr<State> SequenceModel::state(size_t sequences,
                                            std::optional<size_t> iterations) const {
  return encoder_.state(sequences, iterations);
}

Var SequenceModel::logits(const Var& features) const {
  const AffinePrecision scope(precision_);
  if (head_) return (*head_)(features);
  const real size = std::sqrt(static_cast<real>(features.shape().last()));
  return affine(scale((*transform_)(features), 1 / size), tokens_.weight(), *head_bias_);
}

SequenceModel::Scored SequenceModel::score(const Batch& batch, Context& context,
                                           State* state) const {
  context.tokens = batch.tokens;
  expect_shape(batch.targets, batch.tokens.shape(), "model: targets [B,N]");
  std::vector<int32_t> positions, targets;
  for (size_t e = 0; e < batch.targets.size(); ++e)
    if (batch.targets.data()[e] >= 0) {
      positions.push_back(static_cast<int32_t>(e));
      targets.push_back(batch.targets.data()[e]);
    }
  const size_t M = positions.size();
  expect(M > 0, "model: targets [B,N]: expected at least one scored position, got none");

  Encoded encoded = encode(context, state);
  Scored scored;
  scored.pointers = std::move(encoded.pointers);
  scored.positions = Index({M}, positions);
  const size_t rows = batch.tokens.size(), D = encoded.features.shape().last();
  Var features = reshape(encoded.features, {1, rows, D});
  if (M < rows) features = gather_rows(features, scored.positions.reshaped({1, M}));
  const Var scores = logits(reshape(features, {M, D}));
  scored.predicted = argmax(scores.value());
  scored.loss = cross_entropy(scores, Index({M}, targets));
  if (context.training && !encoded.cost.value().empty()) {
    const Var of_tokens = reshape(encoded.cost, {1, rows, 1});
    const Var of_scored = gather_rows(of_tokens, scored.positions.reshaped({1, M}));
    const Var sum = reshape(sum_last(reshape(of_scored, {1, M})), scored.loss.shape());
    scored.loss = add(scored.loss, scale(sum, 1 / static_cast<real>(M)));
  }
  return scored;
}

const SequenceModel::Kinds& ModelKind::mixers() {
  for (const std::string& name : split(config.mixers, ','))
    if (!mixers_.contains(name)) mixers_[name] = make_registered<MixerKind>(name, "mixer");
  return mixers_;
}

void ModelKind::declare(Fields& f) {
  config.declare(f);
  for (const auto& [name, kind] : mixers()) kind->declare(f);
}

std::unique_ptr<SequenceModel> ModelKind::make(size_t vocabulary) {
  return std::make_unique<SequenceModel>(config, vocabulary, mixers());
}

}  // namespace gnomon
