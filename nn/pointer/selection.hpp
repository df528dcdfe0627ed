// nn/pointer/selection.hpp
// How a head turns the logits of its K candidates into what it reads.
//
//   mode              reads in training                   gradient of the logits
//   soft              softmax(logits / tau)               its own
//   gumbel            softmax((logits + noise) / tau)     its own (Jang et al. 2017)
//   straight-through  one-hot of the argmax               that of softmax(logits / tau)
//   hard              one-hot of the argmax               through the probability p of the chosen:
//                                                         the value is times p / stop(p) = 1
// Outside of training every mode is hard: one argmax, one row read.
#pragma once

#include <vector>

#include "core/tape.hpp"

namespace gnomon {

/// The names above, for options.
const std::vector<std::string>& selection_modes();

/// Weights [B,N,H,K] of the candidates: zero where `candidates` [B,N,G,K] is -1. For "gumbel" the
/// caller has added the noise to the logits (a scan needs it too). `chosen` [B,N,H] is the argmax.
Var select(const std::string& mode, const Var& logits, const Index& candidates, const Index& chosen,
           real temperature);

}  // namespace gnomon
