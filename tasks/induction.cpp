#include "tasks/induction.hpp"

#include <algorithm>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kInduction{
    "induction", "what followed the trigger when it first occurred; length = tokens",
    [] { return std::make_unique<InductionTask>(); }};

}  // namespace

void InductionTask::declare(Fields& f) {
  f.integer("symbols", symbols_, 2, 65536, "how many ordinary symbols there are");
}

std::string InductionTask::spell(int32_t token) const {
  return static_cast<size_t>(token) == symbols_ ? "trigger" : Task::spell(token);
}

Batch InductionTask::train_batch(size_t batch, size_t length, Random random) const {
  return test_batch(batch, length, random.split("train"));
}

Batch InductionTask::test_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const auto trigger = static_cast<int32_t>(symbols_);
  Batch made{Index({batch, length}), Index({batch, length}, -1)};
  for (size_t b = 0; b < batch; ++b) {
    int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
    for (size_t n = 0; n + 1 < length; ++n) token[n] = draw(random, 0, symbols_);
    const size_t first = draw_length(random, 0, length - 3);
    token[first] = token[length - 1] = trigger;
    target[length - 1] = token[first + 1];
  }
  return made;
}

Index InductionTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "induction: tokens [B,N]");
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    const int32_t* token = batch.tokens.row(b);
    answers.row(b)[N - 1] = *(std::find(token, token + N, static_cast<int32_t>(symbols_)) + 1);
  }
  return answers;
}

}  // namespace gnomon
