// tasks/selective_copy.hpp
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
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class SelectiveCopyTask final : public Task {
 public:
  void declare(Fields& f) override;
  size_t vocabulary() const override { return noise_symbols_ + symbols_ + 1; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "noise, in tokens"; }
  size_t shortest_length() const override { return 1; }
  /// One length for the batch, uniform in [shortest_length(), length].
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Lists the symbols of each sequence, then answers marker by marker.
  Index oracle(const Batch& batch) const override;
  /// Symbols are drawn uniformly: 1 / S.
  double chance(size_t) const override { return 1.0 / static_cast<double>(symbols_); }

 private:
  size_t payload_ = 16, symbols_ = 14, noise_symbols_ = 1;
};

}  // namespace gnomon
