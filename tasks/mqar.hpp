// tasks/mqar.hpp
// Multi-query associative recall: pairs of key and value, then the keys again, each to be answered
// by its value. (Zoology, arXiv 2312.04927, appendix; `multiquery_ar` of its repository.)
//
// Tokens: the filler 0, the keys 1 .. V/2-1, the values V/2 .. V-1   (V `vocabulary`). A sequence
// of N = `length` tokens begins with P pairs, key value key value ..., P keys and P values drawn
// without replacement. Each key is asked for once, at one of the (N - 2P) / 2 even places that
// follow: place g = 1, 2, ... is chosen with a probability proportional to g^(a-1) (a `power`; .01:
// mostly soon, sometimes late; 1: uniform), and none twice. The rest is filler or, with
// `random-non-queries`, random tokens of the whole vocabulary. The target stands at the query
// itself; the answers are not shown to the model.
//
// P is `pairs` in training and `test-pairs` at test, but never more than fit, which is N/4: with
// `test-pairs` 256, lengths 512 and 1,024 are tested with 128 and 256 pairs, the suite of "Based"
// (arXiv 2402.18668).
//
// Example: pairs 3, vocabulary 16, length 16, test_batch of Random(1):
//
//   token    7 14  6 10  4  9  7  0  6  0  0  0  0  0  4  0
//   target   .  .  .  .  .  . 14  . 10  .  .  .  .  .  9  .
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class MqarTask final : public Task {
 public:
  void declare(Fields& f) override;
  /// Throws Error(Fault::option) when the vocabulary has fewer keys than there are pairs, or
  /// `fewest-pairs` is more than `pairs`.
  void prepare() override;
  size_t vocabulary() const override { return vocabulary_; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// One pair and its query.
  size_t shortest_length() const override { return 4; }
  /// Exactly `length`; with `fewest-pairs`, one number of pairs for the batch, uniform in
  /// [fewest-pairs, pairs].
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// A key occurs first in its pair: the answer is what follows the first occurrence.
  Index oracle(const Batch& batch) const override;
  /// Values are drawn uniformly: 1 / (V - V/2).
  double chance(size_t) const override;

 private:
  Batch make(size_t batch, size_t length, size_t pairs, Random random) const;

  size_t pairs_ = 4, fewest_pairs_ = 0, test_pairs_ = 0, vocabulary_ = 8192;
  double power_ = 0.01;
  bool random_non_queries_ = false;
};

}  // namespace gnomon
