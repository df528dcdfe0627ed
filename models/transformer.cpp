// models/transformer.cpp
// The baseline: causal multi-head attention in every layer (Vaswani et al. 2017, pre-norm).
#include "models/sequence_model.hpp"

namespace gnomon {
namespace {

SequenceModel::Config transformer_defaults() {
  SequenceModel::Config c;
  c.encoder.layers = 2;
  c.encoder.width = 64;
  c.encoder.heads = 2;
  c.encoder.feed_forward = 256;
  c.encoder.position = "rope";
  c.mixers = "attention";
  return c;
}

const Registration<ModelKind> kTransformer{
    "transformer", "causal multi-head attention in every layer; O(N N)",
    [] { return std::make_unique<ModelKind>(transformer_defaults()); }};

}  // namespace
}  // namespace gnomon
