#include "tools/training/evaluation.hpp"

#include <algorithm>
#include <numbers>

#include "nn/pointer/selection.hpp"
#include "tools/training/generation.hpp"

namespace gnomon {
namespace {

constexpr size_t kTokensPerBatch = 16384;  // about the memory of a training step
constexpr size_t kBatches = 20;            // of each length, where they are drawn
constexpr size_t kReadAtOnce = 1024;       // tokens of a text that is read with a state

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

/// The test text, or the sentence that there is none.
std::vector<int32_t> text_of(const Task& task) {
  auto text = task.test_text();
  if (text.empty())
    fail_option("stride", "expected a task that reads one long text, as `text` does");
  return text;
}

size_t sequences_in_batch(size_t N, const EvaluationPlan& plan) {
  return plan.batch ? plan.batch : std::max<size_t>(1, kTokensPerBatch / N);
}

/// A window of N tokens, of which those from `first` on are scored.
struct Window {
  size_t begin, first;
};

std::vector<Window> windows(size_t tokens, size_t N, size_t stride) {
  if (stride > N) fail_option("stride", "expected at most the length {}, got {}", N, stride);
  std::vector<Window> all{{0, 0}};
  for (size_t scored = N; scored < tokens; scored = all.back().begin + N) {
    const size_t begin = std::min(all.back().begin + stride, tokens - N);
    all.push_back({begin, scored - begin});
  }
  return all;
}

/// The sums behind an evaluation.
class Tally {
 public:
  Tally(Evaluation& found, const Task& task) : found_(found), task_(task) {}
  void add(const Batch& batch, const SequenceModel::Scored& scored) {
    const auto count = static_cast<double>(scored.positions.size());
    found_.tokens += scored.positions.size();
    found_.sequences += batch.tokens.shape()[0];
    loss_ += double{scored.loss.value().item()} * count;
    right_ += static_cast<double>(count_right(scored, batch));
    exact_ += static_cast<double>(count_exact(scored, batch));
    found_.loss = loss_ / static_cast<double>(found_.tokens);
    found_.token_accuracy = right_ / static_cast<double>(found_.tokens);
    found_.exact_match = exact_ / static_cast<double>(found_.sequences);
    if (!task_.in_bits_per_byte()) return;
    for (const int32_t target : batch.targets)
      if (target >= 0) found_.bytes += task_.write(target).size();
  }

