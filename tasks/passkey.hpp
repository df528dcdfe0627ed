// tasks/passkey.hpp
// A key of a few digits, told once somewhere in a long text of no interest, and asked for at the
// end. (Passkey retrieval, Mohtashami and Jaggi, arXiv 2305.16300, as tokens.)
//
// Tokens: the digits 0 .. 9, "the pass key is" 10, "what is the pass key?" 11, and the words of the
// filler 12 .. 27. The filler repeats "The grass is green. The sky is blue. The sun is yellow. Here
// we go. There and back again." At a random place the announcement 10 and K random digits
// (`digits`) are inserted; at the end stand the question 11 and the first K-1 digits again. N =
// `length` tokens in all, of which the last K are scored: the digits already answered are shown,
// right or wrong (teacher forcing).
//
// Example: digits 3, length 16, test_batch of Random(1):
//
//   token   12 13 14 15 16 12 17 14 10  6  2  7 18 11  6  2
//   target   .  .  .  .  .  .  .  .  .  .  .  .  .  6  2  7
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class PasskeyTask final : public Task {
 public:
  void declare(Fields& f) override;
  size_t vocabulary() const override;
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// Without filler, 2K + 1.
  size_t shortest_length() const override { return 2 * digits_ + 1; }
  /// One length for the batch, uniform in [shortest_length(), length].
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Finds the announcement of each sequence.
  Index oracle(const Batch& batch) const override;
  /// Digits are drawn uniformly.
  double chance(size_t) const override { return 0.1; }

 private:
  size_t digits_ = 5;
};

}  // namespace gnomon
