// models/longformer.cpp
// The linear baseline that the paper planned to compare with: attention to a sliding window and to
// the first tokens (nn/mixers/longformer.cpp).
#include "models/sequence_model.hpp"

namespace gnomon {
namespace {

SequenceModel::Config longformer_defaults() {
  SequenceModel::Config c;
  c.encoder.layers = 2;
  c.encoder.width = 64;
  c.encoder.heads = 2;
  c.encoder.feed_forward = 256;
  c.encoder.position = "rope";
  c.mixers = "longformer";
  return c;
}

const Registration<ModelKind> kLongformer{
    "longformer", "attention to a window of tokens and to the first tokens; O(N w)",
    [] { return std::make_unique<ModelKind>(longformer_defaults()); }};

}  // namespace
}  // namespace gnomon
