// A stack of layers: a mixer moves information between tokens, a feed-forward network works on each
// token.
//
//   h = h + dropout(mixer(norm1(h), pointers of the layer below))
//   h = h + dropout(feed_forward(norm2(h)))
//
// (Pre-norm: Xiong et al., "On layer normalization in the transformer architecture", 2020.) The
// pointers that a mixer returns go to the layer above; the encoder does not look at them. In each
// layer noise is drawn in this order: by the mixer, the first dropout, the second dropout.
//
// With `convolution` k > 0 a short causal convolution stands in front of the mixer of every layer,
// with what goes around it (Allen-Zhu, "Physics of language models, part 4.1", 2025, its
// "Canon-A" layer, without an activation):
//
//   a = norm1(h) + sum_j weight[j] norm1(h)[n - j], j < k;      h = h + dropout(mixer(a, ...))
//
// With `share` one layer is repeated L times (Dehghani et al., "Universal transformers", 2019);
// after training it may be repeated more often: context.iterations. With `step_code` it is told
// which pass this is, and with `halting` every token says when it is done (sections 2.1 and 2.2
// there; Graves, "Adaptive computation time", 2016, arXiv 1603.08983):
//
//   x_t = h_{t-1} + code_t      code_t[2j], code_t[2j+1] = sin, cos of t / 10000^(2j/D)
//   h_t = pass(x_t)   p_t = sigmoid(halting(norm(x_t)))   features = norm(sum_t w_t h_t)
//   w = halting(p): p_t while they sum to less than 0.99, then what is left of one
//
// All passes are computed for all tokens: those that come later may read one that is done. What a
// token takes, passes and remainder, costs `ponder` each in the loss. At first tokens take nearly
// all passes: the bias of `halting` begins at -3. (Published: 1, where two passes do most of the
// work, and a cost of 0.01. With either, models of four passes that learn induction in 500 steps
// without halting did not learn it in 500.)
//
// With `recompute` activations are checkpointed: a layer keeps its input only (nn/recompute.hpp).
// With a state, sequences are read in pieces: nn/state.hpp.
#pragma once

#include "nn/mixers/mixer.hpp"
#include "nn/norm.hpp"

namespace gnomon {

struct EncoderConfig {
  size_t layers = 2, width = 64, heads = 1, feed_forward = 128;  // L, D, H, F
  double dropout = 0;
  std::string norm = "layer";     // or "rms"
  std::string position = "none";  // none | learned | rope | alibi | carope | urpe
  size_t convolution = 0;         // k, tokens that a convolution before the mixer spans; 0: none
  bool share = false;             // one layer, repeated
  bool recompute = false;         // layers are computed again in the backward pass
  bool step_code = false;         // a shared layer is told which pass this is
  bool halting = false;           // its tokens say when they are done
  double ponder = 0.001;          // what a pass of such a token costs in the loss
  void declare(Fields& f);
};

struct Encoded {
  Var features;                    ///< [B,N,D], after the last norm
  std::vector<Pointers> pointers;  ///< one per layer, or per pass of a shared layer
  Var cost = {};                   ///< [B,N] of what tokens took, for the loss; empty: nothing
};

class Encoder final : public Module {
 public:
  /// `kinds`: the kind of mixer of each layer; one serves all layers.
  /// Throws Error(Fault::option): D not divisible by H, another number of kinds, a position
  /// encoding that none of them takes, a code for passes or halting where no layer is shared.
  Encoder(const EncoderConfig& config, const std::vector<const MixerKind*>& kinds);
  /// embedded [B,N,D] of context.tokens. Without a state, whole sequences; with one, the next
  /// tokens of those that it was made for, outside of training: no tape sees them.
  /// Throws Error(Fault::option) for context.iterations where no layer is shared.
  Encoded operator()(const Var& embedded, Context& context, State* state = nullptr) const;
  /// Of B sequences of which nothing is read yet. `iterations`: as in the context of every call.
  std::unique_ptr<State> state(size_t sequences, std::optional<size_t> iterations = {}) const;

  /// How many tokens of each sequence a state has seen.
  static size_t tokens_read(State& state);

  const Mixer& mixer(size_t l) const;
  size_t layers() const { return depth_; }

 private:
  class Layer;
  struct Remembered;
  size_t passes(std::optional<size_t> iterations) const;
  Mixed checkpointed(size_t l, const Var& h, const PreviousPointers& previous,
                     Context& context) const;
  const Layer& layer(size_t l) const { return *layers_[share_ ? 0 : l]; }

  const size_t depth_, heads_;
  const bool share_, recompute_, step_code_;
  const double ponder_;
  std::vector<const Layer*> layers_;
  const Norm* norm_;
  const Var *halting_weight_ = nullptr, *halting_bias_ = nullptr;  // null: no token halts
};

}  // namespace gnomon
