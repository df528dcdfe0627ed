#include "tasks/khop.hpp"

#include <algorithm>
#include <numeric>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kKhop{
    "khop", "the character k induction hops away, at every character; length = tokens",
    [] { return std::make_unique<KhopTask>(); }};

}  // namespace

void KhopTask::declare(Fields& f) {
  f.integer("hops", hops_, 1, 1024, "most hops; training draws from 0 to this many");
  f.integer("test-hops", test_hops_, 0, 1024, "hops at test; 0: as many as `hops`");
  f.integer("symbols", symbols_, 3, 65536, "how many different characters there are");
}

std::string KhopTask::spell(int32_t token) const {
  const auto undefined = static_cast<int32_t>(symbols_);
  if (token == undefined) return "undefined";
  return token < undefined ? Task::spell(token) : fmt::format("k={}", token - undefined - 1);
}

void KhopTask::prepare() {
  if (test_hops_ > hops_)
    fail_option("test-hops", "expected at most the {} of --hops, got {}", hops_, test_hops_);
}

Batch KhopTask::train_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  Batch made{Index({batch, length}), Index({batch, length}, -1)};
  for (size_t b = 0; b < batch; ++b) {
    const size_t hops = draw_length(random, 0, hops_);
    make_sequence(hops, length, made.tokens.row(b), made.targets.row(b), random);
  }
  return made;
}

Batch KhopTask::test_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  Batch made{Index({batch, length}), Index({batch, length}, -1)};
  for (size_t b = 0; b < batch; ++b)
    make_sequence(test_hops(), length, made.tokens.row(b), made.targets.row(b), random);
  return made;
}

void KhopTask::make_sequence(size_t hops, size_t length, int32_t* token, int32_t* target,
                             Random& random) const {
  const auto S = static_cast<int32_t>(symbols_);
  token[0] = S + 1 + static_cast<int32_t>(hops);
  token[1] = draw(random, 0, symbols_);
  for (size_t n = 2; n < length; ++n) token[n] = (token[n - 1] + draw(random, 1, symbols_ - 1)) % S;

  // Where one hop leads from every place. Place 0 stands for "nowhere": the first token says k, so
  // no hop ends there, and from there it leads to itself.
  std::vector<size_t> hop(length, 0), latest(symbols_, 0);
  for (size_t n = 1; n < length; ++n) {
    size_t& same = latest[static_cast<size_t>(token[n])];
    if (same) hop[n] = same + 1;
    same = n;
  }
  for (size_t n = 1; n < length; ++n) {
    size_t at = n;
    for (size_t k = 0; k < hops; ++k) at = hop[at];
    target[n] = at ? token[at] : S;
  }
}

Index KhopTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "khop: tokens [B,N]");
  const auto S = static_cast<int32_t>(symbols_);
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    const int32_t* token = batch.tokens.row(b);
    for (size_t n = 1; n < N; ++n) {
      int32_t answer = token[n];
      size_t at = n;
      for (int32_t left = token[0] - S - 1; left > 0 && answer != S; --left) {
        do --at;
        while (at > 0 && token[at] != answer);
        answer = at > 0 ? token[++at] : S;
      }
      answers.row(b)[n] = answer;
    }
  }
  return answers;
}

double KhopTask::chance(size_t length) const {
  const double q = 1 / static_cast<double>(symbols_ - 1);
  std::vector<double> successes(test_hops(), 0);  // [c]: probability of exactly c < k so far
  successes[0] = 1;
  double undefined = 1;  // at the first character
  for (size_t i = 1; i + 1 < length; ++i) {
    const double too_few = std::accumulate(successes.begin(), successes.end(), 0.0);
    if (too_few < 1e-12) break;
    undefined += too_few;
    for (size_t c = successes.size(); c-- > 0;)
      successes[c] = successes[c] * (1 - q) + (c ? successes[c - 1] * q : 0);
  }
  const double share = undefined / static_cast<double>(length - 1);
  return std::max(share, (1 - share) / static_cast<double>(symbols_));
}

}  // namespace gnomon
