// What is special about the tasks that follow a structure.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/sentence.hpp"
#include "tests/tasks.hpp"

using namespace gnomon;

namespace {

bool equal(const Index& a, const Index& b) {
  return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

// The answers of k hops, by searching in strings: '~' is undefined.
std::string hop_by_string(const std::string& text, size_t k) {
  std::string answers;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t at = i;
    for (size_t hop = 0; hop < k && at != text.npos; ++hop) {
      at = at == 0 ? text.npos : text.rfind(text[at], at - 1);
      if (at != text.npos) ++at;
    }
    answers += at == text.npos ? '~' : text[at];
  }
  return answers;
}

// "[MAX 2 9 ]" as tokens, in a batch of one sequence of N tokens.
Batch expression(const std::string& text, size_t N) {
  const std::vector<std::string> names{"0", "1", "2",    "3",    "4",    "5",   "6", "7",
                                       "8", "9", "[MIN", "[MAX", "[MED", "[SM", "]"};
  Batch batch{Index({1, N}, 15), Index({1, N}, -1)};
  size_t n = 0;
  for (const std::string& word : split(text, ' '))
    batch.tokens(0, n++) =
        static_cast<int32_t>(std::find(names.begin(), names.end(), word) - names.begin());
  return batch;
}

}  // namespace

TEST_CASE("khop: every target is what searching in strings finds") {
  CHECK(hop_by_string("abcabdab", 0) == "abcabdab");
  CHECK(hop_by_string("abcabdab", 1) == "~~~bc~bd");
  CHECK(hop_by_string("abcabdab", 2) == "~~~~~~c~");
  for (const std::string symbols : {"3", "4", "7"}) {
    const auto task = make_task("khop", {{"hops", "5"}, {"symbols", symbols}});
    const auto S = static_cast<int32_t>(std::stoi(symbols));
    CHECK(task->vocabulary() == static_cast<size_t>(S) + 7);
    for (const Batch& batch :
         {task->train_batch(60, 50, Random(1)), task->test_batch(60, 50, Random(1))}) {
      CHECK(batch.tokens.shape() == Shape{60, 50});
      for (size_t b = 0; b < 60; ++b) {
        std::string text, targets;
        for (size_t n = 1; n < 50; ++n) {
          REQUIRE(batch.tokens(b, n) < S);
          text += static_cast<char>('a' + batch.tokens(b, n));
          targets += batch.targets(b, n) == S ? '~' : static_cast<char>('a' + batch.targets(b, n));
          if (n > 1) CHECK(batch.tokens(b, n) != batch.tokens(b, n - 1));
        }
        CHECK(batch.targets(b, 0) == -1);
        CHECK(targets == hop_by_string(text, static_cast<size_t>(batch.tokens(b, 0) - S - 1)));
      }
    }
  }
}

TEST_CASE("khop: hops are uniform from 0 in training, and fixed at test") {
  const auto task = make_task("khop", {{"hops", "4"}, {"test-hops", "3"}});
  const Batch train = task->train_batch(4000, 3, Random(1)),
              test = task->test_batch(9, 3, Random(1));
  std::vector<size_t> counts(5);
  for (size_t b = 0; b < 4000; ++b) ++counts.at(static_cast<size_t>(train.tokens(b, 0) - 5));
  for (const size_t count : counts) CHECK(std::abs(static_cast<double>(count) - 800) < 4 * 26);
  for (size_t b = 0; b < 9; ++b) CHECK(test.tokens(b, 0) == 5 + 3);
  CHECK(make_task("khop", {})->test_batch(1, 3, Random(1)).tokens(0, 0) == 5 + 16);
  CHECK(sentence([] {
          make_task("khop", {{"hops", "4"}, {"test-hops", "5"}});
        }) == "test-hops: expected at most the 4 of --hops, got 5");
}

TEST_CASE("khop: chance, counted by hand") {
  const auto task = make_task("khop", {{"hops", "1"}});
  // One hop from characters 0, 1, 2, 3 is undefined with probability 1, 1, 2/3, 4/9.
  CHECK(task->chance(5) == doctest::Approx((1 + 1 + 2.0 / 3 + 4.0 / 9) / 4).epsilon(1e-12));
  CHECK(task->chance(1 << 20) == doctest::Approx(0.25).epsilon(1e-4));
}

