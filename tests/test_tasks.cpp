// Every registered task must pass what stands under "every task"; a task without a row fails.
#include <doctest/doctest.h>

#include <unistd.h>
#include <set>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tests/tasks.hpp"

using namespace gnomon;

namespace {

struct Row {
  std::string task;
  TaskOptions options;
  size_t length;
  uint64_t fingerprint;
  bool shown = true;  // is each answer the next token?
};

std::vector<Row> rows() {
  static const TemporaryFile kNoise(noise(200'000));
  static const DigitSums kSums;
  return {
      {"copy", {{"payload", "8"}}, 21, 477176465966134720u},
      {"copy", {{"payload", "5"}, {"symbols", "3"}, {"gap-symbols", "4"}}, 40, 104639585490791363u},
      {"copy", {{"payload", "4"}, {"gap-symbols", "0"}}, 20, 1448726914461700832u},
      {"copy", {{"payload", "0"}, {"symbols", "32"}, {"nearest", "6"}}, 12, 10816290110158420736u},
      {"induction", {}, 20, 2868591808402749658u},
      {"khop", {{"hops", "4"}}, 30, 2512540292143970446u, false},
      {"khop",
       {{"hops", "2"}, {"test-hops", "1"}, {"symbols", "6"}},
       200,
       15626424088281463456u,
       false},
      {"listops", {{"shortest", "4"}}, 30, 5773671018404927584u, false},
      {"listops",
       {{"shortest", "40"}, {"depth", "4"}, {"arguments", "5"}},
       60,
       6293026067022194026u,
       false},
      {"mqar", {{"vocabulary", "32"}}, 24, 1086153298841322853u, false},
      {"mqar",
       {{"pairs", "6"},
        {"fewest-pairs", "2"},
        {"test-pairs", "8"},
        {"vocabulary", "40"},
        {"power", "1"},
        {"random-non-queries", "true"}},
       40,
       2011691399045511487u,
       false},
      {"passkey", {}, 40, 12236224409810320263u},
      {"passkey", {{"digits", "3"}}, 16, 5490241439442305937u},
      {"selective-copy", {{"payload", "5"}}, 20, 7114206128074517955u, false},
      {"selective-copy",
       {{"payload", "4"}, {"symbols", "3"}, {"noise-symbols", "4"}},
       12,
       11224321173297516584u,
       false},
      {"sequences", {{"folder", kSums.path()}}, 12, 3119358089677593644u, false},
      {"text", {{"file", kNoise.path}}, 24, 11218593587333677626u},
  };
}

size_t scored(const Batch& batch) {
  return static_cast<size_t>(
      std::count_if(batch.targets.begin(), batch.targets.end(), [](int32_t t) { return t >= 0; }));
}

double accuracy(const Index& answers, const Batch& batch) {
  expect_shape(answers, batch.targets.shape(), "answers");
  size_t right = 0;
  for (size_t e = 0; e < answers.size(); ++e)
    right += batch.targets.data()[e] >= 0 && answers.data()[e] == batch.targets.data()[e];
  return static_cast<double>(right) / static_cast<double>(scored(batch));
}

// FNV-1a over the numbers of the first batches.
uint64_t fingerprint(const Task& task, size_t length) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto take = [&](const Index& numbers) {
    for (const int32_t v : numbers) hash = (hash ^ static_cast<uint32_t>(v)) * 0x100000001b3u;
  };
  for (uint64_t seed = 1; seed <= 3; ++seed)
    for (const Batch& batch :
         {task.train_batch(2, length, Random(seed)), task.test_batch(2, length, Random(seed))}) {
      take(batch.tokens);
      take(batch.targets);
    }
  return hash;
}

}  // namespace

TEST_CASE("every task has a row in this file, and one in the folder's README") {
  std::vector<std::string> tested;
  for (const Row& row : rows())
    if (tested.empty() || tested.back() != row.task) tested.push_back(row.task);
  CHECK(tested == registered_names<Task>());
  for (const std::string& name : tested)
    CHECK(source("README.md").find("\n| `" + name + "` |") != std::string::npos);
}

TEST_CASE("every task: batches are a pure function of the stream") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options), again = make_task(row.task, row.options);
    const auto train = [&](const Task& t, uint64_t seed) {
      return Numbers(t.train_batch(3, row.length, Random(seed)));
    };
    const auto test = [&](const Task& t, uint64_t seed) {
      return Numbers(t.test_batch(3, row.length, Random(seed)));
    };
    CHECK(train(*task, 1) == train(*again, 1));
    CHECK(test(*task, 1) == test(*again, 1));
    CHECK(train(*task, 1) != train(*task, 2));
    CHECK(test(*task, 1) != test(*task, 2));
    CHECK(train(*task, 1) != test(*task, 1));
    CHECK(fingerprint(*task, row.length) == row.fingerprint);
  }
}

