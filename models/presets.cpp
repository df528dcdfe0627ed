// The models by name: each is the trunk with a kind of mixer and defaults that suit it.
#include "models/sequence_model.hpp"

namespace gnomon {
namespace {

auto preset(SequenceModel::Config defaults) {
  return [defaults] { return std::make_unique<ModelKind>(defaults); };
}

constexpr size_t kWidth = 64;

// "Pointer", arXiv 2508.02631: each layer's heads pick one earlier position out of a few
// candidates, read it through a gate, and hand the pointer on.
const Registration<ModelKind> kPointer{
    "pointer", "every token points at one earlier position, layer by layer",
    preset({.encoder = {.layers = 3, .width = kWidth, .heads = 4, .feed_forward = 128},
            .mixers = "pointer",
            .tied = true})};

const EncoderConfig kAttending{
    .layers = 2, .width = kWidth, .heads = 2, .feed_forward = 256, .position = "rope"};

// The baseline: Vaswani et al. 2017, pre-norm.
const Registration<ModelKind> kTransformer{"transformer",
                                           "causal multi-head attention in every layer",
                                           preset({.encoder = kAttending, .mixers = "attention"})};

// The linear baseline that the paper planned to compare with (nn/mixers/longformer.cpp).
const Registration<ModelKind> kLongformer{"longformer",
                                          "attention to a window of tokens and to the first tokens",
                                          preset({.encoder = kAttending, .mixers = "longformer"})};

// The other mixers of the field, by name: one in every layer, all in one shape, so that they can be
// compared. What each is, and where it comes from, stands in nn/mixers/NAME.cpp.
const auto kOthers = [] {
  std::vector<Registration<ModelKind>> all;
  for (const std::string name : {"aaren", "block-attention", "combiner", "delta", "gam",
                                 "gated-delta", "gla", "linear-attention", "lmu", "mamba", "mamba2",
                                 "rwkv7", "memory-caching", "s4d", "titans", "treeffn"})
    all.emplace_back(
        name, fmt::format("the mixer {} in every layer: see gnomon variants", name),
        preset({.encoder = {.layers = 2, .width = kWidth, .heads = 2, .feed_forward = 256},
                .mixers = name}));
  return all;
}();

}  // namespace
}  // namespace gnomon
