#include "tools/training/generation.hpp"

#include <algorithm>
#include <cmath>

#include "core/argmax.hpp"
#include "core/ops/slice.hpp"

namespace gnomon {
namespace {

constexpr size_t kPromptPiece = 1024;  // tokens of a prompt that are read at once

/// One of the V logits: the largest at temperature 0, else one drawn.
int32_t drawn(const real* logits, size_t V, int32_t best, double temperature, Random& random) {
  if (temperature == 0) return best;
  std::vector<double> up_to(V);
  double sum = 0;
  for (size_t v = 0; v < V; ++v)
    up_to[v] = sum += std::exp((double{logits[v]} - double{logits[best]}) / temperature);
  const auto at = std::upper_bound(up_to.begin(), up_to.end(), random.uniform() * sum);
  return static_cast<int32_t>(
      std::min<std::ptrdiff_t>(at - up_to.begin(), static_cast<std::ptrdiff_t>(V) - 1));
}

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
              const std::function<void(const std::vector<int32_t>& next)>& write) {
  expect(!prompt.empty() && plan.samples > 0,
         "generate: expected a prompt and a sample at least, got {} tokens and {} samples",
         prompt.size(), plan.samples);
  const auto state = model.state(1, plan.iterations);
  Array logits = logits_after(model, Index({1, prompt.size()}, prompt), plan, *state);
  state->select(std::vector<size_t>(plan.samples, 0));
  const Random all = Random(plan.seed).split("generate");
  std::vector<Random> randoms{all};  // the first sample is the one that is written alone
  for (size_t s = 1; s < plan.samples; ++s) randoms.push_back(all.split(s));
  std::vector<int32_t> next(plan.samples);
  for (size_t n = 0; n < plan.tokens; ++n) {
    const Index best = argmax(logits);
    for (size_t s = 0; s < plan.samples; ++s) {
      const size_t row = logits.shape()[0] == 1 ? 0 : s;  // the prompt's logits serve all
      next[s] = drawn(logits.row(row), model.vocabulary(), best.data()[row], plan.temperature,
                      randoms[s]);
    }
    write(next);
    if (n + 1 < plan.tokens)
      logits = logits_after(model, Index({plan.samples, 1}, next), plan, *state);
  }
}

}  // namespace gnomon
