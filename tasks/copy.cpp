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
#include <algorithm>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

class CopyTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("payload", payload_, 0, 65536,
              "how many symbols to copy; 0: as many as the distance allows, without a gap");
    f.integer("symbols", symbols_, 2, 65536, "how many different symbols there are");
    f.integer("gap-symbols", gap_symbols_, 0, 65536,
              "how many different fillers the gap is drawn from; 1: a blank gap; 0: the symbols");
    f.integer("nearest", nearest_, 0, size_t{1} << 30,
              "shortest distance to train on; 0: the shortest there is");
  }
  size_t vocabulary() const override { return symbols_ + gap_symbols_ + 1; }
  std::string spell(int32_t token) const override {
    const auto S = static_cast<int32_t>(symbols_), G = static_cast<int32_t>(gap_symbols_);
    if (token == S + G) return "|";
    if (token < S) return Task::spell(token);
    return G == 1 ? "_" : fmt::format("_{}", token - S);
  }
  std::string length_meaning() const override { return "distance, in tokens"; }
  /// The distance without a gap, P + 1.
  size_t shortest_length() const override { return std::max<size_t>(payload_, 1) + 1; }
  /// One distance for the batch, uniform in [max(shortest_length(), `nearest`), length], or
  /// `length` where that is less than `nearest`.
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    const size_t nearest = std::clamp(nearest_, shortest_length(), length);
    const size_t distance = draw_length(random, nearest, length);
    return test_batch(batch, distance, random);
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    const size_t delimiter = length - 1;  // its position; payload + gap
    const size_t payload = payload_ ? payload_ : delimiter, N = delimiter + payload;
    const size_t first = gap_symbols_ ? symbols_ : 0,
                 fillers = gap_symbols_ ? gap_symbols_ : symbols_;
    Batch made{Index({batch, N}), Index({batch, N}, -1)};
    for (size_t b = 0; b < batch; ++b) {
      int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
      for (size_t n = 0; n < payload; ++n) token[n] = draw(random, 0, symbols_);
      for (size_t n = payload; n < delimiter; ++n) token[n] = draw(random, first, fillers);
      token[delimiter] = static_cast<int32_t>(symbols_ + gap_symbols_);
      std::copy_n(token, payload - 1, token + delimiter + 1);
      std::copy_n(token, payload, target + delimiter);
    }
    return made;
  }
  /// Finds the delimiter of each sequence and copies what stands at its beginning.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "copy: tokens [B,N]");
    const auto mark = static_cast<int32_t>(symbols_ + gap_symbols_);
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      const int32_t *first = batch.tokens.row(b), *end = first + N;
      const int32_t* delimiter = std::find(first, end, mark);
      std::copy_n(first, end - delimiter, answers.row(b) + (delimiter - first));
    }
    return answers;
  }
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t payload_ = 32, symbols_ = 20, gap_symbols_ = 1, nearest_ = 0;
};

const Registration<Task> kCopy{
    "copy", "repeat a payload after a gap and a delimiter; length = distance to the symbol to copy",
    [] { return std::make_unique<CopyTask>(); }};

}  // namespace
}  // namespace gnomon
