// Selective copying: symbols scattered in noise, to be repeated in their order. (Mamba, arXiv
// 2312.00752, table 1; the generator of the S4 repository.)
//
// Tokens: the noise 0 .. Z-1, the symbols Z .. Z+S-1, the marker Z+S   (Z `noise-symbols`, S
// `symbols`; with Z 1 and S 14 the published alphabet of 16). P symbols (`payload`) stand at random
// places among `length` noise tokens, every set of places as likely as every other, and P markers
// follow: N = length + 2P tokens. Marker m is to be answered by symbol m. The answers are not shown
// to the model: what stands after a marker is the next marker.
//
// Example: payload 3, length 6, test_batch of Random(1):
//
//   token    0  0 11  3  0  0  0  4  0 15 15 15
//   target   .  .  .  .  .  .  .  .  . 11  3  4
#include "tasks/draw.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

class SelectiveCopyTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.integer("payload", payload_, 1, 65536, "how many symbols to copy");
    f.integer("symbols", symbols_, 2, 65536, "how many different symbols there are");
    f.integer("noise-symbols", noise_symbols_, 1, 65536,
              "how many different noise tokens there are");
  }
  size_t vocabulary() const override { return noise_symbols_ + symbols_ + 1; }
  std::string spell(int32_t token) const override {
    const auto Z = static_cast<int32_t>(noise_symbols_), S = static_cast<int32_t>(symbols_);
    if (token == Z + S) return "?";
    if (token >= Z) return Task::spell(token - Z);
    return Z == 1 ? "_" : fmt::format("_{}", token);
  }
  std::string length_meaning() const override { return "noise, in tokens"; }
  size_t shortest_length() const override { return 1; }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    check_length(length);
    const size_t markers = length + payload_, N = markers + payload_;  // where they begin, and end
    const auto marker = static_cast<int32_t>(noise_symbols_ + symbols_);
    Batch made{Index({batch, N}, marker), Index({batch, N}, -1)};
    for (size_t b = 0; b < batch; ++b) {
      int32_t *token = made.tokens.row(b), *target = made.targets.row(b) + markers;
      size_t left = payload_;  // symbols still to be placed
      for (size_t n = 0; n < markers; ++n) {
        // Each place takes a symbol with probability (symbols left) / (places left): then all sets
        // of places are equally likely (Knuth, volume 2, 3.4.2, algorithm S).
        if (random.below(static_cast<uint32_t>(markers - n)) < left) {
          token[n] = *target++ = draw(random, noise_symbols_, symbols_);
          --left;
        } else {
          token[n] = noise_symbols_ == 1 ? 0 : draw(random, 0, noise_symbols_);
        }
      }
    }
    return made;
  }
  /// Lists the symbols of each sequence, then answers marker by marker.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "selective-copy: tokens [B,N]");
    const auto first = static_cast<int32_t>(noise_symbols_);
    const auto marker = static_cast<int32_t>(noise_symbols_ + symbols_);
    Index answers({B, N}, -1);
    for (size_t b = 0; b < B; ++b) {
      std::vector<int32_t> seen;
      size_t answered = 0;
      for (size_t n = 0; n < N; ++n) {
        const int32_t token = batch.tokens(b, n);
        if (token == marker && answered < seen.size()) answers(b, n) = seen[answered++];
        if (token >= first && token < marker) seen.push_back(token);
      }
    }
    return answers;
  }
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t payload_ = 16, symbols_ = 14, noise_symbols_ = 1;
};

const Registration<Task> kSelectiveCopy{
    "selective-copy", "repeat the symbols scattered in noise; length = tokens of noise",
    [] { return std::make_unique<SelectiveCopyTask>(); }};

}  // namespace
}  // namespace gnomon
