// models/pointer.cpp
// Every token points: each layer's heads pick one earlier position out of a few candidates, read it
// through a gate, and hand the pointer on ("Pointer", arXiv 2508.02631).
#include "models/sequence_model.hpp"

namespace gnomon {
namespace {

SequenceModel::Config pointer_defaults() {
  SequenceModel::Config c;
  c.encoder.layers = 3;
  c.encoder.width = 64;
  c.encoder.feed_forward = 128;
  c.mixers = "pointer";
  return c;
}

const Registration<ModelKind> kPointer{
    "pointer", "every token points at one earlier position, layer by layer; O(N K)",
    [] { return std::make_unique<ModelKind>(pointer_defaults()); }};

}  // namespace
}  // namespace gnomon
