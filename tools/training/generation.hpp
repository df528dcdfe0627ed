// A model goes on where a prompt ends.
#pragma once

#include <functional>

#include "models/sequence_model.hpp"
#include "tools/training/sampler.hpp"

namespace gnomon {

struct GenerationPlan {
  size_t samples = 1, tokens = 200, seed = 1;
  SamplerConfig sampler = {};
  std::optional<size_t> iterations = {};  ///< of a shared layer
};

/// Reads tokens [B,N] in pieces of at most 1,024 and brings the state forward; returns the features
/// [B,1,D] of the last.
Var read_in_pieces(const SequenceModel& model, const Index& tokens, State& state,
                   std::optional<size_t> iterations = {});

/// How many numbers the state of one sequence holds after these tokens [1,N].
size_t state_numbers_after(const SequenceModel& model, const Index& tokens,
                           std::optional<size_t> iterations = {});

/// Reads the prompt once for all samples, then writes them side by side: write(s, token) is called
/// with each next token of sample s = 0, 1, ..., by the calling thread, and says whether the sample
/// goes on; at most plan.tokens times each. The first sample draws from R =
/// Random(seed).split("generate"), sample s = 1, ... from R.split(s). What a sample draws does not
/// depend on how many there are, to the rounding of sums.
void generate(const SequenceModel& model, const std::vector<int32_t>& prompt,
              const GenerationPlan& plan,
              const std::function<bool(size_t sample, int32_t token)>& write);

}  // namespace gnomon
