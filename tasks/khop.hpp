// tasks/khop.hpp
// k-hop induction heads: follow "the character after its last earlier occurrence" k times.
// (Sanford, Hsu, Telgarsky, "Transformers, parallel computation, and logarithmic depth", arXiv
// 2402.09268, section 5.)
//
// Tokens: the characters 0 .. S-1, "undefined" S, which is only ever an answer, and the number of
// hops k as S+1+k   (S `symbols`, k from 0 to `hops`). The first of N = `length` tokens says k; N-1
// random characters follow, no two neighbours equal. One hop leads from character i to j+1, where
// j < i is the last place before i with the same character. At every character the target is the
// character k hops away (with k = 0 itself) or, where the hops lead before the beginning,
// "undefined". The first token is not scored. The answers are not shown to the model.
//
// In training k is drawn for each sequence, uniformly from 0 to `hops`; at test it is `test-hops`.
//
// Example: hops 2, length 14, test_batch of Random(1):
//
//   token    7  3  2  3  2  3  0  2  0  3  0  1  3  1
//   target   .  4  4  4  2  3  4  2  3  4  0  4  3  0
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class KhopTask final : public Task {
 public:
  void declare(Fields& f) override;
  /// Throws Error(Fault::option) when `test-hops` is more than `hops`.
  void prepare() override;
  size_t vocabulary() const override { return symbols_ + 1 + hops_ + 1; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// The number of hops and one character.
  size_t shortest_length() const override { return 2; }
  /// Exactly `length`, as in the paper.
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Walks back from every character, by the definition.
  Index oracle(const Batch& batch) const override;
  /// Always "undefined", or always the same character, whichever is right more often: that depends
  /// on the length. Exact. In reading backwards from a character, the next one that is looked for
  /// turns up with probability 1 / (S-1) at each step; so k hops from character i >= 1 are defined
  /// with the probability of at least k successes in i-1 trials.
  double chance(size_t length) const override;

 private:
  size_t test_hops() const { return test_hops_ ? test_hops_ : hops_; }
  void make_sequence(size_t hops, size_t length, int32_t* token, int32_t* target,
                     Random& random) const;

  size_t symbols_ = 4, hops_ = 16, test_hops_ = 0;
};

}  // namespace gnomon
