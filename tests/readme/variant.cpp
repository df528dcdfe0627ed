// nn/pointer/variants/halfway.cpp
// Every token may point at itself, at the token before it, and halfway back to the beginning.
#include "nn/pointer/pointer_block.hpp"

namespace gnomon {
namespace {

/// halfway     position n / 2             cost N; shared by the heads
class Halfway final : public FormulaSource<Halfway> {
 public:
  SourceForm form() const override { return {.types = {"halfway"}}; }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t) const {
    return n / 2;
  }
};

const Registration<CandidateSource> kHalfway{"halfway", "halfway - half as far from the beginning",
                                             [] { return std::make_unique<Halfway>(); }};

class HalvingKind final : public MixerKind {
 public:
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<PointerBlock>(PointerConfig{.sources = "window:2,halfway"}, place);
  }
};

const Registration<MixerKind> kHalving{"halving", "pointers that halve the way back",
                                       [] { return std::make_unique<HalvingKind>(); }};

}  // namespace
}  // namespace gnomon
