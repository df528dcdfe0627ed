#include "tasks/selective_copy.hpp"

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kSelectiveCopy{
    "selective-copy", "repeat the symbols scattered in noise; length = tokens of noise",
    [] { return std::make_unique<SelectiveCopyTask>(); }};

}  // namespace

void SelectiveCopyTask::declare(Fields& f) {
  f.integer("payload", payload_, 1, 65536, "how many symbols to copy");
  f.integer("symbols", symbols_, 2, 65536, "how many different symbols there are");
  f.integer("noise-symbols", noise_symbols_, 1, 65536, "how many different noise tokens there are");
}

std::string SelectiveCopyTask::spell(int32_t token) const {
  const auto Z = static_cast<int32_t>(noise_symbols_), S = static_cast<int32_t>(symbols_);
  if (token == Z + S) return "?";
  if (token >= Z) return Task::spell(token - Z);
  return Z == 1 ? "_" : fmt::format("_{}", token);
}

Batch SelectiveCopyTask::train_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t drawn = draw_length(random, shortest_length(), length);
  return test_batch(batch, drawn, random);
}

Batch SelectiveCopyTask::test_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t markers = length + payload_, N = markers + payload_;  // where they begin, and end
  const auto marker = static_cast<int32_t>(noise_symbols_ + symbols_);
  Batch made{Index({batch, N}, marker), Index({batch, N}, -1)};
  for (size_t b = 0; b < batch; ++b) {
    int32_t *token = made.tokens.row(b), *target = made.targets.row(b) + markers;
    size_t left = payload_;  // symbols still to be placed
    for (size_t n = 0; n < markers; ++n) {
      // Each place takes a symbol with probability (symbols left) / (places left): then all sets
      // of places are equally likely (Knuth, volume 2, 3.4.2, algorithm S).
      if (random.below(static_cast<uint32_t>(markers - n)) < left) {
        token[n] = *target++ = draw(random, noise_symbols_, symbols_);
        --left;
      } else {
        token[n] = noise_symbols_ == 1 ? 0 : draw(random, 0, noise_symbols_);
      }
    }
  }
  return made;
}

Index SelectiveCopyTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "selective-copy: tokens [B,N]");
  const auto first = static_cast<int32_t>(noise_symbols_);
  const auto marker = static_cast<int32_t>(noise_symbols_ + symbols_);
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    std::vector<int32_t> seen;
    size_t answered = 0;
    for (size_t n = 0; n < N; ++n) {
      const int32_t token = batch.tokens(b, n);
      if (token == marker) answers(b, n) = seen.at(answered++);
      if (token >= first && token < marker) seen.push_back(token);
    }
  }
  return answers;
}

}  // namespace gnomon
