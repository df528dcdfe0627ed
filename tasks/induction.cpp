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
#include <algorithm>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

class InductionTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("symbols", symbols_, 2, 65536, "how many ordinary symbols there are");
  }
  size_t vocabulary() const override { return symbols_ + 1; }
  std::string spell(int32_t token) const override {
    return static_cast<size_t>(token) == symbols_ ? "trigger" : Task::spell(token);
  }
  std::string length_meaning() const override { return "sequence, in tokens"; }
  size_t shortest_length() const override { return 3; }
  /// Exactly `length`, as in the paper.
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    return test_batch(batch, length, random.split("train"));
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
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
  /// Finds the first trigger of each sequence.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "induction: tokens [B,N]");
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      const int32_t* token = batch.tokens.row(b);
      const int32_t* end = token + N;
      const int32_t* trigger = std::find(token, end, static_cast<int32_t>(symbols_));
      if (end - trigger > 1) answers.row(b)[N - 1] = trigger[1];
    }
    return answers;
  }
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t symbols_ = 16;
};

const Registration<Task> kInduction{
    "induction", "what followed the trigger when it first occurred; length = tokens",
    [] { return std::make_unique<InductionTask>(); }};

}  // namespace
}  // namespace gnomon
