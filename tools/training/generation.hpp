// A model goes on where a prompt ends.
#pragma once

#include <functional>

#include "models/sequence_model.hpp"

namespace gnomon {

struct GenerationPlan {
  size_t samples = 1, tokens = 200, seed = 1;
  double temperature = 0;                 ///< 0: always the likeliest token
  std::optional<size_t> iterations = {};  ///< of a shared layer
};

/// Reads tokens [B,N] in pieces of at most 1,024 and brings the state forward; returns the features
/// [B,1,D] of the last.
Var read_in_pieces(const SequenceModel& model, const Index& tokens, State& state,
                   std::optional<size_t> iterations = {});

/// How many numbers the state of one sequence holds after these tokens [1,N].
size_t state_numbers_after(const SequenceModel& model, const Index& tokens,
                           std::optional<size_t> iterations = {});

/// Reads the prompt once for all samples, then writes them side by side, one token each a step:
/// `write` is called plan.tokens times with the next token of each. A token is drawn from
/// softmax(logits / temperature), by a stream of its sample's own: the first has R =
/// Random(seed).split("generate"), sample s = 1, ... has R.split(s).
void generate(const SequenceModel& model, const std::vector<int32_t>& prompt,
              const GenerationPlan& plan,
              const std::function<void(const std::vector<int32_t>& next)>& write);

}  // namespace gnomon
