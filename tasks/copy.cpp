#include "tasks/copy.hpp"

#include <algorithm>

namespace gnomon {
namespace {

const Registration<Task> kCopy{
    "copy", "repeat a payload after a gap and a delimiter; length = distance to the symbol to copy",
    [] { return std::make_unique<CopyTask>(); }};

}  // namespace

void CopyTask::declare(Fields& f) {
  f.integer("payload", payload_, 1, 65536, "how many symbols to copy");
  f.integer("symbols", symbols_, 2, 65536, "how many different symbols there are");
  f.integer("gap-symbols", gap_symbols_, 1, 65536,
            "how many different fillers the gap is drawn from; 1: a blank gap");
}

Batch CopyTask::train_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const auto distances = static_cast<uint32_t>(length - shortest_length() + 1);
  const size_t distance = shortest_length() + random.below(distances);
  return test_batch(batch, distance, random);
}

Batch CopyTask::test_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t delimiter = length - 1, N = delimiter + payload_;  // its position; payload + gap
  const auto draw = [&](size_t first, size_t count) {
    return static_cast<int32_t>(first + random.below(static_cast<uint32_t>(count)));
  };
  Batch made{Index({batch, N}), Index({batch, N}, -1)};
  for (size_t b = 0; b < batch; ++b) {
    int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
    for (size_t n = 0; n < payload_; ++n) token[n] = draw(0, symbols_);
    for (size_t n = payload_; n < delimiter; ++n) token[n] = draw(symbols_, gap_symbols_);
    token[delimiter] = static_cast<int32_t>(symbols_ + gap_symbols_);
    std::copy_n(token, payload_ - 1, token + delimiter + 1);
    std::copy_n(token, payload_, target + delimiter);
  }
  return made;
}

Index CopyTask::oracle(const Batch& batch) const {
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

}  // namespace gnomon
