// nn/pointer/candidates/rounded.cpp
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
  void build(const MixerPlace& place) override {
    hidden_ = &add<Linear>("hidden", place.width, place.width);
    place_ = &add<Linear>("place", place.width, 1);
  }
  std::vector<std::string> types() const override { return {"rounded"}; }

  Var offer(const Scene& scene, const Columns& columns) const override {
    const Array share = shares(scene.features);
    const size_t N = scene.pass.tokens.shape()[1];
    columns.fill([&](size_t b, int64_t n, size_t, int64_t) {
      return rounded(share.data()[b * N + static_cast<size_t>(n)], n);
    });
    return {};
  }
  SourceStep stepper() const override {
    return [this](const Var& a, const Moment& moment, const Columns& columns) {
      const int64_t at = rounded(shares(a).data()[0], moment.n);
      columns.fill([&](size_t, int64_t, size_t, int64_t) { return at; });
      return Var();
    };
  }

 private:
  /// How far along of what there is: 0 to 1.   a [B,N,D] -> [B,N,1]
  Array shares(const Var& a) const { return sigmoid((*place_)(gelu((*hidden_)(a)))).value(); }
  static int64_t rounded(real share, int64_t n) {
    return std::lround(double{share} * static_cast<double>(n));
  }
  const Linear *hidden_ = nullptr, *place_ = nullptr;
};

const Registration<CandidateSource> kRounded{
    "rounded", "rounded - the place that the token's own features name: a negative control",
    [] { return std::make_unique<Rounded>(); }};

}  // namespace
}  // namespace gnomon
