// nn/pointer/candidates/source.hpp
// A candidate source offers, for every token, a few earlier positions to which it may point. A
// menu of sources is the candidate set C_i of a pointer layer; each source is one small file, and
// registers itself by name. All are strictly causal (a candidate j of token i has j <= i) and cost
// O(N) per slot. A source may have parameters of its own, and logits of its own for its candidates.
#pragma once

#include <array>
#include <numeric>

#include "core/parallel.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// The scores by which a scanning source (see `scans`) chooses as it goes.
struct Scores {
  const Array& query;  ///< [B,N,H C]
  const Array& key;    ///< [B,N,H C]
  real scale;          ///< logit = scale query . key + bias
  const Array& bias;   ///< [B,N,H,K] of the candidate's type, and noise if there is any
  const Index& read;   ///< [B,N,H,K] what each earlier slot reads; -1 also: nothing, by choice
  Array& dots;         ///< [B,N,H,K] scale query . key: given for all earlier slots; a scanning
                       ///< source fills its own
};

/// What a source may look at.
struct Scene {
  const Var& features;             ///< a [B,N,D]
  const Pointers& below;           ///< of the layer below; empty in the first layer
  Pass& pass;                      ///< tokens [B,N], whether it is training, noise
  size_t heads;                    ///< H
  const Scores* scores = nullptr;  ///< for scanning sources only

  /// The pointers below of sequence b.
  Trail trail_below(size_t b) const {
    if (below.empty()) return {};
    return {below.to.data() + b * pass.tokens.shape()[1] * heads, heads};
  }
  /// below.to(b, n, h), unchecked: this is the innermost loop.
  int32_t to_below(size_t b, int64_t n, size_t h) const { return trail_below(b)(n, h); }
};

/// A choice of the layer below: that of head h of token n. Negative n: there was none.
struct Stop {
  int64_t n = -1;
  size_t h = 0;
};

/// The columns of the candidate index that belong to one source.
struct Columns {
  Index& to;     ///< [B,N,G,K], G = 1 (the heads share) or H
  size_t first;  ///< its columns are [first, first + slots)
  size_t slots;

  /// to[b,n,g,first + s] = position(b, n, g, s); -1: none. In parallel over the tokens.
  template <class Position>
  void fill(Position&& position) const {
    const Shape& shape = to.shape();
    const size_t N = shape[1], G = shape[2], K = shape[3];
    parallel_for(shape[0] * N, 256, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row)
        for (size_t g = 0; g < G; ++g)
          for (size_t s = 0; s < slots; ++s)
            to.data()[(row * G + g) * K + first + s] = static_cast<int32_t>(
                position(row / N, static_cast<int64_t>(row % N), g, static_cast<int64_t>(s)));
    });
  }
};

/// Fills a source's columns [1,1,G,slots] of the next token of one sequence and returns its own
/// logits [1,1,H,slots], or an empty Var. It keeps what it remembers of earlier tokens itself (O(1)
/// numbers a token and slot), is called once for every token, and may be copied: see MixerStep.
using SourceStep = std::function<Var(const Var& a, const Moment& moment, const Columns& columns)>;

class CandidateSource : public Module {
 public:
  /// The number in a menu, "window:5"; sources without one refuse it. Throws Error(Fault::option).
  virtual void set(size_t count) {
    fail(Fault::option, "this source takes no number, got ':{}'", count);
  }
  /// Called once, after set(): declares parameters, if there are any.
  virtual void build(const MixerPlace&) {}
  /// A name for each kind of candidate it offers: "window -1". The layer learns a logit for each.
  virtual std::vector<std::string> types() const = 0;
  /// The type of each of its slots in a sequence of N tokens: one slot a type, unless it says more.
  virtual std::vector<size_t> slot_types(size_t) const {
    std::vector<size_t> each(types().size());
    std::iota(each.begin(), each.end(), size_t{0});
    return each;
  }
  /// Do the candidates differ from head to head?
  virtual bool per_head() const { return false; }
  /// Does it offer nothing without pointers of a layer below?
  virtual bool needs_pointers() const { return false; }
  /// Where it needs pointers: the choices of the layer below that its candidate of head h of token
  /// n rests on. They get credit when it wins (option --credit).
  using Stops = std::array<Stop, 2>;
  virtual Stops stops(const Scene&, size_t /*b*/, int64_t /*n*/, size_t /*h*/,
                      int64_t /*slot*/) const {
    return {};
  }
  /// Where it needs pointers: the candidate in a slot of head h when all that is known of the
  /// pointers below is how probable each is, below[head] [B,N,N] (option --hand-on).  -> [B,N,N]
  virtual Var distribution(const std::vector<Var>& /*below*/, size_t /*h*/, size_t slot) const {
    fail_option("hand-on", "distribution: slot {} of a source has no such form", slot);
  }
  /// Does it choose by the scores of the slots before it? (then it comes last in the menu)
  virtual bool scans() const { return false; }
  /// Do its own logits (and that of its type) decide, without query . key?
  virtual bool scores_itself() const { return false; }
  /// Are its candidates no places, but the choice to read zeros?
  virtual bool reads_nothing() const { return false; }
  /// Fills its columns. Returns logits [B,N,H,slots] of its own, added to those of the layer; an
  /// empty Var: none.
  virtual Var offer(const Scene& scene, const Columns& columns) const = 0;
  /// The same outside of training, one token at a time, with nothing remembered yet.
  virtual SourceStep stepper() const = 0;

 protected:
  /// For set(): the checked count.
  static size_t checked(size_t count, size_t low, size_t high) {
    if (count < low || count > high)
      fail(Fault::option, "expected a number from {} to {}, got ':{}'", low, high, count);
    return count;
  }
};

/// A source whose candidates are a formula, written once for both ways of working:
///   int64_t position(const Trail& below, int64_t n, size_t h, int64_t s) const
/// is the candidate in slot s of head h of token n, -1 for none; `below` is empty in the first
/// layer. A source that fits derives from FormulaSource<itself>, and remembers nothing.
template <class Self>
class FormulaSource : public CandidateSource {
 public:
  Var offer(const Scene& scene, const Columns& columns) const final {
    const Self& self = static_cast<const Self&>(*this);
    columns.fill([&](size_t b, int64_t n, size_t h, int64_t s) {
      return self.position(scene.trail_below(b), n, h, s);
    });
    return {};
  }
  SourceStep stepper() const final {
    return [self = static_cast<const Self*>(this)](const Var&, const Moment& moment,
                                                   const Columns& columns) {
      columns.fill([&](size_t, int64_t, size_t h, int64_t s) {
        return self->position(moment.below, moment.n, h, s);
      });
      return Var();
    };
  }
};

}  // namespace gnomon