 private:
  Evaluation& found_;
  const Task& task_;
  double loss_ = 0, right_ = 0, exact_ = 0;
};

Context context_of(const EvaluationPlan& plan) {
  Context context;
  context.selection = selection_of(plan.selection);
  context.temperature = plan.temperature;
  if (plan.iterations > 0) context.iterations = plan.iterations;
  return context;
}

using Report = std::function<void(const Evaluation&)>;

/// Long sequences piece by piece, with a state: memory for what it remembers of each token, not for
/// all that is computed of it. `state_numbers`: of one sequence, if it is 0 and asked for.
SequenceModel::Scored score_in_pieces(const SequenceModel& model, const Batch& batch,
                                      const EvaluationPlan& plan, const Random& noise,
                                      size_t& state_numbers) {
  const auto [B, N] = dims<2>(batch.tokens, "evaluation: tokens [B,N]");
  const auto state =
      model.state(B, plan.iterations ? std::optional(plan.iterations) : std::nullopt);
  std::vector<int32_t> positions, predicted;
  double loss = 0;
  for (size_t first = 0; first < N; first += plan.at_once) {
    const size_t P = std::min(plan.at_once, N - first);
    Batch part{Index({B, P}), Index({B, P})};
    for (size_t b = 0; b < B; ++b) {
      std::copy_n(batch.tokens.row(b) + first, P, part.tokens.row(b));
      std::copy_n(batch.targets.row(b) + first, P, part.targets.row(b));
    }
    Context context = context_of(plan);
    context.noise = noise.split(first);
    context.tokens = part.tokens;
    if (std::ranges::all_of(part.targets, [](int32_t target) { return target < 0; })) {
      model.encode(context, state.get());
      continue;
    }
    const auto scored = model.score(part, context, state.get());
    for (size_t m = 0; m < scored.positions.size(); ++m) {
      const auto at = static_cast<size_t>(scored.positions.data()[m]);
      positions.push_back(static_cast<int32_t>(at / P * N + first + at % P));
      predicted.push_back(scored.predicted.data()[m]);
    }
    loss += double{scored.loss.value().item()} * static_cast<double>(scored.positions.size());
  }
  if (plan.state && state_numbers == 0) {
    state->select({0});
    state_numbers = gnomon::state_numbers(*state);
  }
  const size_t M = positions.size();
  expect(M > 0, "evaluation: targets [B,N]: expected at least one scored position, got none");
  return {Var(Array({1}, static_cast<real>(loss / static_cast<double>(M)))),
          Index({M}, positions),
          Index({M}, predicted),
          {}};
}

/// Batches that are drawn, or listed.
void read_batches(const SequenceModel& model, const Task& task, const EvaluationPlan& plan,
                  Evaluation& found, const Report& report) {
  const Random random =
      Random(plan.seed).split(plan.validation ? "validation" : "test").split(found.length);
  const Index one = (plan.validation ? task.validation_batch(1, found.length, random)
                                     : task.test_batch(1, found.length, random))
                        .tokens;
  const size_t sequences = sequences_in_batch(one.shape()[1], plan);
  const bool listed = !plan.validation && !task.listed_lengths().empty();
  const size_t batches = batches_at(task, found.length, plan);
  const bool in_pieces = one.shape()[1] > plan.at_once && !plan.recall;
  if (plan.state && !in_pieces)
    found.state_numbers = state_numbers_after(
        model, one, plan.iterations ? std::optional(plan.iterations) : std::nullopt);
  Tally tally(found, task);
  for (size_t i = 0; i < batches; ++i) {
    const size_t B = listed
                         ? std::min(sequences, *task.test_sequences(found.length) - i * sequences)
                         : sequences;
    Batch batch = listed            ? task.listed_tests(i * sequences, B, found.length)
                  : plan.validation ? task.validation_batch(B, found.length, random.split(i))
                                    : task.test_batch(B, found.length, random.split(i));
    if (plan.last_half) score_last_half(batch);
    if (in_pieces) {
      tally.add(batch, score_in_pieces(model, batch, plan, random.split("noise").split(i),
                                       found.state_numbers));
      report(found);
      continue;
    }
    Context context = context_of(plan);
    context.noise = random.split("noise").split(i);
    context.tokens = batch.tokens;
    if (plan.recall) found.recall.watch(context, batch.targets);
    tally.add(batch, model.score(batch, context));
    report(found);
  }
}

/// A window that slides over the text.
void read_windows(const SequenceModel& model, const Task& task, const EvaluationPlan& plan,
                  Evaluation& found, const Report& report) {
  const auto text = text_of(task);
  const size_t N = found.length;
  const auto all = windows(text.size() - 1, N, *plan.stride);
  Tally tally(found, task);
  for (size_t w = 0; w < all.size();) {
    const size_t B = std::min(sequences_in_batch(N, plan), all.size() - w);
    Batch batch{Index({B, N}), Index({B, N}, -1)};
    for (size_t b = 0; b < B; ++b, ++w) {
      const auto begin = text.begin() + static_cast<std::ptrdiff_t>(all[w].begin);
      std::copy_n(begin, N, batch.tokens.row(b));
      for (size_t n = all[w].first; n < N; ++n)
        batch.targets.row(b)[n] = text[all[w].begin + n + 1];
    }
    Context context = context_of(plan);
    context.noise = Random(plan.seed).split("noise").split(w);
    if (plan.recall) found.recall.watch(context, batch.targets);
    tally.add(batch, model.score(batch, context));
    report(found);
  }
}

/// The whole text once, in pieces, with a state.
void read_once(const SequenceModel& model, const Task& task, const EvaluationPlan& plan,
               Evaluation& found, const Report& report) {
  const auto text = text_of(task);
  found.length = text.size() - 1;
  const auto state =
      model.state(1, plan.iterations ? std::optional(plan.iterations) : std::nullopt);
  Tally tally(found, task);
  for (size_t first = 0; first < found.length; first += kReadAtOnce) {
    const size_t N = std::min(kReadAtOnce, found.length - first);
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(first);
    Batch batch{Index({1, N}), Index({1, N})};
    std::copy_n(begin, N, batch.tokens.data());
    std::copy_n(begin + 1, N, batch.targets.data());
    Context context = context_of(plan);
    context.noise = Random(plan.seed).split("noise").split(first);
    tally.add(batch, model.score(batch, context, state.get()));
    report(found);
  }
  if (plan.state) found.state_numbers = state_numbers(*state);
}

}  // namespace

double Evaluation::bits_per_byte() const {
  return loss / std::numbers::ln2 * (static_cast<double>(tokens) / static_cast<double>(bytes));
}

std::vector<size_t> parse_lengths(const std::string& text, const Task& task) {
  const std::vector<size_t> listed = task.listed_lengths();
  std::vector<size_t> lengths;
  for (const std::string& part : split(text, ',')) {
    lengths.push_back(parse_integer(part, 1, size_t{1} << 30, "lengths"));
    if (!listed.empty() && std::ranges::find(listed, lengths.back()) == listed.end())
      fail_option("lengths", "expected lengths of test sequences, which are {}, got {}",
                  fmt::join(listed, ", "), lengths.back());
    if (listed.empty()) task.check_length(lengths.back());
  }
  if (lengths.empty()) lengths = listed;
  if (lengths.empty()) fail(Fault::option, "--lengths is missing: expected numbers such as 64,512");
  return lengths;
}

size_t batches_at(const Task& task, size_t length, const EvaluationPlan& plan) {
  const auto parts = [](size_t of, size_t size) { return (of + size - 1) / size; };
  if (!plan.stride) {
    const auto listed = task.listed_lengths();
    if (plan.validation || std::ranges::find(listed, length) == listed.end())
      return plan.batches ? plan.batches : kBatches;
    const size_t all = parts(*task.test_sequences(length), sequences_in_batch(length, plan));
    if (plan.batches > all)
      fail_option("batches",
                  "expected at most {}, in which all {} test sequences of length {} are, got {}",
                  all, *task.test_sequences(length), length, plan.batches);
    return plan.batches ? plan.batches : all;
  }
  const size_t tokens = text_of(task).size() - 1;
  if (*plan.stride == 0) return parts(tokens, kReadAtOnce);
  return parts(windows(tokens, length, *plan.stride).size(), sequences_in_batch(length, plan));
}

Evaluation evaluate_at(const SequenceModel& model, const Task& task, size_t length,
                       const EvaluationPlan& plan, const Report& report) {
  if (plan.last_half && !task.in_bits_per_byte())
    fail_option("last-half", "expected a task that scores every token, as `text` does");
  Evaluation found{.length = length, .chance = task.chance(length)};
  const auto read = !plan.stride ? read_batches : *plan.stride ? read_windows : read_once;
  read(model, task, plan, found, report);
  return found;
}

}  // namespace gnomon
