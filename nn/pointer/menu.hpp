// nn/pointer/menu.hpp
// The candidate sources of one pointer layer, as written in the option `sources`:
//   "window:5 / window:4,sinks:2,match:2,run"      one menu per layer, or one menu for all
#pragma once

#include "nn/pointer/candidates/source.hpp"

namespace gnomon {

class Menu final : public Module {
 public:
  /// The menu of one layer. In the first layer, unless it is repeated, sources that need pointers
  /// below are left out.
  /// Throws Error(Exit::usage): an unknown source, a wrong number, a source twice, nothing left.
  Menu(const std::string& sources, const MixerPlace& place);

  /// Candidate types, in the order of their learned logits.
  const std::vector<std::string>& types() const { return types_; }
  /// The type of each of the K slots of a sequence of N tokens.
  Index slot_types(size_t N) const;
  bool scans() const { return sources_.back()->scans(); }

  struct Offer {
    Index to;      ///< [B,N,G,K]; -1: none
    Index scored;  ///< the same, -1 also where a source scores its candidates itself
    Var logits;    ///< [B,N,H,K] of the sources' own; empty: none
  };
  /// Candidates of the sources that do not scan (-1 in the columns of the one that does).
  Offer offer(const Scene& scene) const;
  /// Lets the scanning source fill its columns of the index and of the scores.
  void scan(const Scene& scene, Offer& offer) const;

 private:
  std::vector<const CandidateSource*> sources_;
  std::vector<std::string> types_;
};

}  // namespace gnomon
