// random:k    token i may point at k positions (4 unless given), drawn uniformly from 0, ..., i. A
//             negative control: nothing about them depends on content.
//                                                              cost N k; shared by the heads
// Drawn once and for all from (layer, i), the same for every sequence, in training and afterwards.
// A result that survives with these candidates does not come from finding the right ones.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class RandomPlaces final : public FormulaSource<RandomPlaces> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 4096); }
  void build(const MixerPlace& place, const std::vector<size_t>&) override { layer_ = place.layer; }
  SourceForm form() const override { return {.types = {"random"}}; }
  std::vector<size_t> slot_types(size_t) const override { return std::vector<size_t>(count_, 0); }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t s) const {
    const Random of_layer(0x72616e646f6d, layer_);
    Random draw = of_layer.split(static_cast<uint64_t>(n)).split(s);
    return draw.below(static_cast<uint32_t>(n) + 1);
  }

 private:
  size_t count_ = 4, layer_ = 0;
};

const Registration<CandidateSource> kRandom{
    "random", "random:k - k random earlier positions, whatever they hold: a negative control",
    [] { return std::make_unique<RandomPlaces>(); }};

}  // namespace
}  // namespace gnomon
