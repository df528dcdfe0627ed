#include "tools/training/generation.hpp"

#include <algorithm>

#include "core/ops/slice.hpp"
#include "core/parallel.hpp"

namespace gnomon {
namespace {

constexpr size_t kPromptPiece = 1024;  // tokens of a prompt that are read at once
constexpr size_t kRoom = 4096;         // tokens for which a state makes room at once
constexpr size_t kSideBySide = 16;     // samples that are one batch: a thread writes it alone

/// A few samples side by side. Those that have ended are written on with the others, unseen, so
/// that a sample's numbers do not depend on when its neighbours end.
struct Group {
  Group(size_t its_first, std::unique_ptr<State> its_state)
      : first(its_first), state(std::move(its_state)) {}
  /// The next token of each; one row of logits serves all.
  void draw(const Array& logits) {
    next.resize(samplers.size());
    for (size_t s = 0; s < samplers.size(); ++s)
      next[s] = samplers[s].draw(logits.row(logits.shape()[0] == 1 ? 0 : s), logits.shape().last());
  }
  void write(const std::function<bool(size_t sample, int32_t token)>& out) {
    for (size_t s = 0; s < next.size(); ++s)
      if (open[s]) open[s] = out(first + s, next[s]);
  }
  bool ended() const { return std::ranges::find(open, true) == open.end(); }

  size_t first;
  std::unique_ptr<State> state;
  std::vector<Sampler> samplers;
  std::vector<int32_t> next;
  std::vector<bool> open;
};

/// The logits [B,V] after the last of the tokens [B,N].
Array logits_after(const SequenceModel& model, const Index& tokens, const GenerationPlan& plan,
                   State& state) {
  return model.logits(read_in_pieces(model, tokens, state, plan.iterations))
      .value()
      .reshaped({tokens.shape()[0], model.vocabulary()});
}

}  // namespace

Var read_in_pieces(const SequenceModel& model, const Index& tokens, State& state,
                   std::optional<size_t> iterations) {
  const auto [B, N] = dims<2>(tokens, "generate: tokens [B,N]");
  Var features;
  for (size_t first = 0; first < N; first += kPromptPiece) {
    const size_t count = std::min(N - first, kPromptPiece);
    Context context;
    context.iterations = iterations;
    context.tokens = Index({B, count});
    for (size_t b = 0; b < B; ++b) std::copy_n(tokens.row(b) + first, count, context.tokens.row(b));
    features = model.encode(context, &state).features;
  }
  const size_t last = features.shape()[1];
  return last == 1 ? features : slice(features, 1, last - 1, last);
}

size_t state_numbers_after(const SequenceModel& model, const Index& tokens,
                           std::optional<size_t> iterations) {
  const auto state = model.state(1, iterations);
  read_in_pieces(model, tokens, *state, iterations);
  return state_numbers(*state);
}

void generate(const SequenceModel& model, const std::vector<int32_t>& prompt,
              const GenerationPlan& plan,
              const std::function<bool(size_t sample, int32_t token)>& write) {
  expect(!prompt.empty() && plan.samples > 0,
         "generate: expected a prompt and a sample at least, got {} tokens and {} samples",
         prompt.size(), plan.samples);
  const auto state = model.state(1, plan.iterations);
  const Array after_prompt = logits_after(model, Index({1, prompt.size()}, prompt), plan, *state);
  const Random all = Random(plan.seed).split("generate");
  std::vector<Group> groups;
  for (size_t first = 0; first < plan.samples; first += kSideBySide) {
    Group& group = groups.emplace_back(first, state->copy());
    for (size_t s = first; s < std::min(first + kSideBySide, plan.samples); ++s)
      group.samplers.emplace_back(plan.sampler, s == 0 ? all : all.split(s), prompt);
    group.open.assign(group.samplers.size(), true);
    group.state->select(std::vector<size_t>(group.samplers.size(), 0));
    group.state->make_room(prompt.size() + std::min(plan.tokens, kRoom) - 1);
    group.draw(after_prompt);
  }
  for (size_t n = 1;; ++n) {
    for (Group& group : groups) group.write(write);
    std::erase_if(groups, [](const Group& group) { return group.ended(); });
    if (n == plan.tokens || groups.empty()) return;
    parallel_for(groups.size(), 1, [&](size_t g, size_t) {
      const Index latest({groups[g].next.size(), 1}, groups[g].next);
      groups[g].draw(logits_after(model, latest, plan, *groups[g].state));
    });
  }
}

}  // namespace gnomon
