// rounded     token n points at position round(n sigmoid(w_2 . gelu(W_1 a_n))): a place that its
//             own features name, whatever stands there. A negative control.
//             cost N D D; shared by the heads
//
// This is how a public version of the paper's code chooses (round(sigmoid(MLP(h)) (N - 1)); times n
// here, to stay causal). It cannot learn: rounding has no slope, so W_1 and w_2 never receive a
// gradient, and no h_j is ever looked at.
#include <cmath>

#include "core/ops/affine.hpp"
#include "core/ops/gelu.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/linear.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Rounded final : public CandidateSource {
 public:
  void build(const MixerPlace& place, const std::vector<size_t>&) override {
    hidden_ = &part<Linear>("hidden", place.width, place.width);
    place_ = &part<Linear>("place", place.width, 1);
  }
  SourceForm form() const override { return {.types = {"rounded"}}; }
  Offer offer(const SourceInput& input, State*) const override {
    // How far along of what there is, 0 to 1: [B,N,1].
    const Array share = sigmoid((*place_)(gelu((*hidden_)(input.features)))).value();
    return {[share, N = input.tokens(), first = input.context.first](size_t b, int64_t n, size_t,
                                                                     int32_t* to) {
      const real along = share.data()[b * N + static_cast<size_t>(n) - first];
      to[0] = static_cast<int32_t>(std::lround(double{along} * static_cast<double>(n)));
    }};
  }

 private:
  const Linear *hidden_ = nullptr, *place_ = nullptr;
};

const Registration<CandidateSource> kRounded{
    "rounded", "rounded - the place that the token's own features name: a negative control",
    [] { return std::make_unique<Rounded>(); }};

}  // namespace
}  // namespace gnomon
