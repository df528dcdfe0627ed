// A pointer layer in which every token points at the place that its own features name, rounded
// (candidates/rounded.cpp): what a public version of the paper's code does. A negative control: the
// choice sees no other token and receives no gradient.
#include "nn/pointer/pointer_block.hpp"

namespace gnomon {
namespace {

class RoundedPositionKind final : public MixerKind {
 public:
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<PointerBlock>(PointerConfig{.sources = "rounded"}, place);
  }
};

const Registration<MixerKind> kRoundedPosition{
    "rounded-position", "pointers to a place that is computed blindly: a negative control",
    [] { return std::make_unique<RoundedPositionKind>(); }};

}  // namespace
}  // namespace gnomon
