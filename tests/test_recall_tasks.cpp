// What is special about the tasks that look something up.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tests/sentence.hpp"
#include "tests/tasks.hpp"

using namespace gnomon;

namespace {

// Is this how often something of probability p happens in so many draws?
bool plausible(size_t count, double p, size_t draws) {
  const double n = static_cast<double>(draws);
  return std::abs(static_cast<double>(count) - n * p) < 4 * std::sqrt(n * p * (1 - p)) + 1e-9;
}

}  // namespace

TEST_CASE("induction: two triggers, the first anywhere, the second last and alone scored") {
  const auto task = make_task("induction", {{"symbols", "5"}});
  CHECK(task->vocabulary() == 6);
  const size_t N = 9, draws = 4000;
  std::vector<size_t> first(N), symbols(6);
  const Batch batch = task->test_batch(draws, N, Random(1));
  CHECK(batch.tokens.shape() == Shape{draws, N});
  CHECK(task->train_batch(2, N, Random(1)).tokens.shape() == Shape{2, N});
  for (size_t b = 0; b < draws; ++b) {
    const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
    CHECK(std::count(token, token + N, 5) == 2);
    CHECK(token[N - 1] == 5);
    CHECK(std::count(target, target + N - 1, -1) == N - 1);
    const auto p = static_cast<size_t>(std::find(token, token + N, 5) - token);
    ++first.at(p);
    CHECK(target[N - 1] == token[p + 1]);
    for (size_t n = 0; n < N; ++n) ++symbols.at(static_cast<size_t>(token[n]));
  }
  for (size_t p = 0; p < N; ++p) CHECK(plausible(first[p], p < N - 2 ? 1.0 / (N - 2) : 0, draws));
  for (size_t s = 0; s < 5; ++s) CHECK(plausible(symbols[s], 0.2, draws * (N - 2)));
}

TEST_CASE("selective-copy: symbols in noise, then a marker for each, every set of places") {
  const auto task =
      make_task("selective-copy", {{"payload", "2"}, {"symbols", "4"}, {"noise-symbols", "3"}});
  CHECK(task->vocabulary() == 8);
  const size_t length = 3, places = 5, draws = 4000;
  const Batch batch = task->test_batch(draws, length, Random(1));
  CHECK(batch.tokens.shape() == Shape{draws, 7});
  std::vector<size_t> sets(1 << places), tokens(8);
  for (size_t b = 0; b < draws; ++b) {
    std::vector<int32_t> symbols;
    size_t set = 0;
    for (size_t n = 0; n < places; ++n) {
      const int32_t token = batch.tokens(b, n);
      ++tokens.at(static_cast<size_t>(token));
      if (token >= 3) set |= size_t{1} << n, symbols.push_back(token);
      CHECK(batch.targets(b, n) == -1);
    }
    REQUIRE(symbols.size() == 2);
    ++sets[set];
    for (size_t m = 0; m < 2; ++m) {
      CHECK(batch.tokens(b, places + m) == 7);
      CHECK(batch.targets(b, places + m) == symbols[m]);
    }
  }
  for (size_t set = 0; set < sets.size(); ++set)
    CHECK(plausible(sets[set], __builtin_popcountll(set) == 2 ? 0.1 : 0, draws));
  for (size_t v = 0; v < 3; ++v) CHECK(plausible(tokens[v], 1.0 / 3, draws * length));
  for (size_t v = 3; v < 7; ++v) CHECK(plausible(tokens[v], 1.0 / 4, draws * 2));
  CHECK(tokens[7] == 0);
}

TEST_CASE("selective-copy and passkey: training lengths are uniform from the shortest") {
  for (const std::string name : {"selective-copy", "passkey"}) {
    const auto task = make_task(name, {});
    const size_t shortest = task->shortest_length(), longest = shortest + 7, draws = 4000;
    const size_t least = task->test_batch(1, shortest, Random(1)).tokens.shape()[1];
    std::vector<size_t> counts(8);
    for (uint64_t seed = 0; seed < draws; ++seed)
      ++counts.at(task->train_batch(1, longest, Random(seed)).tokens.shape()[1] - least);
    for (const size_t count : counts) CHECK(plausible(count, 1.0 / 8, draws));
  }
}

