#include "tools/training/evaluation.hpp"

#include "nn/pointer/selection.hpp"
#include "tools/training/generation.hpp"

namespace gnomon {
namespace {

constexpr size_t kTokensPerBatch = 16384;  // about the memory of a training step

/// Sequences whose scored tokens were all predicted right.
size_t count_exact(const SequenceModel::Scored& scored, const Batch& batch) {
  const size_t N = batch.tokens.shape()[1];
  std::vector<bool> seen(batch.tokens.shape()[0]), wrong(seen.size());
  for (size_t m = 0; m < scored.positions.size(); ++m) {
    const auto at = static_cast<size_t>(scored.positions.data()[m]);
    seen[at / N] = true;
    if (scored.predicted.data()[m] != batch.targets.data()[at]) wrong[at / N] = true;
  }
  size_t exact = 0;
  for (size_t b = 0; b < seen.size(); ++b) exact += seen[b] && !wrong[b];
  return exact;
}

void score_last_half(Batch& batch) {
  const auto [B, N] = dims<2>(batch.targets, "evaluation: targets [B,N]");
  for (size_t b = 0; b < B; ++b) std::fill_n(batch.targets.row(b), N / 2, -1);
}

}  // namespace

std::vector<size_t> parse_lengths(const std::string& text, const Task& task) {
  std::vector<size_t> lengths;
  for (const std::string& part : split(text, ',')) {
    lengths.push_back(parse_integer(part, 1, size_t{1} << 30, "lengths"));
    task.check_length(lengths.back());
  }
  if (lengths.empty()) fail(Fault::option, "--lengths is missing: expected numbers such as 64,512");
  return lengths;
}

Evaluation evaluate_at(const SequenceModel& model, const Task& task, size_t length,
                       const EvaluationPlan& plan,
                       const std::function<void(const Evaluation&)>& report) {
  const Random random = Random(plan.seed).split("test").split(length);
  const size_t N = task.test_batch(1, length, random).tokens.shape()[1];
  const size_t B = plan.batch ? plan.batch : std::max<size_t>(1, kTokensPerBatch / N);
  if (plan.last_half && !task.in_bits_per_byte())
    fail_option("last-half", "expected a task that scores every token, as `text` does");
  Evaluation found{.length = length, .chance = task.chance(length)};
  if (plan.state)
    found.state_numbers =
        state_numbers_after(model, task.test_batch(1, length, random).tokens,
                            plan.iterations ? std::optional(plan.iterations) : std::nullopt);
  double loss = 0, right = 0, exact = 0;
  for (size_t i = 0; i < plan.batches; ++i) {
    Batch batch = task.test_batch(B, length, random.split(i));
    if (plan.last_half) score_last_half(batch);
    Context context;
    context.selection = selection_of(plan.selection);
    context.temperature = plan.temperature;
    if (plan.iterations > 0) context.iterations = plan.iterations;
    context.noise = random.split("noise").split(i);
    context.tokens = batch.tokens;
    if (plan.recall) found.recall.watch(context, batch.targets);
    const auto scored = model.score(batch, context);
    const auto count = static_cast<double>(scored.positions.size());
    found.tokens += scored.positions.size();
    found.sequences += B;
    loss += double{scored.loss.value().item()} * count;
    right += static_cast<double>(count_right(scored, batch));
    exact += static_cast<double>(count_exact(scored, batch));
    found.loss = loss / static_cast<double>(found.tokens);
    found.token_accuracy = right / static_cast<double>(found.tokens);
    found.exact_match = exact / static_cast<double>(found.sequences);
    report(found);
  }
  return found;
}

}  // namespace gnomon
