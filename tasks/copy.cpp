#include "tasks/copy.hpp"

#include <algorithm>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kCopy{
    "copy", "repeat a payload after a gap and a delimiter; length = distance to the symbol to copy",
    [] { return std::make_unique<CopyTask>(); }};

}  // namespace

void CopyTask::declare(Fields& f) {
  f.integer("payload", payload_, 0, 65536,
            "how many symbols to copy; 0: as many as the distance allows, without a gap");
  f.integer("symbols", symbols_, 2, 65536, "how many different symbols there are");
  f.integer("gap-symbols", gap_symbols_, 0, 65536,
            "how many different fillers the gap is drawn from; 1: a blank gap; 0: the symbols");
  f.integer("nearest", nearest_, 0, size_t{1} << 30,
            "shortest distance to train on; 0: the shortest there is");
}

std::string CopyTask::spell(int32_t token) const {
  const auto S = static_cast<int32_t>(symbols_), G = static_cast<int32_t>(gap_symbols_);
  if (token == S + G) return "|";
  if (token < S) return Task::spell(token);
  return G == 1 ? "_" : fmt::format("_{}", token - S);
}

Batch CopyTask::train_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t nearest = std::clamp(nearest_, shortest_length(), length);
  const size_t distance = draw_length(random, nearest, length);
  return test_batch(batch, distance, random);
}

Batch CopyTask::test_batch(size_t batch, size_t length, Random random) const {
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
