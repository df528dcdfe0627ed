// Nested operations on digits. (Long Range Arena, arXiv 2011.04006, after Nangia and Bowman, arXiv
// 1804.06028; the generator of the Arena's repository.)
//
// Tokens: the digits 0 .. 9, [MIN 10, [MAX 11, [MED 12, [SM 13, the closing bracket 14, the pad 15.
// The Arena's parentheses are left out, as its own pipeline leaves them out. An expression is, with
// probability 3/4 and always at `depth`, a digit; else a random operation on 2 to `arguments`
// expressions one level deeper (the outermost is level 1). MED is the median, rounded down where it
// falls between two digits; SM is the sum modulo 10. Only expressions of `shortest` to `length`
// tokens are kept: the Arena's are `shortest` 501, length 1999. They stand at the beginning of N =
// `length` tokens, pads follow. The value is the target at the expression's last token; nothing
// else is scored.
//
// To train on short expressions and judge by the Arena's: tests of `test-shortest` tokens or longer
// keep expressions of at least that many; `packed` training puts further expressions in place of
// the pads, each with its target; and with `fewest-arguments` the most arguments of a training
// expression are drawn anew for each, from there to `arguments`.
//
// Example: shortest 14, length 18, test_batch of Random(1):
//
//   token   12  5  4  7 10  6  0  4  5 14  8  4  4  8  5 14 15 15
//   target   .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  5  .  .
#include <algorithm>
#include <numeric>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

constexpr int32_t kMin = 10, kMax = 11, kMedian = 12, kClose = 14, kPad = 15;

using Counts = std::array<size_t, 10>;  // how often each digit is among the arguments

int32_t digit_at(const Counts& counts, size_t rank) {
  size_t digit = 0;
  for (size_t upto = counts[0]; upto <= rank; upto += counts.at(++digit)) {
  }
  return static_cast<int32_t>(digit);
}

int32_t evaluate(int32_t operation, const Counts& counts) {
  const size_t n = std::accumulate(counts.begin(), counts.end(), size_t{0});
  if (operation == kMin) return digit_at(counts, 0);
  if (operation == kMax) return digit_at(counts, n - 1);
  if (operation == kMedian) return (digit_at(counts, (n - 1) / 2) + digit_at(counts, n / 2)) / 2;
  size_t sum = 0;
  for (size_t digit = 0; digit < counts.size(); ++digit) sum += digit * counts[digit];
  return static_cast<int32_t>(sum % 10);
}

class ListopsTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("shortest", shortest_, 4, 1 << 20, "tokens of the shortest expressions");
    f.integer("test-shortest", test_shortest_, 0, 1 << 20,
              "tokens of the shortest expressions in tests that are as long; 0: as in training");
    f.integer("depth", depth_, 2, 64, "levels of the deepest expressions");
    f.integer("arguments", arguments_, 2, 1024, "most arguments of an operation");
    f.integer(
        "fewest-arguments", fewest_arguments_, 0, 1024,
        "training: most arguments, drawn for each expression from here up; 0: always the same");
    f.flag("packed", packed_, "training: more expressions, one after the other, in place of pads");
  }
  void prepare() override {
    if (fewest_arguments_ == 1 || fewest_arguments_ > arguments_)
      fail_option("fewest-arguments", "expected 0, or 2 to the {} of --arguments, got {}",
                  arguments_, fewest_arguments_);
  }
  size_t vocabulary() const override { return 16; }
  std::string spell(int32_t token) const override {
    constexpr auto kWords = std::to_array({"[MIN", "[MAX", "[MED", "[SM", "]", "_"});
    return token < kMin ? Task::spell(token) : kWords.at(static_cast<size_t>(token - kMin));
  }
  /// Digits are numbers here.
  std::string symbol(int32_t token) const override { return spell(token); }
  std::string length_meaning() const override { return "longest expression, in tokens"; }
  size_t shortest_length() const override { return shortest_; }
  /// Both have expressions of a shortest length to `length` tokens. Throw Error(Fault::option) when
  /// expressions so long are next to impossible at this depth.
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    random = random.split("train");
    const auto most = [&] {
      return fewest_arguments_ == 0 ? arguments_
                                    : draw_length(random, fewest_arguments_, arguments_);
    };
    return drawn(batch, length, [&](size_t room, Tokens& tokens) {
      if (room == length) return draw_expression(shortest_, length, most(), tokens, random);
      if (!packed_ || room < shortest_) return -1;
      constexpr size_t kPatience = 10'000;  // what is left may be a length that no expression has
      return try_expression(kPatience, shortest_, room, most(), tokens, random);
    });
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    return drawn(batch, length, [&](size_t room, Tokens& tokens) {
      if (room < length) return -1;
      return draw_expression(shortest_in_tests(length), length, arguments_, tokens, random);
    });
  }
  /// Evaluates the tokens with a stack.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "listops: tokens [B,N]");
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      std::vector<std::pair<int32_t, Counts>> open;  // operations and their arguments so far
      for (size_t n = 0; n < N; ++n) {
        int32_t token = batch.tokens(b, n);
        if (token == kPad) break;
        if (token == kClose) {
          if (open.empty() || open.back().second == Counts{}) break;  // nothing to evaluate
          token = evaluate(open.back().first, open.back().second);
          open.pop_back();
          if (open.empty()) answers(b, n) = token;
        }
        if (token >= kMin)
          open.push_back({token, {}});
        else if (!open.empty())
          ++open.back().second[static_cast<size_t>(token)];
      }
    }
    return answers;
  }
  /// How often the commonest value occurs, counted over 4,096 expressions.
  double chance(size_t length) const override {
    constexpr size_t kDraws = 4096;
    Random random = Random(0).split("chance");
    Counts counts{};
    Tokens tokens;
    for (size_t i = 0; i < kDraws; ++i)
      ++counts[static_cast<size_t>(
          draw_expression(shortest_in_tests(length), length, arguments_, tokens, random))];
    return static_cast<double>(*std::max_element(counts.begin(), counts.end())) / double{kDraws};
  }

 private:
  using Tokens = std::vector<int32_t>;
  size_t shortest_in_tests(size_t length) const {
    return test_shortest_ == 0 || length < test_shortest_ ? shortest_ : test_shortest_;
  }
  /// Sequences filled with expressions: next(room, tokens) draws one and returns its value, or -1
  /// to leave the rest to pads.
  template <class Next>
  Batch drawn(size_t batch, size_t length, Next&& next) const {
    check_length(length);
    Batch made{Index({batch, length}, kPad), Index({batch, length}, -1)};
    Tokens tokens;
    for (size_t b = 0; b < batch; ++b) {
      size_t end = 0;
      for (int32_t value; (value = next(length - end, tokens)) >= 0;) {
        std::copy(tokens.begin(), tokens.end(), made.tokens.row(b) + end);
        end += tokens.size();
        made.targets.row(b)[end - 1] = value;
      }
    }
    return made;
  }
  /// One expression of `shortest` to `length` tokens, and its value; -1: none of so many fitted.
  int32_t try_expression(size_t patience, size_t shortest, size_t length, size_t most,
                         Tokens& tokens, Random& random) const {
    for (size_t attempt = 0; attempt < patience; ++attempt) {
      tokens.clear();
      const int32_t value = grow(1, length, most, tokens, random);
      if (tokens.size() >= shortest && tokens.size() <= length) return value;
    }
    return -1;
  }
  /// The same, and where none fits Error(Fault::option).
  int32_t draw_expression(size_t shortest, size_t length, size_t most, Tokens& tokens,
                          Random& random) const {
    constexpr size_t kPatience = 1'000'000;
    const int32_t value = try_expression(kPatience, shortest, length, most, tokens, random);
    if (value >= 0) return value;
    fail(Fault::option,
         "listops: none of {} random expressions has {} to {} tokens; allow shorter ones "
         "(--shortest) "
         "or longer ones (--length, --depth, --arguments)",
         kPatience, shortest, length);
  }
  int32_t grow(size_t level, size_t length, size_t most, Tokens& tokens, Random& random) const {
    if (tokens.size() > length) return 0;  // it will not be kept
    if (level == depth_ || random.below(4) > 0) {
      tokens.push_back(draw(random, 0, 10));
      return tokens.back();
    }
    const int32_t operation = draw(random, kMin, 4);
    Counts counts{};
    tokens.push_back(operation);
    for (size_t left = draw_length(random, 2, most); left > 0; --left)
      ++counts[static_cast<size_t>(grow(level + 1, length, most, tokens, random))];
    tokens.push_back(kClose);
    return evaluate(operation, counts);
  }

  size_t shortest_ = 501, test_shortest_ = 0, depth_ = 10, arguments_ = 10, fewest_arguments_ = 0;
  bool packed_ = false;
};

const Registration<Task> kListops{
    "listops", "the value of nested MIN, MAX, MED, SM of digits; length = longest, in tokens",
    [] { return std::make_unique<ListopsTask>(); }};

}  // namespace
}  // namespace gnomon
