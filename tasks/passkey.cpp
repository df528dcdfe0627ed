// A key of a few digits, told once somewhere in a long text of no interest, and asked for at the
// end. (Passkey retrieval, Mohtashami and Jaggi, arXiv 2305.16300, as tokens.)
//
// Tokens: the digits 0 .. 9, "the pass key is" 10, "what is the pass key?" 11, and the words of the
// filler 12 .. 27. The filler repeats "The grass is green. The sky is blue. The sun is yellow. Here
// we go. There and back again." At a random place the announcement 10 and K random digits
// (`digits`) are inserted; at the end stand the question 11 and the first K-1 digits again. N =
// `length` tokens in all, of which the last K are scored: the digits already answered are shown,
// right or wrong (teacher forcing).
//
// Example: digits 3, length 16, test_batch of Random(1):
//
//   token   12 13 14 15 16 12 17 14 10  6  2  7 18 11  6  2
//   target   .  .  .  .  .  .  .  .  .  .  .  .  .  6  2  7
#include <algorithm>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

constexpr int32_t kAnnouncement = 10, kQuestion = 11;
// Tokens from 10 on; all but the first two are words of the filler.
constexpr auto kWords = std::to_array<std::string_view>(
    {"key:", "key?", "the", "grass", "is", "green", ".", "sky", "blue", "sun", "yellow", "here",
     "we", "go", "there", "and", "back", "again"});

const std::vector<int32_t> kFiller = [] {
  const auto text =
      "the grass is green . the sky is blue . the sun is yellow . here we go . there and back "
      "again .";
  std::vector<int32_t> tokens;
  for (const std::string& word : split(text, ' '))
    tokens.push_back(static_cast<int32_t>(10 + (std::ranges::find(kWords, word) - kWords.begin())));
  return tokens;
}();

class PasskeyTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("digits", digits_, 1, 65536, "how many digits the key has");
  }
  size_t vocabulary() const override { return 10 + kWords.size(); }
  std::string spell(int32_t token) const override {
    if (token < kAnnouncement) return Task::spell(token);
    return std::string(kWords.at(static_cast<size_t>(token - kAnnouncement)));
  }
  /// Digits are numbers here.
  std::string symbol(int32_t token) const override { return spell(token); }
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// Without filler, 2K + 1.
  size_t shortest_length() const override { return 2 * digits_ + 1; }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    const size_t asked = length - digits_, filler = length - shortest_length();
    Batch made{Index({batch, length}), Index({batch, length}, -1)};
    for (size_t b = 0; b < batch; ++b) {
      int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
      const size_t told = draw_length(random, 0, filler);
      for (size_t word = 0; word < filler; ++word)
        token[word < told ? word : word + 1 + digits_] = kFiller[word % kFiller.size()];
      token[told] = kAnnouncement;
      int32_t* key = token + told + 1;
      for (size_t d = 0; d < digits_; ++d) key[d] = draw(random, 0, 10);
      token[asked] = kQuestion;
      std::copy_n(key, digits_ - 1, token + asked + 1);
      std::copy_n(key, digits_, target + asked);
    }
    return made;
  }
  /// Finds the announcement of each sequence.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "passkey: tokens [B,N]");
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      const int32_t *first = batch.tokens.row(b), *end = first + N;
      const auto digits = end - std::find(first, end, kQuestion);
      const int32_t* told = std::find(first, end, kAnnouncement);
      if (end - told > digits) std::copy_n(told + 1, digits, answers.row(b) + N - digits);
    }
    return answers;
  }
  /// Digits are drawn uniformly.
  double chance(size_t) const override { return 0.1; }

 private:
  size_t digits_ = 5;
};

const Registration<Task> kPasskey{
    "passkey", "digits told once in a long text and asked for at its end; length = tokens",
    [] { return std::make_unique<PasskeyTask>(); }};

}  // namespace
}  // namespace gnomon
