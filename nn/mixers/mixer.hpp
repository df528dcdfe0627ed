// A mixer is anything that moves information between tokens: attention, a convolution, pointers.
// All stand behind this interface; the encoder and the models know no mixer by name.
//
// A mixer is one function, of the next N tokens of B sequences. Without a state these are whole
// sequences; with one, what came before is in it, and the result is the same (to the rounding of
// sums) into whatever pieces a sequence is cut: see nn/state.hpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/base/registry.hpp"
#include "nn/module.hpp"
#include "nn/state.hpp"

namespace gnomon {

/// Where every token points, as one layer found it. A layer without pointers returns it empty.
struct Pointers {
  Index to;      ///< [B,N,H] the position that head h of token n reads; -1: nothing
  Index type;    ///< [B,N,H] the type of the candidate that won: see candidate_types()
  Array score;   ///< [B,N,H] its logit, before the temperature
  Array margin;  ///< [B,N,H] how far the runner-up was behind (+infinity: no other candidate)
  /// In training, where a layer is asked for them (else empty): for each head [B,N,N], how probable
  /// each target is.
  std::vector<Var> distribution;
  bool empty() const { return to.empty(); }
};

/// The pointers of the layer below, of all tokens so far.
struct PreviousPointers {
  Index to;                       ///< [B,M,H], M >= first + N; empty: the layer below has none
  std::vector<Var> distribution;  ///< as in Pointers
  bool empty() const { return to.empty(); }
  /// Where head h of token n of sequence b pointed. Unchecked: for the innermost loops.
  int32_t operator()(size_t b, int64_t n, size_t h) const {
    const size_t *extent = to.shape().begin(), M = extent[1], H = extent[2];
    return to.data()[(b * M + static_cast<size_t>(n)) * H + h];
  }
};

/// What is switched off outside of training, of whole sequences, to see what it is worth.
struct SwitchedOff {
  std::set<size_t> layers = {};                    ///< their mixers add nothing, point nowhere
  std::set<std::pair<size_t, size_t>> heads = {};  ///< (layer, head): reads nothing
  std::set<std::pair<size_t, std::string>> sources = {};  ///< (layer, name): offers no candidate
  bool empty() const { return layers.empty() && heads.empty() && sources.empty(); }
};

struct Pointing;  // what a pointer layer chose from: nn/pointer/pointing.hpp
struct Weighing;  // how a layer weighs earlier tokens: nn/mixers/weighing.hpp

/// How a head turns the logits of its candidates into what it reads: nn/pointer/selection.hpp.
enum class Selection { soft, gumbel, straight_through, hard };

/// What goes with the features through all layers.
struct Context {
  Index tokens;            ///< [B,N] the next tokens
  Var embedded = {};       ///< [B,N,D] what enters the first layer; set by the encoder
  size_t first = 0;        ///< position of the first of them; set by the encoder from its state
  size_t layer = 0;        ///< that is at work, or pass of a shared one; set by the encoder
  bool training = false;   ///< dropout, noise and soft selections only when true
  double temperature = 1;  ///< of soft selections
  Random noise{0};         ///< advances as layers draw from it; a fresh stream every step
  /// How pointers select outside of training; soft for comparison.
  Selection selection = Selection::hard;
  /// How often a shared layer is repeated (default: as often as the encoder was built for).
  std::optional<size_t> iterations = {};
  SwitchedOff off = {};  ///< nothing of it in training, nor with a state
  /// Called by every layer that points, one after the other, when set; for measuring.
  std::function<void(const Pointing&)> watch = {};
  /// Called by every layer that weighs earlier tokens (attention), likewise; context.layer says
  /// which it is. A layer that keeps a state and has no such weights does not call it.
  std::function<void(const Weighing&)> watch_weights = {};
};

struct Mixed {
  Var features;       ///< [B,N,D], added to the residual stream by the encoder
  Pointers pointers;  ///< for the mixer of the layer above
};

class Mixer : public Module {
 public:
  /// a [B,N,D] normalised features of the next tokens; `previous`: the pointers of the layer below,
  /// empty in the first; `state`: null for whole sequences, else made by state(B) and brought
  /// forward. Causal: the output at a token depends on tokens up to it only.
  virtual Mixed operator()(const Var& a, const PreviousPointers& previous, Context& context,
                           State* state) const = 0;
  /// The state of sequences of which nothing is read yet. It may grow by O(D) numbers a token.
  virtual std::unique_ptr<State> state(size_t sequences) const = 0;
  /// Names of the types of candidate that a pointer can win by; empty for others.
  virtual std::vector<std::string> candidate_types() const { return {}; }
  /// Names of the sources of candidates, which can be switched off.
  virtual std::vector<std::string> candidate_sources() const { return {}; }
};

/// What a mixer is built for.
struct MixerPlace {
  size_t width, heads;   ///< D, H; D is a multiple of H
  size_t layer, layers;  ///< this layer, and how many there are
  /// "none", "learned" (done by the model), "rope", "alibi", "carope" or "urpe".
  std::string position;
  bool repeated = false;  ///< it is the layer above itself, too
  /// May it ever find pointers below? (A repeated layer finds none in its first pass.)
  bool pointers_below() const { return layer > 0 || repeated; }
};

/// What reaches every branch of a kind of mixer or of a source of candidates: what the tests that
/// all inherit run it on. A kind that waits for a token or a length says so here.
struct Example {
  std::vector<std::pair<std::string, std::string>> options = {};
  size_t vocabulary = 4;  ///< tokens are drawn below it
  size_t length = 21;     ///< tokens
};

/// A kind of mixer: its options, and how to make one for a layer. Registered by name.
class MixerKind {
 public:
  virtual ~MixerKind() = default;
  virtual void declare(Fields&) {}
  /// Does it work with this position encoding? Any works with none, and with what the model adds to
  /// the embedding itself.
  virtual bool takes(const std::string& position) const {
    return position == "none" || position == "learned";
  }
  /// How its work grows for a sequence, beside the products with weights: "N N D".
  virtual std::string cost() const = 0;
  /// Does its training read the temperature (Context)?
  virtual bool anneals() const { return false; }
  /// Throws Error(Fault::option) for options that do not fit each other or the place.
  virtual std::unique_ptr<Mixer> make(const MixerPlace& place) const = 0;
  virtual Example example() const { return {}; }
};

}  // namespace gnomon
