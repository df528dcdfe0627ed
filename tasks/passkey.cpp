#include "tasks/passkey.hpp"

#include <algorithm>

#include "tasks/draw.hpp"

namespace gnomon {
namespace {

const Registration<Task> kPasskey{
    "passkey", "digits told once in a long text and asked for at its end; length = tokens",
    [] { return std::make_unique<PasskeyTask>(); }};

enum Token : int32_t {
  announcement = 10,
  question,
  // The words of the filler.
  the,
  grass,
  is,
  green,
  stop,
  sky,
  blue,
  sun,
  yellow,
  here,
  we,
  go,
  there,
  and_,
  back,
  again,
  tokens
};

constexpr auto kFiller = std::to_array<int32_t>(
    {the, grass,  is,   green, stop, the, sky,  is,    blue, stop, the,   sun,
     is,  yellow, stop, here,  we,   go,  stop, there, and_, back, again, stop});

}  // namespace

void PasskeyTask::declare(Fields& f) {
  f.integer("digits", digits_, 1, 65536, "how many digits the key has");
}

std::string PasskeyTask::spell(int32_t token) const {
  if (token < announcement) return Task::spell(token);
  constexpr auto kWords = std::to_array<const char*>({"key:", "key?", "the", "grass", "is", "green",
                                                      ".", "sky", "blue", "sun", "yellow", "here",
                                                      "we", "go", "there", "and", "back", "again"});
  static_assert(kWords.size() == tokens - announcement);
  return kWords.at(static_cast<size_t>(token - announcement));
}

size_t PasskeyTask::vocabulary() const { return tokens; }

Batch PasskeyTask::train_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t drawn = draw_length(random, shortest_length(), length);
  return test_batch(batch, drawn, random);
}

Batch PasskeyTask::test_batch(size_t batch, size_t length, Random random) const {
  check_length(length);
  const size_t asked = length - digits_, filler = length - shortest_length();
  Batch made{Index({batch, length}), Index({batch, length}, -1)};
  for (size_t b = 0; b < batch; ++b) {
    int32_t *token = made.tokens.row(b), *target = made.targets.row(b);
    const size_t told = draw_length(random, 0, filler);
    for (size_t word = 0; word < filler; ++word)
      token[word < told ? word : word + 1 + digits_] = kFiller[word % kFiller.size()];
    token[told] = announcement;
    int32_t* key = token + told + 1;
    for (size_t d = 0; d < digits_; ++d) key[d] = draw(random, 0, 10);
    token[asked] = question;
    std::copy_n(key, digits_ - 1, token + asked + 1);
    std::copy_n(key, digits_, target + asked);
  }
  return made;
}

Index PasskeyTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "passkey: tokens [B,N]");
  Index answers({B, N}, -1);
  for (size_t b = 0; b < B; ++b) {
    const int32_t *first = batch.tokens.row(b), *end = first + N;
    const auto digits = end - std::find(first, end, question);
    std::copy_n(std::find(first, end, announcement) + 1, digits, answers.row(b) + N - digits);
  }
  return answers;
}

}  // namespace gnomon
