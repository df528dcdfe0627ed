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

#include <string>
#include <vector>

#include "core/ops/gathered_attention.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// The names above, for options, in the order of the enum.
const std::vector<std::string>& selection_modes();
/// Throws Error(Fault::option) for another name.
Selection selection_of(const std::string& name);

/// What is decided, for gathered_attention: `slot` [B,N,H] of the argmax, or nothing.
Decision decision(Selection mode, const Index& slot);

/// The same as weights of the candidates [B,N,H,K], zero where `candidates` [B,N,G,K] is -1. For
/// gumbel the noise is in the logits.
Var weights(Selection mode, const Var& logits, const Index& candidates, const Index& slot,
            real temperature);

}  // namespace gnomon
