// nn/pointer/menu.hpp
// The candidate sources of one pointer layer, as written in the option `sources`:
//   "window:5 / window:4,sinks:2,match:2,run"      one menu per layer, or one menu for all
//   "match:1 | window:1 / jump | previous:1,hop"   in a layer, one menu per head, or one for all
#pragma once

#include "nn/pointer/candidates/source.hpp"

namespace gnomon {

/// What scores a candidate whose place is known as a distribution only: the expected logit.
struct Selector {
  Var query, key;  ///< [B,N,H C]
  real scale;
};

class Menu final : public Module {
 public:
  /// The menu of one layer. In the first layer, unless it is repeated, sources that need pointers
  /// below are left out.
  /// Throws Error(Fault::option): an unknown source, a wrong number, a source twice, nothing left.
  Menu(const std::string& sources, const MixerPlace& place);

  /// Candidate types, in the order of their learned logits.
  const std::vector<std::string>& types() const { return types_; }
  /// The type of each of the K slots of a sequence of N tokens.
  Index slot_types(size_t N) const;
  bool scans() const { return sources_.back()->scans(); }

  struct Offer {
    Index to;      ///< [B,N,G,K]; -1: no such candidate
    Index scored;  ///< the same, -1 also where a source scores its candidates itself
    Index read;    ///< the same, -1 also where to choose it is to read nothing
    Var logits;    ///< [B,N,H,K] of the sources' own; empty: none
    /// Candidates whose place is known as a distribution only (see Pointers::distribution).
    struct Spread {
      size_t h, k;
      Var at;  ///< [B,N,N]
    };
    std::vector<Spread> spread;
  };
  /// Candidates of the sources that do not scan (-1 in the columns of the one that does). With
  /// `selector`, candidates that rest on pointers below are distributions over positions.
  Offer offer(const Scene& scene, const Selector* selector = nullptr) const;
  /// For every candidate, the log-probabilities of the earlier choices that it rests on, added up;
  /// their values are cancelled, so what is added is a gradient only.   [B,N,H,K]
  Var credit(const Scene& scene, const Offer& offer) const;
  /// One sequence, one token at a time: the offer of the next token, [1,1,G,K], the scanning source
  /// included (logits are never empty).
  using Step = std::function<Offer(const Var& a, const Moment& moment)>;
  Step stepper(size_t heads) const;
  /// Lets the scanning source fill its columns of the index and of the scores.
  void scan(const Scene& scene, Offer& offer) const;

 private:
  /// How many columns each source has in sequences of N tokens; they stand side by side.
  std::vector<size_t> slots(size_t N) const;
  /// Do the candidates differ from head to head? (G = H, else 1)
  bool per_head() const;
  bool offered(size_t source, size_t head) const {
    return withheld_[source].empty() || !withheld_[source][head];
  }
  void withhold(size_t source, const Columns& columns) const;
  /// Makes offer.scored and offer.read out of offer.to; `spread`: as with a selector.
  void blank(Offer& offer, const std::vector<size_t>& slots, bool spread) const;
  Var spread(size_t source, const Scene& scene, const Selector& selector, size_t first,
             size_t slots, Offer& offer) const;

  std::vector<const CandidateSource*> sources_;
  std::vector<std::vector<bool>> withheld_;  // [source][head]; empty: offered to every head
  std::vector<std::string> types_;
};

}  // namespace gnomon
