// tasks/induction.hpp
// Induction heads: what followed the trigger when it first occurred? (Mamba, arXiv 2312.00752,
// section 4.1.2; the generator of H3, arXiv 2212.14052.)
//
// Tokens: the symbols 0 .. S-1 and the trigger S   (S `symbols`). Of N tokens all are random
// symbols but two: the trigger stands at a random position p < N-2 and at the end, where the token
// at p+1 is asked for. Nothing else is scored.
//
// Example: symbols 16, length 10, test_batch of Random(1):
//
//   token   14 16  3 12  3  2  7  7 13 16
//   target   .  .  .  .  .  .  .  .  .  3
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class InductionTask final : public Task {
 public:
  void declare(Fields& f) override;
  size_t vocabulary() const override { return symbols_ + 1; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "sequence, in tokens"; }
  size_t shortest_length() const override { return 3; }
  /// Exactly `length`, as in the paper.
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Finds the first trigger of each sequence.
  Index oracle(const Batch& batch) const override;
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t symbols_ = 16;
};

}  // namespace gnomon
