// nn/pointer/menu.hpp
// The candidate sources of one pointer layer, as written in the option `sources`:
//   "window:5 / window:4,sinks:2,match:2,run"      one menu per layer, or one menu for all
#pragma once

#include "nn/pointer/candidates/source.hpp"

namespace gnomon {

class Menu {
 public:
  /// The menu of one layer. In the first layer, sources that need pointers below are left out.
  /// Throws Error(Exit::usage): an unknown source, a wrong number, a source twice, nothing left.
  Menu(const std::string& sources, size_t layer, size_t layers);

  /// Candidate types, in the order of their learned logits.
  const std::vector<std::string>& types() const { return types_; }
  /// The type of each of the K slots of a sequence of N tokens.
  Index slot_types(size_t N) const;
  bool scans() const { return !sources_.empty() && sources_.back()->scans(); }

  /// Candidates [B,N,G,K] of the sources that do not scan (-1 elsewhere). scene.scores is null.
  Index offer(const Scene& scene) const;
  /// Lets the scanning source fill its columns of `to` and of the scores.
  void scan(const Scene& scene, Index& to) const;

 private:
  std::vector<std::unique_ptr<CandidateSource>> sources_;
  std::vector<std::string> types_;
};

}  // namespace gnomon
