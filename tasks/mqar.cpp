#include "tasks/mqar.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kMqar{
    "mqar", "pairs of key and value, then the keys: recall their values; length = tokens",
    [] { return std::make_unique<MqarTask>(); }};

std::vector<int32_t> numbers(size_t first, size_t end) {
  std::vector<int32_t> all(end - first);
  std::iota(all.begin(), all.end(), static_cast<int32_t>(first));
  return all;
}

// Brings `count` numbers, drawn without replacement, to the front (Fisher and Yates).
void draw_to_front(std::vector<int32_t>& all, size_t count, Random& random) {
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[draw_length(random, i, all.size() - 1)]);
}

}  // namespace

void MqarTask::declare(Fields& f) {
  f.integer("pairs", pairs_, 1, 65536, "pairs of key and value, at most length / 4");
  f.integer("fewest-pairs", fewest_pairs_, 0, 65536,
            "training batches have this many to `pairs` pairs; 0: always `pairs`");
  f.integer("test-pairs", test_pairs_, 0, 65536,
            "pairs at test, at most length / 4; 0: the same as in training");
  f.integer("vocabulary", vocabulary_, 4, 1 << 20, "keys, values and the filler");
  f.number("power", power_, 0.001, 1, "law of the gaps before the queries; 1: uniform");
  f.flag("random-non-queries", random_non_queries_, "random tokens instead of the filler");
}

std::string MqarTask::spell(int32_t token) const {
  if (token == 0) return "_";
  const auto keys = static_cast<int32_t>(vocabulary_ / 2);
  return token < keys ? fmt::format("k{}", token) : fmt::format("v{}", token - keys);
}

void MqarTask::prepare() {
  const size_t keys = vocabulary_ / 2 - 1, most = std::max(pairs_, test_pairs_);
  if (keys < most)
    fail_option("vocabulary", "{} pairs need one of at least {}, got {}", most, 2 * (most + 1),
                vocabulary_);
  if (fewest_pairs_ > pairs_)
    fail_option("fewest-pairs", "expected at most the {} of --pairs, got {}", pairs_,
                fewest_pairs_);
}

Batch MqarTask::train_batch(size_t batch, size_t length, Random random) const {
  Random stream = random.split("train");
  const size_t pairs = fewest_pairs_ ? draw_length(stream, fewest_pairs_, pairs_) : pairs_;
  return make(batch, length, pairs, stream);
}

Batch MqarTask::test_batch(size_t batch, size_t length, Random random) const {
  return make(batch, length, test_pairs_ ? test_pairs_ : pairs_, random);
}

Batch MqarTask::make(size_t batch, size_t length, size_t pairs, Random random) const {
  check_length(length);
  pairs = std::min(pairs, length / 4);
  const size_t context = 2 * pairs, places = (length - context) / 2;
  std::vector<int32_t> keys = numbers(1, vocabulary_ / 2),
                       values = numbers(vocabulary_ / 2, vocabulary_);
  std::vector<double> weight(places);
  for (size_t g = 0; g < places; ++g) weight[g] = std::pow(g + 1, power_ - 1);

  Batch made{Index({batch, length}, 0), Index({batch, length}, -1)};
  std::vector<std::pair<double, size_t>> arrivals(places);  // when, and of which place
  for (size_t b = 0; b < batch; ++b) {
    int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
    draw_to_front(keys, pairs, random);
    draw_to_front(values, pairs, random);
    // Let every place arrive at an exponentially distributed time, at a rate of its weight. The
    // order of arrival is that of drawing by weight without replacement.
    for (size_t g = 0; g < places; ++g)
      arrivals[g] = {-std::log1p(-random.uniform()) / weight[g], g};
    const auto last = arrivals.begin() + static_cast<std::ptrdiff_t>(pairs);
    std::nth_element(arrivals.begin(), last - 1, arrivals.end());
    std::sort(arrivals.begin(), last);
    for (size_t i = 0; i < pairs; ++i) {
      token[2 * i] = keys[i];
      token[2 * i + 1] = values[i];
      const size_t query = context + 2 * arrivals[i].second;
      token[query] = keys[i];
      target[query] = values[i];
    }
    if (random_non_queries_)
      for (size_t n = context; n < length; ++n)
        if (token[n] == 0) token[n] = draw(random, 0, vocabulary_);
  }
  return made;
}

Index MqarTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "mqar: tokens [B,N]");
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    const int32_t* token = batch.tokens.row(b);
    std::vector<int32_t> next(vocabulary_, -1);  // what follows the first occurrence
    for (size_t n = 0; n < N; ++n) {
      int32_t& answer = next.at(static_cast<size_t>(token[n]));
      if (answer < 0 && n + 1 < N) answer = token[n + 1];
      answers.row(b)[n] = answer;
    }
  }
  return answers;
}

double MqarTask::chance(size_t) const {
  return 1.0 / static_cast<double>(vocabulary_ - vocabulary_ / 2);
}

}  // namespace gnomon
