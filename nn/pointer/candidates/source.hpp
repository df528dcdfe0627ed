// A candidate source offers, for every token, a few earlier positions to which it may point. A
// menu of sources is the candidate set C_i of a pointer layer; each source is one small file, and
// registers itself by name. All are strictly causal (a candidate j of token i has j <= i) and cost
// O(N) per slot. A source may have parameters of its own, and logits of its own for its candidates.
#pragma once

#include <numeric>

#include "core/parallel.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// What a source may look at: the next N tokens of B sequences.
struct SourceInput {
  const Var& features;               ///< a [B,N,D]
  const PreviousPointers& previous;  ///< of the layer below; empty in the first layer
  Context& context;                  ///< tokens [B,N], position of the first, training, noise
  size_t heads;                      ///< H
  size_t slots = 0;                  ///< how many the source has here
  const std::vector<bool>* of = {};  ///< the heads that it is offered to; null or empty: all

  /// Whether it is offered to head h. What it would offer others is not asked for.
  bool offered(size_t h) const { return !of || of->empty() || (*of)[h]; }
  size_t sequences() const { return context.tokens.shape()[0]; }
  size_t tokens() const { return context.tokens.shape()[1]; }
  /// The row of a [B,N,..] array that belongs to the token at position n of sequence b.
  size_t row(size_t b, int64_t n) const {
    return b * tokens() + static_cast<size_t>(n) - context.first;
  }
};

/// What a source offers: a rule that names its candidates, and what it thinks of them.
struct Offer {
  /// Writes the candidates of head h of the token at position n of sequence b, one in each slot of
  /// the source; -1: none. Called for many tokens at once, after offer() has returned.
  std::function<void(size_t b, int64_t n, size_t h, int32_t* to)> place;
  Var logits = {};  ///< [B,N,H,slots] of its own, added to the layer's; empty: none
};

/// What all candidates of a source have in common.
struct SourceForm {
  enum class Meaning {
    place,    ///< a position to read
    nothing,  ///< to read nothing; the position only says that the choice is there
    chain,    ///< one past where the left neighbour points in this very layer: choice.hpp fills it
  };
  enum class Scored {
    by_key,    ///< query . key, the logit of its type, and its own logit
    by_itself  ///< without query . key
  };
  /// A name for each kind of candidate it offers: "window -1". The layer learns a logit for each.
  std::vector<std::string> types = {};
  bool per_head = false;        ///< do the candidates differ from head to head?
  bool needs_previous = false;  ///< does it offer nothing without pointers of a layer below?
  bool grows = false;           ///< are there more slots the longer a sequence is?
  Meaning meaning = Meaning::place;
  Scored scored = Scored::by_key;
};

class CandidateSource : public Module {
 public:
  /// The number in a menu, "window:5"; sources without one refuse it. Throws Error(Fault::option).
  virtual void set(size_t count) {
    fail(Fault::option, "this source takes no number, got ':{}'", count);
  }
  /// Called once, after set(): declares parameters, if there are any. `heads`: those of the layer
  /// to which it is offered.
  virtual void build(const MixerPlace& /*place*/, const std::vector<size_t>& /*heads*/) {}
  virtual SourceForm form() const = 0;
  /// The type of each of its slots in a sequence of M tokens so far: one slot a type, unless it
  /// says more.
  virtual std::vector<size_t> slot_types(size_t /*M*/) const {
    std::vector<size_t> each(form().types.size());
    std::iota(each.begin(), each.end(), size_t{0});
    return each;
  }
  /// What it remembers, for sequences of which nothing is read yet; null: nothing.
  virtual std::unique_ptr<State> state(size_t /*sequences*/) const { return nullptr; }
  /// What it offers the next tokens. `state` as for Mixer.
  virtual Offer offer(const SourceInput& input, State* state) const = 0;
  /// Where it needs pointers: the candidate in a slot of head h when all that is known of the
  /// pointers below is how probable each is, previous[head] [B,N,N] (option hand-on).  -> [B,N,N]
  virtual Var distribution(const std::vector<Var>& /*previous*/, size_t /*h*/, size_t slot) const {
    fail_option("hand-on", "distribution: slot {} of a source has no such form", slot);
  }
  virtual Example example() const { return {}; }

 protected:
  /// For set(): the checked count.
  static size_t checked(size_t count, size_t low, size_t high) {
    if (count < low || count > high)
      fail(Fault::option, "expected a number from {} to {}, got ':{}'", low, high, count);
    return count;
  }
};

/// A source whose candidates are a formula of the position and the pointers below:
///   int64_t position(const PreviousPointers& previous, size_t b, int64_t n, size_t h, size_t s)
/// is the candidate in slot s, -1 for none. It remembers nothing.
template <class Self>
class FormulaSource : public CandidateSource {
 public:
  Offer offer(const SourceInput& input, State*) const final {
    return {[self = static_cast<const Self*>(this), previous = input.previous, slots = input.slots](
                size_t b, int64_t n, size_t h, int32_t* to) {
      for (size_t s = 0; s < slots; ++s)
        to[s] = static_cast<int32_t>(self->position(previous, b, n, h, s));
    }};
  }
};

/// What reads each sequence from left to right: that of the state, or fresh ones, which live as
/// long as the pointer returned here. T: a copy of `fresh` for each sequence.
template <class T>
std::shared_ptr<PerSequence<T>> readers(State* state, size_t sequences, const T& fresh) {
  if (auto* const known = state_cast<SequenceStates<T>>(state))
    return {std::shared_ptr<void>(), &known->each};
  return std::make_shared<PerSequence<T>>(sequences, fresh);
}

}  // namespace gnomon
