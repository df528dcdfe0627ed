// PointerChainEncoder: L layers of PointerBlock; layer l hands its pointers to layer l + 1, and the
// result holds the pointer map of every layer.
//
//   const EncoderConfig trunk{.layers = 3, .width = 32, .heads = 4};
//   PointerChainEncoder encoder(trunk, PointerConfig{});
//   encoder.initialise(seed);
//   Encoded e = encoder(features, context);      // e.features [B,N,D], e.pointers[l].to [B,N,H]
#pragma once

#include "nn/encoder.hpp"
#include "nn/pointer/pointer_block.hpp"

namespace gnomon {

class PointerChainEncoder final : public Module {
 public:
  PointerChainEncoder(const EncoderConfig& config, const PointerConfig& pointer)
      : kind_(pointer),
        encoder_(part<Encoder>("encoder", config, std::vector<const MixerKind*>{&kind_})) {}
  /// embedded [B,N,D]; context.tokens [B,N] (the source "match" reads them).
  Encoded operator()(const Var& embedded, Context& context) const {
    return encoder_(embedded, context);
  }
  /// What e.pointers[layer].type counts: the names of the layer's types of candidate.
  std::vector<std::string> types(size_t layer) const {
    return encoder_.mixer(layer).candidate_types();
  }

 private:
  const PointerKind kind_;
  const Encoder& encoder_;
};

}  // namespace gnomon
