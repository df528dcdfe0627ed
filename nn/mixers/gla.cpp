// Gated linear attention: linear attention in which every key channel decides, token by token, how
// much of what it holds it keeps.
//
//   [q; k; v] = projection(a)      log w = log sigmoid(gate_up(gate_down(a))) / 16
//   S_n = diag(w_n) S_{n-1} + k_n v_n^T      o_n = S_n^T q_n / sqrt(C)
//   y_n = output(norm(o_n) silu(output_gate(a_n)))      norm: the mean square of a head to 1
//
// Yang et al., "Gated linear attention transformers with hardware-efficient training" (2023, arXiv
// 2312.06635), sections 4.1 and 4.4. The gate has a bottleneck of 16, and its sixteenth root starts
// memories near 1 (w = 0.958 at 0). A token costs 3 D C multiply-adds beside the products of
// 5 D^2 + 32 D weights, and a sequence keeps D C numbers. It has no convolution of its own.
//
//   lawcat   (Liu et al., "LAWCAT", 2025, arXiv 2509.18467): short convolutions of q and k that
//            begin as the identity; features elu1(F_h q), elu1(F_h k), F_h [C,C] from the
//            identity; o is divided by z . q, z the read of a further column of v, all ones, that
//            fades alike; no norm and no output gate. Theirs is distilled from softmax attention,
//            with features trained for that: here they are learned with the rest.
//
// Differs from the paper: its keys are half as wide as its values, here as wide.
#include "core/ops/concat.hpp"
#include "core/ops/divide_by_last.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/split_heads.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

struct GatedLinearState final : StateOf<GatedLinearState> {
  GatedLinearState(size_t sequences, size_t numbers, LastTokens q, LastTokens k)
      : matrices(sequences, std::vector<real>(numbers)), q(std::move(q)), k(std::move(k)) {}
  auto parts() { return std::tie(matrices, q, k); }
  PerSequence<std::vector<real>> matrices;
  LastTokens q, k;  // of the convolutions, if there are any
};

/// Parameters: projection.weight [3D,D] (q; k; v); gate_down.weight [16,D]; gate_up.weight [D,16],
/// gate_up.bias [D]; output.weight [D,D]. Published form: output_gate.weight [D,D], norm [C].
/// lawcat: convolution_q.weight, convolution_k.weight [4,D], features [H,C,C].
class GatedLinearAttention final : public Mixer {
 public:
  GatedLinearAttention(const MixerPlace& place, bool lawcat)
      : H_(place.heads),
        C_(place.width / place.heads),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        gate_down_(part<Linear>("gate_down", place.width, kRank, false)),
        gate_up_(part<Linear>("gate_up", kRank, place.width)),
        output_(part<Linear>("output", place.width, place.width, false)) {
    if (lawcat) {
      for (const char* name : {"convolution_q", "convolution_k"})
        convolutions_.push_back(&part<ShortConvolution>(name, place.width, kTaps, false, passing));
      features_ = &param("features", {H_, C_, C_}, identities);
    } else {
      output_gate_ = &part<Linear>("output_gate", place.width, place.width, false);
      norm_ = &param("norm", {C_}, init::constant(1));
    }
  }

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<GatedLinearState>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], D = a.shape()[2];
    std::vector<Weight> weights{{projection_.weight().w, {}, 3}, gate_down_.weight()};
    if (output_gate_) weights.push_back(output_gate_->weight());
    const std::vector<Var> of_a = affine_all(a, weights);
    Var q = of_a[0], k = of_a[1], v = of_a[2];
    if (features_) {
      q = feature((*convolutions_[0])(q, before ? &before->q : nullptr));
      k = feature((*convolutions_[1])(k, before ? &before->k : nullptr));
      v = reshape(concat({reshape(v, {B, N, H_, C_}), ones({B, N, H_, 1})}, 3),
                  {B, N, H_ * (C_ + 1)});
    }
    const Var log_w = scale(softplus(scale(gate_up_(of_a[3]), -1)), real{-1} / 16);
    const Var o = matrix_recurrence({.q = q, .k = k, .v = v, .log_w = log_w}, H_,
                                    before ? &before->matrices : nullptr);
    const Var by_head = reshape(o, {B, N, H_, o.shape()[2] / H_});
    if (features_) return {output_(reshape(divide_by_last(by_head, real(1e-10)), {B, N, D})), {}};
    // To divide by sqrt(C) before is to multiply what stands beside the mean square by C.
    const Var normal = rms_norm(by_head, *norm_, real(1e-5) * static_cast<real>(C_));
    return {output_(mul(reshape(normal, {B, N, D}), silu(of_a[4]))), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    const auto last = [&](size_t i) {
      return features_ ? convolutions_[i]->state(sequences) : LastTokens(sequences);
    };
    return std::make_unique<GatedLinearState>(sequences, H_ * C_ * (features_ ? C_ + 1 : C_),
                                              last(0), last(1));
  }

 private:
  static constexpr size_t kRank = 16, kTaps = 4;
  static void passing(Array& weight, Random&) {
    weight.fill(real(0.001));
    std::fill_n(weight.row(0), weight.shape()[1], real{1});
  }
  static void identities(Array& of_heads, Random&) {
    const size_t C = of_heads.shape()[1];
    for (size_t row = 0; row < of_heads.shape().rows(); ++row)
      for (size_t c = 0; c < C; ++c) of_heads.row(row)[c] = row % C == c ? real{1} : real{0};
  }
  /// x [B,N,D] -> [B,N,D]: elu1 of a map of each head.
  Var feature(const Var& x) const {
    const size_t B = x.shape()[0], N = x.shape()[1], D = x.shape()[2];
    const Var heads = split_heads(reshape(x, {1, B * N, D}), H_);
    const Var mapped = matmul(heads, reshape(*features_, {1, H_, C_, C_}), false, true);
    return elu1(reshape(merge_heads(mapped), {B, N, D}));
  }

  const size_t H_, C_;
  const Linear &projection_, &gate_down_, &gate_up_, &output_;
  std::vector<const ShortConvolution*> convolutions_;  // lawcat: of q and k
  const Var* features_ = nullptr;                      // lawcat
  const Linear* output_gate_ = nullptr;                // published form
  const Var* norm_ = nullptr;
};

class GatedLinearAttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.flag("lawcat", lawcat_,
           "convolutions of keys and queries, learned features and a denominator; no output gate");
  }
  std::string cost() const override { return "N D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<GatedLinearAttention>(place, lawcat_);
  }

 private:
  bool lawcat_ = false;
};

const Registration<MixerKind> kGatedLinearAttention{
    "gla", "linear attention of which every key channel forgets as much as each token says",
    [] { return std::make_unique<GatedLinearAttentionKind>(); }};

}  // namespace
}  // namespace gnomon
