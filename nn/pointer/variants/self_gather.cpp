// A pointer layer in which every token can only point at itself: what the gather of a public
// version of the paper's code amounts to. A negative control: no information moves between tokens.
#include "nn/pointer/pointer_block.hpp"

namespace gnomon {
namespace {

class SelfGatherKind final : public MixerKind {
 public:
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<PointerBlock>(PointerConfig{.sources = "window:1"}, place);
  }
};

const Registration<MixerKind> kSelfGather{
    "self-gather", "pointers that can only point at their own token: a negative control",
    [] { return std::make_unique<SelfGatherKind>(); }};

}  // namespace
}  // namespace gnomon
