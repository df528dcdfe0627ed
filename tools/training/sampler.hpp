// Which token follows, given the logits of all V: the likeliest, or one drawn from some of them.
//
//   1. repetition  of each token among the latest 64: l / r where l > 0, else l r (Keskar et al.
//                  2019, CTRL, section 4.1, for either sign)
//   2. top-k       the k largest logits stay (Fan et al. 2018)
//   3. top-p       then as few as reach the probability p among those (Holtzman et al. 2020)
//   4. min-p       then those of at least m times the largest probability (Nguyen et al. 2024)
//   5. temperature one of the rest is drawn, with probability softmax(l / T); 0: the largest
//
// Probabilities in 3 and 4 are those at temperature 1, so that heat does not let the tail back in.
// Of equal logits the smaller token counts as the larger. The likeliest token always stays.
#pragma once

#include <vector>

#include "core/array.hpp"
#include "core/base/fields.hpp"
#include "core/random.hpp"

namespace gnomon {

struct SamplerConfig {
  double temperature = 0;         ///< 0: always the likeliest token
  size_t top_k = 0;               ///< 0: all
  double top_p = 1, min_p = 0;    ///< 1, 0: all
  double repetition_penalty = 1;  ///< 1: none
  void declare(Fields& f);
};

/// Draws the tokens of one text, each behind those before it.
class Sampler {
 public:
  /// `text`: the tokens so far.
  Sampler(const SamplerConfig& config, const Random& random, const std::vector<int32_t>& text);
  /// The next token, one of V. Throws Error(Fault::diverged) for logits that are no numbers, or
  /// whose largest is infinite.
  int32_t draw(const real* logits, size_t V);

 private:
  void read(const real* logits, size_t V);
  void choose();
  size_t drawn();

  SamplerConfig config_;
  Random random_;
  std::vector<int32_t> latest_;  // at most 64, where repetition counts
  std::vector<double> logits_, up_to_;
  std::vector<size_t> stay_;  // in the order of the tokens
};

}  // namespace gnomon
