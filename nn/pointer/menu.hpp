// The candidate sources of one pointer layer, as written in the option `sources`:
//   "window:5 / window:4,sinks:2,match:2,run"      one menu per layer, or one menu for all
//   "match:1 | window:1 / jump | previous:1,hop"   in a layer, the last heads' menus; the first of
//                                                  them is that of all heads before
// The slots of its sources stand side by side, in the order in which the text first names them,
// with the source that chains within the layer last; so do their types.
#pragma once

#include "core/ops/gathered_attention.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {

/// A source of a menu.
struct MenuEntry {
  std::string name;
  const CandidateSource* source;
  SourceForm form;
  std::vector<bool> heads;      ///< which it is offered to; empty: all
  std::vector<size_t> of_slot;  ///< the types of its slots, where their number does not grow

  std::vector<size_t> slot_types(size_t M) const {
    return form.grows ? source->slot_types(M) : of_slot;
  }
  bool offered(size_t head) const { return heads.empty() || heads[head]; }
};

/// What the tokens may point at, side by side for all sources: C_i.
struct CandidateSet {
  Candidates index;  ///< [B,N,G,K] what may be chosen; of that, what is scored by key, what is read
  Index types;       ///< [K] the type of each slot
  Var logits;        ///< [B,N,H,K] of the sources' own; empty: none
  const MenuEntry* chain = nullptr;  ///< the last slot is this one's, to be filled by choose()
};

class Menu final : public Module {
 public:
  /// The menu of one layer. In the first layer, unless it is repeated, sources that need pointers
  /// below are left out.
  /// Throws Error(Fault::option): an unknown source, a wrong number, a source twice, nothing left.
  Menu(const std::string& sources, const MixerPlace& place);

  /// Candidate types, in the order of their learned logits.
  const std::vector<std::string>& types() const { return types_; }
  const std::vector<MenuEntry>& entries() const { return entries_; }
  /// The type of each of the K slots of a sequence of M tokens.
  Index slot_types(size_t M) const;

  /// The states of its sources.
  Children state(size_t sequences) const;
  /// `states`: null for whole sequences.
  CandidateSet offer(const SourceInput& input, Children* states = nullptr) const;

 private:
  std::vector<MenuEntry> entries_;
  std::vector<std::string> types_;
  bool per_head_ = false;  // do the candidates differ from head to head? (G = H, else 1)
};

}  // namespace gnomon
