// nn/pointer/variants/uniform.cpp
// Every token reads the mean of all tokens up to itself: a softmax over equal scores, which is what
// a public version of the paper's code computes. A negative control: nothing is selected.
//
//   z_i = sum over j <= i of v_j / (i + 1)      v = W_v a
//   out_i = sigmoid(W_g a_i + W_z z_i + b_g) * (W_o z_i)          as in the pointer layer
//   cost: N (D D + D); one token at a time O(D D), and D numbers remembered.
#include <cmath>

#include "core/ops/affine.hpp"
#include "core/ops/gate.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/scale_rows.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

class Uniform final : public Mixer {
 public:
  explicit Uniform(const MixerPlace& place)
      : value_(add<Linear>("value", place.width, place.width, false)),
        gate_weight_(param("gate.weight", {place.width, place.width},
                           init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
        gate_bias_(param("gate.bias", {place.width}, init::constant(1))),
        gate_read_(add<Linear>("gate_read", place.width, place.width, false)),
        output_(add<Linear>("output", place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const Pointers&, Pass&) const override {
    const auto [B, N, D] = dims<3>(a.value(), "uniform: a [B,N,D]");
    Array share({B, N});
    for (size_t e = 0; e < share.size(); ++e) share.data()[e] = 1 / static_cast<real>(e % N + 1);
    return {gated(a, scale_rows(prefix_sum(value_(a)), share)), {}};
  }
  MixerStep stepper() const override {
    return [this, sum = std::vector<double>()](const Var& a, const Moment& moment) mutable {
      const Array value = value_(a).value();
      Array z(value.shape());
      sum.resize(value.size());
      for (size_t d = 0; d < sum.size(); ++d) {
        sum[d] += double{value.data()[d]};
        z.data()[d] = static_cast<real>(sum[d]) * (1 / static_cast<real>(moment.n + 1));
      }
      return Mixed{gated(a, z), {}};
    };
  }

 private:
  Var gated(const Var& a, const Var& z) const {
    return gate(affine(a, gate_weight_, gate_bias_), gate_read_(z), output_(z));
  }
  const Linear& value_;
  const Var &gate_weight_, &gate_bias_;
  const Linear &gate_read_, &output_;
};

class UniformKind final : public MixerKind {
 public:
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Uniform>(place);
  }
};

const Registration<MixerKind> kUniform{
    "uniform", "every token reads the mean of all before it: a negative control",
    [] { return std::make_unique<UniformKind>(); }};

}  // namespace
}  // namespace gnomon
