// nn/encoder.hpp
// A stack of layers: a mixer moves information between tokens, a feed-forward network works on
// each.
//
//   h = h + dropout(mixer(norm(h), pointers below));   h = h + dropout(feed_forward(norm(h)))
//
// The pointers that one mixer made are handed to the next, unread: the encoder knows no mixer by
// name. (Pre-norm: Xiong et al., "On layer normalization in the transformer architecture", 2020.)
// With `share` one layer is repeated L times (Dehghani et al., "Universal transformers", 2019), and
// afterwards perhaps more often than in training: pass.iterations. With `recompute` a layer keeps
// its input only, and its inside is computed again in the backward pass (nn/recompute.hpp).
#pragma once

#include "nn/mixers/mixer.hpp"
#include "nn/norm.hpp"

namespace gnomon {

struct EncoderConfig {
  size_t layers = 2, width = 64, heads = 1, feed_forward = 128;  // L, D, H, F
  double dropout = 0;
  std::string norm = "layer";     // or "rms"
  std::string position = "none";  // none | learned | rope | alibi
  bool share = false;             // one layer, repeated
  bool recompute = false;         // layers are computed again in the backward pass
  void declare(Fields& f);
};

struct Encoded {
  Var features;                    ///< [B,N,D], after the last norm
  std::vector<Pointers> pointers;  ///< one per layer, or per pass of a shared layer
};

class Encoder final : public Module {
 public:
  /// `kinds`: the kind of mixer of each layer (one entry serves all layers).
  /// Throws Error(Fault::option): D not divisible by H, or as many kinds as fit nothing.
  Encoder(const EncoderConfig& config, const std::vector<const MixerKind*>& kinds);
  /// Throws Error(Fault::option) for pass.iterations where no layer is shared.
  Encoded operator()(const Var& embedded, Pass& pass) const;

  /// One sequence, one token at a time: what operator() gives outside of training, without a tape.
  /// Copies go on independently. The encoder must outlive it.
  class Memory {
   public:
    /// Throws Error(Fault::option) for `iterations` (see Pass) where no layer is shared.
    explicit Memory(const Encoder& encoder, std::optional<size_t> iterations = {});
    /// The next token and its embedding [1,1,D] -> its features [1,1,D], and its pointers [1,1,H]
    /// of every layer, or pass of a shared one.
    Encoded step(const Var& embedded, int32_t token);
    /// How many tokens it knows.
    size_t length() const { return length_; }

   private:
    const Encoder* encoder_;
    std::vector<MixerStep> steps_;              // of each layer, or pass of a shared one
    std::vector<std::vector<int32_t>> trails_;  // [n,H] of each, handed to the next unread
    size_t length_ = 0;
  };

  const Mixer& mixer(size_t l) const;
  size_t layers() const { return depth_; }

 private:
  class Layer;
  size_t passes(std::optional<size_t> iterations) const;
  Mixed forgetful(size_t l, const Var& h, const Pointers& below, Pass& pass) const;
  const Layer& layer(size_t l) const { return *layers_[share_ ? 0 : l]; }

  const size_t depth_;
  const bool share_, recompute_;
  std::vector<const Layer*> layers_;
  const Norm* norm_;
};

}  // namespace gnomon
