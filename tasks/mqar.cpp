// Multi-query associative recall: pairs of key and value, then the keys again, each to be answered
// by its value. (Zoology, arXiv 2312.04927, appendix; `multiquery_ar` of its repository.)
//
// Tokens: the filler 0, the keys 1 .. V/2-1, the values V/2 .. V-1   (V `vocabulary`). A sequence
// of N = `length` tokens begins with P pairs, key value key value ..., P keys and P values drawn
// without replacement. Each key is asked for once, at one of the (N - 2P) / 2 even places that
// follow: place g = 1, 2, ... is chosen with a probability proportional to g^(a-1) (a `power`; .01:
// mostly soon, sometimes late; 1: uniform), and none twice. The rest is filler or, with
// `random-non-queries`, random tokens of the whole vocabulary. The target stands at the query
// itself; the answers are not shown to the model.
//
// With `key-tokens` 2 a key is two tokens, each drawn from the keys; no two keys of a sequence are
// the same, but their tokens may be. A pair then takes three tokens, the context 3 P, a query both
// tokens of its place, and the target stands at the second.
//
// P is `pairs` in training and `test-pairs` at test, but never more than fit, which is N/4, or N/5
// with keys of two tokens: with `test-pairs` 256, lengths 512 and 1,024 are tested with 128 and 256
// pairs, the suite of "Based" (arXiv 2402.18668).
//
// Example: pairs 3, vocabulary 16, length 16, test_batch of Random(1):
//
//   token    7 14  6 10  4  9  7  0  6  0  0  0  0  0  4  0
//   target   .  .  .  .  .  . 14  . 10  .  .  .  .  .  9  .
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

std::vector<int32_t> numbers(size_t first, size_t end) {
  std::vector<int32_t> all(end - first);
  std::iota(all.begin(), all.end(), static_cast<int32_t>(first));
  return all;
}

// Brings `count` numbers, drawn without replacement, to the front (Fisher and Yates).
void draw_to_front(std::vector<int32_t>& all, size_t count, Random& random) {
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[draw_length(random, i, all.size() - 1)]);
}

/// `count` different numbers below `end`, in the order in which they were drawn.
std::vector<size_t> distinct(size_t count, size_t end, Random& random) {
  std::vector<size_t> all;
  for (std::set<size_t> seen; all.size() < count;)
    if (const size_t number = draw_length(random, 0, end - 1); seen.insert(number).second)
      all.push_back(number);
  return all;
}

class MqarTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("pairs", pairs_, 1, 65536,
              "pairs of key and value, at most length / 4 (/ 5: keys of two tokens)");
    f.integer("fewest-pairs", fewest_pairs_, 0, 65536,
              "training batches have this many to `pairs` pairs; 0: always `pairs`");
    f.integer("test-pairs", test_pairs_, 0, 65536,
              "pairs at test, at most length / 4; 0: the same as in training");
    f.integer("vocabulary", vocabulary_, 4, 1 << 20, "keys, values and the filler");
    f.integer("key-tokens", key_tokens_, 1, 2, "tokens of a key");
    f.number("power", power_, 0.001, 1, "law of the gaps before the queries; 1: uniform");
    f.flag("random-non-queries", random_non_queries_, "random tokens instead of the filler");
  }
  /// Throws Error(Fault::option) when the vocabulary has fewer keys, or values, than there are
  /// pairs, or `fewest-pairs` is more than `pairs`.
  void prepare() override {
    const size_t most = std::max(pairs_, test_pairs_);
    size_t tokens = most;  // that make as many keys
    if (key_tokens_ == 2) tokens = static_cast<size_t>(std::ceil(std::sqrt(most)));
    if (const size_t least = 2 * std::max(tokens + 1, most); vocabulary_ < least)
      fail_option("vocabulary", "{} pairs need one of at least {}, got {}", most, least,
                  vocabulary_);
    if (fewest_pairs_ > pairs_)
      fail_option("fewest-pairs", "expected at most the {} of --pairs, got {}", pairs_,
                  fewest_pairs_);
  }
  size_t vocabulary() const override { return vocabulary_; }
  std::string spell(int32_t token) const override {
    if (token == 0) return "_";
    const auto keys = static_cast<int32_t>(vocabulary_ / 2);
    return token < keys ? fmt::format("k{}", token) : fmt::format("v{}", token - keys);
  }
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// One pair and its query.
  size_t shortest_length() const override { return key_tokens_ + 3; }
  /// Exactly `length`; with `fewest-pairs`, one number of pairs for the batch, uniform in
  /// [fewest-pairs, pairs].
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    Random stream = random.split("train");
    const size_t pairs = fewest_pairs_ ? draw_length(stream, fewest_pairs_, pairs_) : pairs_;
    return make(batch, length, pairs, stream);
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    return make(batch, length, test_pairs_ ? test_pairs_ : pairs_, random);
  }
  /// A key occurs first in its pair: the answer is what follows the first occurrence.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "mqar: tokens [B,N]");
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      const int32_t* token = batch.tokens.row(b);
      std::map<std::pair<int32_t, int32_t>, int32_t> next;  // what follows the first occurrence
      for (size_t n = key_tokens_ - 1; n < N; ++n) {
        const std::pair key(key_tokens_ == 1 ? 0 : token[n - 1], token[n]);
        if (n + 1 < N) next.try_emplace(key, token[n + 1]);
        const auto found = next.find(key);
        if (found != next.end()) answers.row(b)[n] = found->second;
      }
    }
    return answers;
  }
  /// Values are drawn uniformly: 1 / (V - V/2).
  double chance(size_t) const override {
    return 1.0 / static_cast<double>(vocabulary_ - vocabulary_ / 2);
  }

 private:
  Batch make(size_t batch, size_t length, size_t pairs, Random random) const {
    check_length(length);
    const size_t T = key_tokens_;
    pairs = std::min(pairs, length / (T + 3));
    const size_t context = (T + 1) * pairs, places = (length - context) / 2;
    const size_t tokens = vocabulary_ / 2 - 1;
    std::vector<int32_t> keys = numbers(1, tokens + 1),
                         values = numbers(vocabulary_ / 2, vocabulary_);
    std::vector<double> weight(places);
    for (size_t g = 0; g < places; ++g) weight[g] = std::pow(g + 1, power_ - 1);

    Batch made{Index({batch, length}, 0), Index({batch, length}, -1)};
    std::vector<std::pair<double, size_t>> arrivals(places);  // when, and of which place
    for (size_t b = 0; b < batch; ++b) {
      int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
      if (T == 1) draw_to_front(keys, pairs, random);
      const std::vector<size_t> twos =
          T == 2 ? distinct(pairs, tokens * tokens, random) : std::vector<size_t>();
      draw_to_front(values, pairs, random);
      // Let every place arrive at an exponentially distributed time, at a rate of its weight. The
      // order of arrival is that of drawing by weight without replacement.
      for (size_t g = 0; g < places; ++g)
        arrivals[g] = {-std::log1p(-random.uniform()) / weight[g], g};
      const auto last = arrivals.begin() + static_cast<std::ptrdiff_t>(pairs);
      std::nth_element(arrivals.begin(), last - 1, arrivals.end());
      std::sort(arrivals.begin(), last);
      for (size_t i = 0; i < pairs; ++i) {
        int32_t *pair = token + (T + 1) * i, *query = token + context + 2 * arrivals[i].second;
        for (int32_t* key : {pair, query})
          if (T == 1) {
            key[0] = keys[i];
          } else {
            key[0] = 1 + static_cast<int32_t>(twos[i] / tokens);
            key[1] = 1 + static_cast<int32_t>(twos[i] % tokens);
          }
        pair[T] = values[i];
        target[query - token + T - 1] = values[i];
      }
      if (random_non_queries_)
        for (size_t n = context; n < length; ++n)
          if (token[n] == 0) token[n] = draw(random, 0, vocabulary_);
    }
    return made;
  }

  size_t pairs_ = 4, fewest_pairs_ = 0, test_pairs_ = 0, vocabulary_ = 8192, key_tokens_ = 1;
  double power_ = 0.01;
  bool random_non_queries_ = false;
};

const Registration<Task> kMqar{
    "mqar", "pairs of key and value, then the keys: recall their values; length = tokens",
    [] { return std::make_unique<MqarTask>(); }};

}  // namespace
}  // namespace gnomon