TEST_CASE("every task: each token is spelled by a printable word of its own") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    std::set<std::string> words;
    for (size_t v = 0; v < task->vocabulary(); ++v) {
      const std::string word = task->spell(static_cast<int32_t>(v));
      CAPTURE(word);
      CHECK(!word.empty());
      CHECK(std::all_of(word.begin(), word.end(), [](char c) { return c >= ' ' && c < 127; }));
      CHECK(words.insert(word).second);
    }
  }
}

TEST_CASE("every task: each token has a symbol of its own, and none that looks like a position") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    std::set<std::string> seen;
    for (size_t token = 0; token < task->vocabulary(); ++token) {
      const std::string symbol = task->symbol(static_cast<int32_t>(token));
      CHECK(!symbol.empty());
      CHECK(seen.insert(symbol).second);
    }
  }
  const auto copy = make_task("copy", {{"payload", "4"}, {"symbols", "3000"}});
  CHECK(copy->symbol(0) == "a");
  CHECK(copy->symbol(25) == "z");
  CHECK(copy->symbol(26) == "A");
  CHECK(copy->symbol(51) == "Z");
  CHECK(copy->symbol(52) == "aa");
  CHECK(copy->symbol(53) == "ab");
  CHECK(copy->symbol(52 + 52 * 52) == "aaa");
  CHECK(copy->symbol(3001) == "|");
}

TEST_CASE("every task: tokens and targets are in range, and what is shown is what was asked") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    for (uint64_t seed = 0; seed < 20; ++seed)
      for (const Batch& batch : {task->train_batch(3, row.length, Random(seed)),
                                 task->test_batch(3, row.length, Random(seed))}) {
        const auto [B, N] = dims<2>(batch.tokens, "tokens [B,N]");
        CHECK(B == 3);
        expect_shape(batch.targets, {B, N}, "targets [B,N]");
        expect_below(batch.tokens, task->vocabulary(), "tokens [B,N]");
        expect_below(batch.targets, task->vocabulary(), "targets [B,N]", -1);
        for (size_t b = 0; b < B; ++b)
          for (size_t n = 0; n + 1 < N; ++n)
            if (row.shown && batch.targets(b, n) >= 0)
              CHECK(batch.targets(b, n) == batch.tokens(b, n + 1));
      }
  }
}

TEST_CASE("every task: the oracle is always right, without the targets") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    for (uint64_t seed = 0; seed < 50; ++seed)
      for (const Batch& batch : {task->train_batch(2, row.length, Random(seed)),
                                 task->test_batch(2, row.length, Random(seed))}) {
        CHECK(scored(batch) > 0);
        const Batch question{batch.tokens, Index(batch.targets.shape(), -1)};
        CHECK(accuracy(task->oracle(question), batch) == 1);
      }
  }
}

TEST_CASE("every task: of any sequence the oracle gives an answer, -1, or a sentence") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    const auto V = static_cast<int32_t>(task->vocabulary());
    for (uint64_t seed = 0; seed < 300; ++seed) {
      Random random(seed);
      const size_t N = 1 + random.below(12);
      Batch batch{Index({2, N}), Index({2, N}, 0)};
      // Few kinds of token, so that marks stand where they should not, or nowhere.
      const auto first = static_cast<int32_t>(random.below(static_cast<size_t>(V)));
      for (int32_t& token : batch.tokens)
        token =
            random.below(3) ? V - 1 - static_cast<int32_t>(random.below(std::min(V, 6))) : first;
      try {
        const Index answers = task->oracle(batch);
        CHECK(answers.shape() == batch.tokens.shape());
        for (const int32_t answer : answers) CHECK((answer >= -1 && answer < V));
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find("is not in") != std::string::npos);
      }
    }
  }
}