TEST_CASE(
    "mqar: distinct keys and values, one query for each key at an even place, the rest blank") {
  const auto task = make_task("mqar", {{"pairs", "5"}, {"vocabulary", "17"}});
  CHECK(task->vocabulary() == 17);
  const size_t N = 30, context = 10;
  const Batch batch = task->train_batch(500, N, Random(1));
  std::set<int32_t> keys, values;  // ever seen
  for (size_t b = 0; b < 500; ++b) {
    const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
    std::map<int32_t, int32_t> pairs;
    std::set<int32_t> answers;
    for (size_t n = 0; n < context; n += 2) {
      CHECK((token[n] >= 1 && token[n] < 8));
      CHECK((token[n + 1] >= 8 && token[n + 1] < 17));
      pairs[token[n]] = token[n + 1];
      answers.insert(token[n + 1]);
      keys.insert(token[n]);
    }
    CHECK(pairs.size() == 5);
    CHECK(answers.size() == 5);
    values.merge(answers);
    size_t queries = 0;
    for (size_t n = 0; n < N; ++n) {
      if (n < context || token[n] == 0) {
        CHECK(target[n] == -1);
        continue;
      }
      CHECK(n % 2 == 0);
      CHECK(target[n] == pairs.at(token[n]));
      pairs.erase(token[n]);
      ++queries;
    }
    CHECK(queries == 5);
  }
  CHECK(keys.size() == 7);
  CHECK(values.size() == 9);
}

TEST_CASE("mqar: keys of two tokens that differ as pairs, though they share tokens") {
  const auto task = make_task("mqar", {{"pairs", "8"}, {"vocabulary", "17"}, {"key-tokens", "2"}});
  const size_t N = 60, context = 24;
  const Batch batch = task->train_batch(200, N, Random(1));
  const Index right = task->oracle(batch);
  size_t shared = 0;
  for (size_t b = 0; b < 200; ++b) {
    const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
    std::map<std::pair<int32_t, int32_t>, int32_t> pairs;
    std::set<int32_t> firsts;
    for (size_t n = 0; n < context; n += 3) {
      CHECK((token[n] >= 1 && token[n] < 8));
      CHECK((token[n + 1] >= 1 && token[n + 1] < 8));
      CHECK(token[n + 2] >= 8);
      pairs[{token[n], token[n + 1]}] = token[n + 2];
      firsts.insert(token[n]);
    }
    CHECK(pairs.size() == 8);
    shared += 8 - firsts.size();
    for (size_t n = context; n < N; n += 2) {
      CHECK(target[n] == -1);
      CHECK((token[n] == 0) == (target[n + 1] == -1));
      if (token[n] == 0) continue;
      CHECK(target[n + 1] == pairs.at({token[n], token[n + 1]}));
      CHECK(right(b, n + 1) == target[n + 1]);
      pairs.erase({token[n], token[n + 1]});
    }
    CHECK(pairs.empty());
  }
  CHECK(shared > 200);  // no single token is a key
  CHECK(sentence([&] {
          make_task("mqar", {{"pairs", "10"}, {"vocabulary", "8"}, {"key-tokens", "2"}});
        }) == "vocabulary: 10 pairs need one of at least 20, got 8");
  CHECK(sentence([&] {
          make_task("mqar", {{"pairs", "2"}, {"vocabulary", "4"}, {"key-tokens", "2"}});
        }) == "vocabulary: 2 pairs need one of at least 6, got 4");
}

TEST_CASE("mqar: the gaps follow the power law, without replacement") {
  // Two pairs and three places of weights w: P(first key at i, second at j) = w_i w_j / (1 - w_i).
  for (const char* power : {"0.01", "0.5", "1"}) {
    const auto task = make_task("mqar", {{"pairs", "2"}, {"vocabulary", "16"}, {"power", power}});
    double weight[3], all = 0;
    for (size_t g = 0; g < 3; ++g)
      all += weight[g] = std::pow(static_cast<double>(g + 1), std::stod(power) - 1);
    const size_t draws = 20000;
    const Batch batch = task->test_batch(draws, 10, Random(1));
    size_t counts[3][3] = {};
    for (size_t b = 0; b < draws; ++b) {
      const int32_t *token = batch.tokens.row(b), *queries = token + 4;
      const auto place = [&](int32_t key) {
        return (std::find(queries, queries + 6, key) - queries) / 2;
      };
      ++counts[place(token[0])][place(token[2])];
    }
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j)
        CHECK(plausible(counts[i][j], i == j ? 0 : weight[i] / all * weight[j] / (all - weight[i]),
                        draws));
  }
}