TEST_CASE("listops: the oracle evaluates as the Arena does") {
  const auto task = make_task("listops", {});
  const auto value = [&](const std::string& text) {
    const size_t last = split(text, ' ').size() - 1;
    return task->oracle(expression(text, last + 3))(0, last);
  };
  CHECK(value("[MAX 4 3 [MIN 2 3 ] 1 0 [MED 1 5 8 9 2 ] ]") == 5);  // the paper's example
  CHECK(value("[MIN 4 3 9 ]") == 3);
  CHECK(value("[MAX 0 0 ]") == 0);
  CHECK(value("[SM 9 9 9 ]") == 7);
  CHECK(value("[SM [SM 9 9 ] [MAX 1 3 ] ]") == 1);
  CHECK(value("[MED 9 0 ]") == 4);
  CHECK(value("[MED 1 2 ]") == 1);
  CHECK(value("[MED 7 7 0 8 ]") == 7);
  CHECK(value("[MED 3 3 4 9 ]") == 3);
}

TEST_CASE("listops: an expression, then pads, its value is the target at its last token") {
  const auto task = make_task("listops", {{"shortest", "20"}});
  const size_t N = 90;
  for (const Batch& batch :
       {task->train_batch(60, N, Random(1)), task->test_batch(60, N, Random(1))})
    for (size_t b = 0; b < 60; ++b) {
      const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
      const auto length = static_cast<size_t>(std::find(token, token + N, 15) - token);
      CHECK(length >= 20);
      CHECK(std::count(token, token + N, 15) == static_cast<std::ptrdiff_t>(N - length));
      CHECK(token[0] >= 10);
      int open = 0;
      for (size_t n = 0; n < length; ++n) {
        open += token[n] == 14 ? -1 : token[n] >= 10;
        CHECK((open > 0) == (n + 1 < length));
        CHECK((target[n] >= 0) == (n + 1 == length));
      }
      CHECK(target[length - 1] < 10);
    }
}

TEST_CASE("listops: tests that are long enough may leave out short expressions") {
  const auto task = make_task("listops", {{"shortest", "20"}, {"test-shortest", "60"}});
  const auto shortest = [](const Batch& batch) {
    const auto [B, N] = dims<2>(batch.tokens, "tokens");
    std::ptrdiff_t least = static_cast<std::ptrdiff_t>(N);
    for (size_t b = 0; b < B; ++b)
      least = std::min(
          least, std::find(batch.tokens.row(b), batch.tokens.row(b) + N, 15) - batch.tokens.row(b));
    return least;
  };
  CHECK(shortest(task->test_batch(60, 90, Random(1))) >= 60);
  for (const Batch& batch :
       {task->train_batch(60, 90, Random(1)), task->test_batch(60, 59, Random(1))}) {
    CHECK(shortest(batch) >= 20);
    CHECK(shortest(batch) < 40);
  }
}

TEST_CASE("listops: in training, fewer arguments at most and no room for pads, if asked for") {
  const auto task =
      make_task("listops",
                {{"shortest", "4"}, {"depth", "2"}, {"fewest-arguments", "2"}, {"packed", "true"}});
  constexpr size_t B = 400, N = 40;
  const Batch batch = task->train_batch(B, N, Random(1));
  CHECK(equal(batch.targets, task->oracle(batch)));
  std::vector<size_t> of_two_to_ten(11);
  size_t expressions = 0;
  for (size_t b = 0; b < B; ++b) {
    const int32_t *token = batch.tokens.row(b), *target = batch.targets.row(b);
    size_t begin = 0;
    for (size_t n = 0; n < N; ++n)
      if (target[n] >= 0) {
        ++of_two_to_ten.at(n - begin - 1);
        ++expressions;
        begin = n + 1;
      }
    CHECK(N - begin < 4);  // not even the shortest would fit
    CHECK(std::count(token + begin, token + N, 15) == static_cast<std::ptrdiff_t>(N - begin));
  }
  CHECK(expressions > 4 * B);
  // The most is uniform in 2 to 10, the number in 2 to the most: two in 0.31 of all, ten in 0.012
  // (but for the last of a sequence, which are shorter).
  const double two = static_cast<double>(of_two_to_ten[2]) / static_cast<double>(expressions);
  CHECK(two > 0.31);
  CHECK(two < 0.5);
  CHECK(of_two_to_ten[10] > 0);
  // Tests are as they always were.
  const auto plain = make_task("listops", {{"shortest", "4"}, {"depth", "2"}});
  CHECK(equal(task->test_batch(9, N, Random(1)).tokens, plain->test_batch(9, N, Random(1)).tokens));
}