TEST_CASE("every task: the commonest answer of the training batches scores the stated chance") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    std::vector<size_t> counts(task->vocabulary());
    const Batch seen = task->train_batch(200, row.length, Random(1));
    for (const int32_t t : seen.targets)
      if (t >= 0) ++counts[static_cast<size_t>(t)];
    const auto guess =
        static_cast<int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());

    // The answers of one sequence may depend on each other, those of two do not.
    const Batch batch = task->test_batch(2400, row.length, Random(2));
    const double p = task->chance(row.length), all = static_cast<double>(scored(batch));
    double squares = 0;
    for (size_t b = 0; b < 2400; ++b) {
      double excess = 0;
      for (size_t n = 0; n < batch.targets.shape()[1]; ++n)
        if (batch.targets(b, n) >= 0) excess += (batch.targets(b, n) == guess) - p;
      squares += excess * excess;
    }
    const double deviation = std::sqrt(squares) / all;
    CHECK(p > 0);
    CHECK(std::abs(accuracy(Index(batch.targets.shape(), guess), batch) - p) < 4 * deviation);
    CHECK(4 * deviation < p / 3);  // the bound says something
  }
}

TEST_CASE("every task: a length that is too short, or beyond 32 bits, is a usage error") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    const size_t shortest = task->shortest_length();
    for (const size_t bad : {size_t{0}, shortest - 1, (size_t{1} << 30) + 1, SIZE_MAX}) {
      const std::string expected = fmt::format("length ({}): expected {} to 1073741824, got {}",
                                               task->length_meaning(), shortest, bad);
      CHECK(sentence(Fault::option, [&] { task->train_batch(1, bad, Random(1)); }) == expected);
      CHECK(sentence(Fault::option, [&] { task->test_batch(1, bad, Random(1)); }) == expected);
      CHECK(sentence(Fault::option, [&] { task->check_length(bad); }) == expected);
    }
    CHECK(scored(task->train_batch(1, shortest, Random(1))) > 0);
    CHECK(scored(task->test_batch(1, shortest, Random(1))) > 0);
  }
}

TEST_CASE("tasks: wrong options are usage errors with a sentence") {
  const auto wrong = [](const std::string& task, const std::string& option,
                        const std::string& value) {
    return sentence(Fault::option, [&] { make_task(task, {{option, value}}); });
  };
  CHECK(wrong("copy", "payload", "-1") ==
        "payload: expected a whole number from 0 to 65536, got '-1'");
  CHECK(wrong("copy", "symbols", "1") ==
        "symbols: expected a whole number from 2 to 65536, got '1'");
  CHECK(wrong("copy", "symbols", "-1") ==
        "symbols: expected a whole number from 2 to 65536, got '-1'");
  CHECK(wrong("copy", "gap-symbols", "x") ==
        "gap-symbols: expected a whole number from 0 to 65536, got 'x'");
  CHECK(wrong("copy", "symbol", "20") == "unknown option 'symbol'; did you mean 'symbols'?");
  CHECK(wrong("text", "validation", "0") ==
        "validation: expected a number from 0.001 to 0.9, got '0'");
  CHECK(wrong("text", "validation", ".5") ==
        "file: expected names of text files, separated by commas, got ''");
  CHECK(wrong("text", "file", "a.txt,,b.txt") ==
        "file: expected names of text files, separated by commas, got 'a.txt,,b.txt'");
}

TEST_CASE("every task: the example of its header is what the generator makes") {
  struct Example {
    std::string task, header;
    TaskOptions options;
    size_t length;
  };
  for (const Example& e : std::vector<Example>{
           {"copy", "copy.cpp", {{"payload", "4"}}, 7},
           {"induction", "induction.cpp", {}, 10},
           {"khop", "khop.cpp", {{"hops", "2"}}, 14},
           {"listops", "listops.cpp", {{"shortest", "14"}}, 18},
           {"mqar", "mqar.cpp", {{"pairs", "3"}, {"vocabulary", "16"}}, 16},
           {"passkey", "passkey.cpp", {{"digits", "3"}}, 16},
           {"selective-copy", "selective_copy.cpp", {{"payload", "3"}}, 6},
       }) {
    const Batch batch = make_task(e.task, e.options)->test_batch(1, e.length, Random(1));
    const auto number = [](int32_t v) { return fmt::format("{}", v); };
    const std::string example =
        line("token", batch.tokens, number) + line("target", batch.targets, number);
    INFO(example);
    CHECK(source(e.header).find(example) != std::string::npos);
  }
}