TEST_CASE("mqar: how many pairs there are") {
  const auto pairs = [](const Batch& batch) {
    const int32_t* target = batch.targets.row(0);
    const auto N = static_cast<std::ptrdiff_t>(batch.targets.shape()[1]);
    return static_cast<size_t>(N - std::count(target, target + N, -1));
  };
  const auto suite = make_task("mqar", {{"pairs", "64"}, {"test-pairs", "256"}});
  for (const auto& [length, expected] : std::vector<std::pair<size_t, size_t>>{
           {4, 1}, {64, 16}, {256, 64}, {512, 128}, {1024, 256}, {2048, 256}})
    CHECK(pairs(suite->test_batch(1, length, Random(1))) == expected);
  CHECK(pairs(suite->train_batch(1, 64, Random(1))) == 16);
  CHECK(pairs(suite->train_batch(1, 512, Random(1))) == 64);
  CHECK(pairs(make_task("mqar", {})->test_batch(1, 64, Random(1))) == 4);

  const auto varied = make_task("mqar", {{"pairs", "6"}, {"fewest-pairs", "3"}});
  std::vector<size_t> counts(7);
  for (uint64_t seed = 0; seed < 1000; ++seed)
    ++counts.at(pairs(varied->train_batch(1, 24, Random(seed))));
  for (size_t p = 0; p < 7; ++p) CHECK(plausible(counts[p], p < 3 ? 0 : 0.25, 1000));
  CHECK(pairs(varied->test_batch(1, 24, Random(1))) == 6);
}

TEST_CASE("mqar: random tokens instead of the filler leave pairs, queries and targets alone") {
  const TaskOptions options{{"vocabulary", "32"}};
  TaskOptions random = options;
  random.push_back({"random-non-queries", "true"});
  // The first sequence of a batch is drawn before anything random is filled in.
  const Batch blank = make_task("mqar", options)->test_batch(1, 4096, Random(1)),
              filled = make_task("mqar", random)->test_batch(1, 4096, Random(1));
  std::vector<size_t> counts(32);
  for (size_t n = 0; n < 4096; ++n) {
    CHECK(filled.targets(0, n) == blank.targets(0, n));
    if (blank.tokens(0, n))
      CHECK(filled.tokens(0, n) == blank.tokens(0, n));
    else
      ++counts.at(static_cast<size_t>(filled.tokens(0, n)));
  }
  for (const size_t count : counts) CHECK(plausible(count, 1.0 / 32, 4096 - 12));
}

TEST_CASE("mqar: options that contradict each other are usage errors") {
  const auto wrong = [](const TaskOptions& options) {
    CHECK(fault_of([&] { make_task("mqar", options); }) == Fault::option);
    return sentence([&] { make_task("mqar", options); });
  };
  CHECK(wrong({{"pairs", "8"}, {"vocabulary", "17"}}) ==
        "vocabulary: 8 pairs need one of at least 18, got 17");
  CHECK(wrong({{"test-pairs", "8"}, {"vocabulary", "17"}}) ==
        "vocabulary: 8 pairs need one of at least 18, got 17");
  CHECK(wrong({{"fewest-pairs", "5"}}) == "fewest-pairs: expected at most the 4 of --pairs, got 5");
  make_task("mqar", {{"pairs", "8"}, {"vocabulary", "18"}});
}

TEST_CASE("passkey: the key anywhere in the same text, asked for at the end") {
  const auto task = make_task("passkey", {{"digits", "4"}});
  const std::vector<std::string> words{"The",   "grass", "is",     "green", ".",  "sky",
                                       "blue",  "sun",   "yellow", "Here",  "we", "go",
                                       "There", "and",   "back",   "again"};
  CHECK(task->vocabulary() == 12 + words.size());
  const size_t N = 60, filler = N - 9, draws = 4000;
  const Batch batch = task->test_batch(draws, N, Random(1));
  CHECK(batch.tokens.shape() == Shape{draws, N});
  std::vector<size_t> places(N), digits(10);
  for (size_t b = 0; b < draws; ++b) {
    const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
    const auto told = static_cast<size_t>(std::find(token, token + N, 10) - token);
    REQUIRE(told <= filler);
    ++places[told];
    const int32_t* key = token + told + 1;
    for (size_t d = 0; d < 4; ++d) ++digits.at(static_cast<size_t>(key[d]));
    CHECK(token[N - 4] == 11);
    CHECK(std::equal(key, key + 3, token + N - 3));
    CHECK(std::equal(key, key + 4, target + N - 4));
    CHECK(std::count(target, target + N - 4, -1) == N - 4);
    std::string text;
    for (size_t n = 0; n < N - 4; ++n)
      if (n < told || n > told + 4) text += words.at(static_cast<size_t>(token[n] - 12)) + " ";
    CHECK(text.find("The grass is green . The sky is blue . The sun is yellow . Here we go . "
                    "There and back again . The grass is green . ") == 0);
  }
  for (size_t p = 0; p <= filler; ++p) CHECK(plausible(places[p], 1.0 / (filler + 1), draws));
  for (const size_t count : digits) CHECK(plausible(count, 0.1, 4 * draws));
}
