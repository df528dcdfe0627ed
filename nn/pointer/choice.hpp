// nn/pointer/choice.hpp
// Which of its candidates each head takes, and what a reader of the pointers wants to know of it.
#pragma once

#include "nn/pointer/menu.hpp"

namespace gnomon {

struct Choice {
  Index slot;         ///< [B,N,H] the column that won; -1: there was no candidate
  Pointers pointers;  ///< of the same tokens and heads
};

/// The largest of the logits [B,N,H,K] among the candidates that are offered, of the given types
/// [K]; the lowest column wins a tie. Throws Error on NaN.
Choice choose(const Array& logits, const Menu::Offer& offer, const Index& types);

}  // namespace gnomon
