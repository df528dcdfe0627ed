// k-hop induction heads: follow "the character after its last earlier occurrence" k times.
// (Sanford, Hsu, Telgarsky, "Transformers, parallel computation, and logarithmic depth", arXiv
// 2402.09268, section 5.)
//
// Tokens: the characters 0 .. S-1, "undefined" S, which is only ever an answer, and the number of
// hops k as S+1+k   (S `symbols`, k from 0 to `hops`). The first of N = `length` tokens says k; N-1
// random characters follow, no two neighbours equal. One hop leads from character i to j+1, where
// j < i is the last place before i with the same character. At every character the target is the
// character k hops away (with k = 0 itself) or, where the hops lead before the beginning,
// "undefined". The first token is not scored. The answers are not shown to the model.
//
// In training k is drawn for each sequence, uniformly from 0 to `hops`; at test it is `test-hops`.
//
// Example: hops 2, length 14, test_batch of Random(1):
//
//   token    7  3  2  3  2  3  0  2  0  3  0  1  3  1
//   target   .  4  4  4  2  3  4  2  3  4  0  4  3  0
#include <algorithm>
#include <numeric>

#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

class KhopTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("hops", hops_, 1, 1024, "most hops; training draws from 0 to this many");
    f.integer("test-hops", test_hops_, 0, 1024, "hops at test; 0: as many as `hops`");
    f.integer("symbols", symbols_, 3, 65536, "how many different characters there are");
  }
  /// Throws Error(Fault::option) when `test-hops` is more than `hops`.
  void prepare() override {
    if (test_hops_ > hops_)
      fail_option("test-hops", "expected at most the {} of --hops, got {}", hops_, test_hops_);
  }
  size_t vocabulary() const override { return symbols_ + 1 + hops_ + 1; }
  std::string spell(int32_t token) const override {
    const auto undefined = static_cast<int32_t>(symbols_);
    if (token == undefined) return "undefined";
    return token < undefined ? Task::spell(token) : fmt::format("k={}", token - undefined - 1);
  }
  std::string length_meaning() const override { return "sequence, in tokens"; }
  /// The number of hops and one character.
  size_t shortest_length() const override { return 2; }
  /// Exactly `length`, as in the paper.
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    Batch made{Index({batch, length}), Index({batch, length}, -1)};
    for (size_t b = 0; b < batch; ++b) {
      const size_t hops = draw_length(random, 0, hops_);
      make_sequence(hops, length, made.tokens.row(b), made.targets.row(b), random);
    }
    return made;
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    Batch made{Index({batch, length}), Index({batch, length}, -1)};
    for (size_t b = 0; b < batch; ++b)
      make_sequence(test_hops(), length, made.tokens.row(b), made.targets.row(b), random);
    return made;
  }
  /// Walks back from every character, by the definition.
  Index oracle(const Batch& batch) const override {
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
  /// Always "undefined", or always the same character, whichever is right more often: that depends
  /// on the length. Exact. In reading backwards from a character, the next one that is looked for
  /// turns up with probability 1 / (S-1) at each step; so k hops from character i >= 1 are defined
  /// with the probability of at least k successes in i-1 trials.
  double chance(size_t length) const override {
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

 private:
  size_t test_hops() const { return test_hops_ ? test_hops_ : hops_; }
  void make_sequence(size_t hops, size_t length, int32_t* token, int32_t* target,
                     Random& random) const {
    const auto S = static_cast<int32_t>(symbols_);
    token[0] = S + 1 + static_cast<int32_t>(hops);
    token[1] = draw(random, 0, symbols_);
    for (size_t n = 2; n < length; ++n)
      token[n] = (token[n - 1] + draw(random, 1, symbols_ - 1)) % S;

    // Where one hop leads from every place. Place 0 stands for "nowhere": the first token says k,
    // so no hop ends there, and from there it leads to itself.
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

  size_t symbols_ = 4, hops_ = 16, test_hops_ = 0;
};

const Registration<Task> kKhop{
    "khop", "the character k induction hops away, at every character; length = tokens",
    [] { return std::make_unique<KhopTask>(); }};

}  // namespace
}  // namespace gnomon