TEST_CASE("listops: what no expression can fill stays pads") {
  // Two arguments: 4, 7, 10, ... tokens.
  const auto task =
      make_task("listops", {{"shortest", "5"}, {"arguments", "2"}, {"packed", "true"}});
  const Batch batch = task->train_batch(50, 20, Random(1));
  size_t unfilled = 0;
  for (size_t b = 0; b < 50; ++b) {
    const int32_t* token = batch.tokens.row(b);
    const auto pads = std::count(token, token + 20, 15);
    CHECK((pads < 5 || pads == 6));
    unfilled += pads == 6;
  }
  CHECK(unfilled > 0);
  CHECK(equal(batch.targets, task->oracle(batch)));
}

TEST_CASE("listops: operations, digits and numbers of arguments are uniform, one child in four") {
  // On two levels the outermost operation has digits only.
  const auto flat = make_task("listops", {{"shortest", "4"}, {"depth", "2"}});
  const size_t draws = 4000;
  const auto near = [&](size_t count, double p, double n) {
    CHECK(std::abs(static_cast<double>(count) - n * p) < 4 * std::sqrt(n * p * (1 - p)));
  };
  const Batch batch = flat->test_batch(draws, 12, Random(1));
  std::vector<size_t> tokens(16), lengths(13);
  for (size_t b = 0; b < draws; ++b) {
    size_t length = 0;
    for (size_t n = 0; n < 12; ++n) {
      ++tokens.at(static_cast<size_t>(batch.tokens(b, n)));
      length += batch.tokens(b, n) != 15;
    }
    ++lengths[length];
  }
  size_t digits = 0;
  for (size_t d = 0; d < 10; ++d) digits += tokens[d];
  for (size_t d = 0; d < 10; ++d) near(tokens[d], 0.1, static_cast<double>(digits));
  for (size_t operation = 10; operation < 14; ++operation) near(tokens[operation], 0.25, draws);
  for (size_t length = 4; length <= 12; ++length) near(lengths[length], 1.0 / 9, draws);

  // Two arguments on three levels: each is an operation of two digits with probability 1/4.
  const auto two = make_task("listops", {{"shortest", "4"}, {"depth", "3"}, {"arguments", "2"}});
  const Batch pairs = two->test_batch(draws, 10, Random(1));
  size_t at[10] = {};
  for (size_t b = 0; b < draws; ++b)
    for (size_t n = 0; n < 10; ++n) at[n] += pairs.targets(b, n) >= 0;
  near(at[3], 9.0 / 16, draws);
  near(at[6], 6.0 / 16, draws);
  near(at[9], 1.0 / 16, draws);
}

TEST_CASE("listops: the fewest arguments are two, or as many as there may be") {
  for (const char* fewest : {"1", "11"})
    CHECK(sentence([&] {
            make_task("listops", {{"fewest-arguments", fewest}});
          }) == fmt::format("fewest-arguments: expected 0, or 2 to the 10 of --arguments, got {}",
                            fewest));
}

TEST_CASE("listops: lengths that no expression has are a usage error") {
  const auto task = make_task("listops", {{"shortest", "5"}, {"arguments", "2"}});
  CHECK(fault_of([&] { task->test_batch(1, 6, Random(1)); }) == Fault::option);
  CHECK(sentence([&] { task->test_batch(1, 6, Random(1)); }) ==
        "listops: none of 1000000 random expressions has 5 to 6 tokens; allow shorter ones "
        "(--shortest) or longer ones (--length, --depth, --arguments)");
}
