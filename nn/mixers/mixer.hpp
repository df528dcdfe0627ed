// nn/mixers/mixer.hpp
// A mixer is anything that moves information between tokens: attention, a convolution, pointers.
// All stand behind this interface; the encoder and the models know no mixer by name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/registry.hpp"
#include "nn/module.hpp"

namespace gnomon {

/// Where every token points, as one layer found it. A layer without pointers returns it empty.
struct Pointers {
  Index to;      ///< [B,N,H] the position that head h of token n reads; -1: nothing
  Index type;    ///< [B,N,H] the type of the candidate that won: see candidate_types()
  Array score;   ///< [B,N,H] its logit before noise and temperature
  Array margin;  ///< [B,N,H] how far the runner-up was behind (+infinity: no other candidate)
  bool empty() const { return to.empty(); }
};

struct Choice;  // what a pointer layer chose from: nn/pointer/recall.hpp

/// What one forward pass carries beside the features.
struct Pass {
  Index tokens;            ///< [B,N]
  bool training = false;   ///< dropout, noise and soft selections only when true
  double temperature = 1;  ///< of soft selections in training
  Random noise{0};         ///< advances as layers draw from it; a fresh stream every step
  /// Overrides how pointers select outside of training (default: hard): "soft" for comparison.
  std::optional<std::string> selection = {};
  /// Called by every layer that points, one after the other, when set; for measuring.
  std::function<void(const Choice&)> watch = {};
};

struct Mixed {
  Var features;       ///< [B,N,D], added to the residual stream by the encoder
  Pointers pointers;  ///< handed to the next layer's mixer
};

class Mixer : public Module {
 public:
  /// a [B,N,D] normalised features; `below`: the pointers of the layer below, empty in the first.
  /// Causal: the output at token n depends on tokens up to n only.
  virtual Mixed operator()(const Var& a, const Pointers& below, Pass& pass) const = 0;
  /// Names of the types of candidate that a pointer can win by; empty for others.
  virtual std::vector<std::string> candidate_types() const { return {}; }
};

/// What a mixer is built for.
struct MixerPlace {
  size_t width, heads;   ///< D, H; D is a multiple of H
  size_t layer, layers;  ///< this layer, and how many there are
  std::string position;  ///< "none", "learned" (done by the model), "rope" or "alibi"
};

/// A kind of mixer: its options, and how to make one for a layer. Registered by name.
class MixerKind {
 public:
  virtual ~MixerKind() = default;
  virtual void declare(Fields&) {}
  /// Throws Error(Exit::usage) for options that do not fit each other or the place.
  virtual std::unique_ptr<Mixer> make(const MixerPlace& place) const = 0;
};

}  // namespace gnomon
