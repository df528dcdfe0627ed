// nn/mixers/mixer.hpp
// A mixer is anything that moves information between tokens: attention, a convolution, pointers.
// All stand behind this interface; the encoder and the models know no mixer by name.
//
// A mixer works in two ways that give the same numbers (to rounding): on whole sequences, and one
// token at a time:
//
//   MixerStep step = mixer.stepper();           // knows nothing yet; one for every sequence
//   Mixed y = step(a, {0, token, below, own});  // a [1,1,D] of token 0
//   y = step(a, {1, ...});                      // then of token 1, ...
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/registry.hpp"
#include "nn/module.hpp"

namespace gnomon {

/// Where every token points, as one layer found it. A layer without pointers returns it empty.
struct Pointers {
  Index to;      ///< [B,N,H] the position that head h of token n reads; -1: nothing
  Index type;    ///< [B,N,H] the type of the candidate that won: see candidate_types()
  Array score;   ///< [B,N,H] its logit before noise and temperature
  Array margin;  ///< [B,N,H] how far the runner-up was behind (+infinity: no other candidate)
  /// In training, where a layer is asked for them (else empty):
  Var log_probability;            ///< [B,N,H] of `to`
  std::vector<Var> distribution;  ///< for each head [B,N,N], how probable each target is
  bool empty() const { return to.empty(); }
};

struct Pointing;  // what a pointer layer chose from: nn/pointer/pointing.hpp

/// What one forward pass carries beside the features.
struct Pass {
  Index tokens;            ///< [B,N]
  bool training = false;   ///< dropout, noise and soft selections only when true
  double temperature = 1;  ///< of soft selections in training
  Random noise{0};         ///< advances as layers draw from it; a fresh stream every step
  /// Overrides how pointers select outside of training (default: hard): "soft" for comparison.
  std::optional<std::string> selection = {};
  /// How often a shared layer is repeated (default: as often as the encoder was built for).
  std::optional<size_t> iterations = {};
  /// Called by every layer that points, one after the other, when set; for measuring.
  std::function<void(const Pointing&)> watch = {};
};

struct Mixed {
  Var features;       ///< [B,N,D], added to the residual stream by the encoder
  Pointers pointers;  ///< handed to the next layer's mixer
};

/// Where the heads of every token of one sequence point: a view of Pointers::to, [N,H].
struct Trail {
  const int32_t* to = nullptr;
  size_t heads = 0;  ///< H
  bool empty() const { return !to; }
  /// The position that head h of token n reads, -1: nothing. Unchecked: for the innermost loops.
  int32_t operator()(int64_t n, size_t h) const { return to[static_cast<size_t>(n) * heads + h]; }
};

/// The next token of one sequence.
struct Moment {
  int64_t n;  ///< its position: so many tokens came before
  int32_t token;
  Trail below;  ///< of the layer below, tokens 0 to n; empty where that has no pointers
  Trail own;    ///< of this layer, tokens 0 to n - 1
};

/// Takes the next token of one sequence: a [1,1,D], its normalised features, in; what is added to
/// its residual stream [1,1,D] and its pointers [1,1,H] out. Pointers select hard. What it has to
/// remember of the earlier tokens it keeps itself, so it is called once for every token, in order;
/// a copy remembers what the original did at that time. The mixer must outlive it.
using MixerStep = std::function<Mixed(const Var& a, const Moment& moment)>;

class Mixer : public Module {
 public:
  /// a [B,N,D] normalised features; `below`: the pointers of the layer below, empty in the first.
  /// Causal: the output at token n depends on tokens up to n only.
  virtual Mixed operator()(const Var& a, const Pointers& below, Pass& pass) const = 0;
  /// The same outside of training, one token at a time, with nothing remembered yet. The memory
  /// grows by O(D) numbers a token at most; the cost of a token is the mixer's own.
  virtual MixerStep stepper() const = 0;
  /// Names of the types of candidate that a pointer can win by; empty for others.
  virtual std::vector<std::string> candidate_types() const { return {}; }
};

/// What a mixer is built for.
struct MixerPlace {
  size_t width, heads;    ///< D, H; D is a multiple of H
  size_t layer, layers;   ///< this layer, and how many there are
  std::string position;   ///< "none", "learned" (done by the model), "rope" or "alibi"
  bool repeated = false;  ///< it is the layer above itself, too
  /// May it ever find pointers below? (A repeated layer finds none in its first pass.)
  bool pointers_below() const { return layer > 0 || repeated; }
};

/// A kind of mixer: its options, and how to make one for a layer. Registered by name.
class MixerKind {
 public:
  virtual ~MixerKind() = default;
  virtual void declare(Fields&) {}
  /// Throws Error(Fault::option) for options that do not fit each other or the place.
  virtual std::unique_ptr<Mixer> make(const MixerPlace& place) const = 0;
};

}  // namespace gnomon
