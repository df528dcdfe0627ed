#include "tasks/listops.hpp"

#include <algorithm>
#include <numeric>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kListops{
    "listops", "the value of nested MIN, MAX, MED, SM of digits; length = longest, in tokens",
    [] { return std::make_unique<ListopsTask>(); }};

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

}  // namespace

void ListopsTask::declare(Fields& f) {
  f.integer("shortest", shortest_, 4, 1 << 20, "tokens of the shortest expressions");
  f.integer("test-shortest", test_shortest_, 0, 1 << 20,
            "tokens of the shortest expressions in tests that are as long; 0: as in training");
  f.integer("depth", depth_, 2, 64, "levels of the deepest expressions");
  f.integer("arguments", arguments_, 2, 1024, "most arguments of an operation");
  f.integer("fewest-arguments", fewest_arguments_, 0, 1024,
            "training: most arguments, drawn for each expression from here up; 0: always the same");
  f.flag("packed", packed_, "training: more expressions, one after the other, in place of pads");
}

void ListopsTask::prepare() {
  if (fewest_arguments_ == 1 || fewest_arguments_ > arguments_)
    fail_option("fewest-arguments", "expected 0, or 2 to the {} of --arguments, got {}", arguments_,
                fewest_arguments_);
}

std::string ListopsTask::spell(int32_t token) const {
  switch (token) {
    case kMin:
      return "[MIN";
    case kMax:
      return "[MAX";
    case kMedian:
      return "[MED";
    case kMedian + 1:
      return "[SM";
    case kClose:
      return "]";
    case kPad:
      return "_";
    default:
      return Task::spell(token);
  }
}

Batch ListopsTask::train_batch(size_t batch, size_t length, Random random) const {
  random = random.split("train");
  const auto most = [&] {
    return fewest_arguments_ == 0 ? arguments_ : draw_length(random, fewest_arguments_, arguments_);
  };
  return drawn(batch, length, [&](size_t room, Tokens& tokens) {
    if (room == length) return draw_expression(shortest_, length, most(), tokens, random);
    if (!packed_ || room < shortest_) return -1;
    constexpr size_t kPatience = 10'000;  // what is left may be a length that no expression has
    return try_expression(kPatience, shortest_, room, most(), tokens, random);
  });
}

Batch ListopsTask::test_batch(size_t batch, size_t length, Random random) const {
  return drawn(batch, length, [&](size_t room, Tokens& tokens) {
    if (room < length) return -1;
    return draw_expression(shortest_in_tests(length), length, arguments_, tokens, random);
  });
}

template <class Next>
Batch ListopsTask::drawn(size_t batch, size_t length, Next&& next) const {
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

int32_t ListopsTask::try_expression(size_t patience, size_t shortest, size_t length, size_t most,
                                    Tokens& tokens, Random& random) const {
  for (size_t attempt = 0; attempt < patience; ++attempt) {
    tokens.clear();
    const int32_t value = grow(1, length, most, tokens, random);
    if (tokens.size() >= shortest && tokens.size() <= length) return value;
  }
  return -1;
}

int32_t ListopsTask::draw_expression(size_t shortest, size_t length, size_t most, Tokens& tokens,
                                     Random& random) const {
  constexpr size_t kPatience = 1'000'000;
  const int32_t value = try_expression(kPatience, shortest, length, most, tokens, random);
  if (value >= 0) return value;
  fail(
      Fault::option,
      "listops: none of {} random expressions has {} to {} tokens; allow shorter ones (--shortest) "
      "or longer ones (--length, --depth, --arguments)",
      kPatience, shortest, length);
}

int32_t ListopsTask::grow(size_t level, size_t length, size_t most, Tokens& tokens,
                          Random& random) const {
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

Index ListopsTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "listops: tokens [B,N]");
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    std::vector<std::pair<int32_t, Counts>> open;  // operations and their arguments so far
    for (size_t n = 0; n < N; ++n) {
      int32_t token = batch.tokens(b, n);
      if (token == kPad) break;
      if (token == kClose) {
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

double ListopsTask::chance(size_t length) const {
  constexpr size_t kDraws = 4096;
  Random random = Random(0).split("chance");
  Counts counts{};
  Tokens tokens;
  for (size_t i = 0; i < kDraws; ++i)
    ++counts[static_cast<size_t>(
        draw_expression(shortest_in_tests(length), length, arguments_, tokens, random))];
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) / double{kDraws};
}

}  // namespace gnomon
