// tasks/copy.hpp
// Copying from afar: a payload, a gap, a delimiter, and the payload again.
//
// Tokens: the symbols 0 .. S-1, the gap's fillers S .. S+G-1, the delimiter S+G   (S `symbols`,
// G `gap-symbols`; with G = 0 the gap is filled with symbols too, so that no token tells where the
// payload ends, only that it begins at position 0). A payload of P symbols and a gap of g fillers
// make N = 2P + g tokens, of which the last P are scored: target[n] is the token to be predicted
// having seen tokens 0 .. n, and the symbols already copied are shown, right or wrong (teacher
// forcing).
//
// Example: payload 4, symbols 20, length 7 (so the gap is 2), test_batch of Random(1):
//
//   position 0  1  2  3  4  5  6  7  8  9
//   token   17 13  4 15 20 20 21 17 13  4
//   target   .  .  .  .  .  . 17 13  4 15
//
// `length` is the distance, how far back the symbol to copy lies. The first one to be predicted
// stands at position 7, right after the delimiter 21, and its source at 0: 7 - 0 = P + g + 1. It is
// the same for every symbol of the payload. (The token that must answer looks back one less.)
//
// With `payload` 0 there is no gap, and the payload is as long as the distance allows, P =
// length - 1: strings of many lengths.
#pragma once

#include <algorithm>

#include "tasks/task.hpp"

namespace gnomon {

class CopyTask final : public Task {
 public:
  void declare(Fields& f) override;
  size_t vocabulary() const override { return symbols_ + gap_symbols_ + 1; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "distance, in tokens"; }
  /// The distance without a gap, P + 1.
  size_t shortest_length() const override { return std::max<size_t>(payload_, 1) + 1; }
  /// One distance for the batch, uniform in [max(shortest_length(), `nearest`), length], or
  /// `length` where that is less than `nearest`.
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Finds the delimiter of each sequence and copies what stands at its beginning.
  Index oracle(const Batch& batch) const override;
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t payload_ = 32, symbols_ = 20, gap_symbols_ = 1, nearest_ = 0;
};

}  // namespace gnomon