TEST_CASE("copy: payload, gap, delimiter, payload, and only the copy is scored") {
  const auto task = make_task("copy", {{"payload", "3"}, {"symbols", "5"}, {"gap-symbols", "2"}});
  CHECK(task->vocabulary() == 8);
  bool seen[8] = {};
  for (size_t distance = 4; distance < 20; ++distance) {
    const Batch batch = task->test_batch(4, distance, Random(distance));
    const auto [B, N] = dims<2>(batch.tokens, "tokens [B,N]");
    CHECK(N == 2 * 3 + (distance - 3 - 1));
    for (size_t b = 0; b < B; ++b)
      for (size_t n = 0; n < N; ++n) {
        const int32_t token = batch.tokens(b, n), target = batch.targets(b, n);
        seen[token] = true;
        if (n < 3) CHECK(token < 5);
        if (n >= 3 && n < distance - 1) CHECK((token == 5 || token == 6));
        CHECK((token == 7) == (n == distance - 1));
        // The answer given at n would stand at n + 1; its source lies `distance` before that.
        CHECK(target == (n >= distance - 1 ? batch.tokens(b, n + 1 - distance) : -1));
      }
  }
  CHECK(std::all_of(std::begin(seen), std::end(seen), [](bool s) { return s; }));
}

TEST_CASE("copy: a gap of symbols, or no gap") {
  const auto among = make_task("copy", {{"payload", "3"}, {"symbols", "5"}, {"gap-symbols", "0"}});
  CHECK(among->vocabulary() == 6);
  std::vector<size_t> gap(6);
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Batch batch = among->test_batch(1, 14, Random(seed));
    for (size_t n = 3; n < 13; ++n) ++gap.at(static_cast<size_t>(batch.tokens(0, n)));
    CHECK(batch.tokens(0, 13) == 5);
  }
  for (size_t v = 0; v < 5; ++v) CHECK(std::abs(static_cast<double>(gap[v]) - 600) < 4 * 22);
  CHECK(gap[5] == 0);

  const auto whole = make_task("copy", {{"payload", "0"}, {"nearest", "5"}});
  CHECK(whole->shortest_length() == 2);
  for (size_t length = 2; length < 9; ++length) {
    CHECK(whole->test_batch(1, length, Random(1)).tokens.shape() == Shape{1, 2 * (length - 1)});
    for (uint64_t seed = 0; seed < 40; ++seed) {
      const Batch batch = whole->train_batch(1, length, Random(seed));
      const size_t N = batch.tokens.shape()[1], distance = N / 2 + 1;
      CHECK(distance >= std::min<size_t>(length, 5));
      CHECK(distance <= length);
      CHECK(batch.tokens(0, N / 2) == 21);
      CHECK(scored(batch) == N / 2);
    }
  }
}

TEST_CASE("copy: training distances are uniform from the shortest to the length") {
  const auto task = make_task("copy", {{"payload", "3"}});
  const size_t draws = 4000, shortest = 4, longest = 11, choices = longest - shortest + 1;
  std::vector<size_t> counts(longest + 1);
  for (uint64_t seed = 0; seed < draws; ++seed) {
    const size_t N = task->train_batch(1, longest, Random(seed)).tokens.shape()[1];
    ++counts.at(N - 3 + 1);
  }
  const double p = 1.0 / choices, mean = draws * p, deviation = std::sqrt(draws * p * (1 - p));
  for (size_t d = 0; d <= longest; ++d) {
    CAPTURE(d);
    if (d < shortest) CHECK(counts[d] == 0);
    if (d >= shortest) CHECK(std::abs(static_cast<double>(counts[d]) - mean) < 4 * deviation);
  }
}
