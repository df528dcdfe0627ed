// The delta rule: a matrix for each head that maps keys to values. What it answers to a key is
// compared with the value that came with it, and only the difference is written.
//
//   [q; k; v] = silu(convolution(projection(a)))      q, k of unit length
//   S' = w_n S_{n-1}      S_n = S' + k_n (beta_n (v_n - S'^T k_n))^T      o_n = S_n^T q_n / sqrt(C)
//   beta = sigmoid(beta(a)), and w, are one number a head; norm brings its mean square to 1
//   delta:         w = 1        y = output(norm(o))
//   gated-delta:   log w = -e^A_log softplus(decay(a) + dt_bias)
//                  y = output(norm(o) silu(output_gate(a)))
//
// delta: Schlag, Irie, Schmidhuber, "Linear transformers are secretly fast weight programmers"
// (2021, arXiv 2102.11174, section 4.2), in the form of Yang et al., "Parallelizing linear
// transformers with the delta rule over sequence length" (DeltaNet, 2024, arXiv 2406.06484, section
// 3). gated-delta: Yang, Kautz, Hatamizadeh, "Gated delta networks" (2024, arXiv 2412.06464,
// section 3.1); it fades first, and then reads what it corrects. A token costs 3 D C multiply-adds
// (4 where it fades) beside the products of 4 D^2 weights (5 D^2), and a sequence keeps D C numbers
// and the 9 D of the convolution of 4 tokens.
//
//   negative   beta = 2 sigmoid(..): what stands at a key can be turned round, and so parity can be
//              counted (Grazzi et al., 2024, arXiv 2411.12537)
//
// Differs from the papers: rates start above 1, and not above 0, whose logarithm has no bound.
// A_log and dt_bias have one axis: the optimizer decays what has two.
#include <cmath>

#include "core/ops/causal_convolution.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_columns.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softplus.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/rate_starts.hpp"
#include "nn/short_convolution.hpp"
#include "nn/unit.hpp"

namespace gnomon {
namespace {

struct DeltaState final : StateOf<DeltaState> {
  DeltaState(size_t sequences, size_t numbers, LastTokens last)
      : matrices(sequences, std::vector<real>(numbers)), last(std::move(last)) {}
  auto parts() { return std::tie(matrices, last); }
  PerSequence<std::vector<real>> matrices;
  LastTokens last;
};

/// Parameters: projection.weight [3D,D] (q; k; v); convolution.weight [4,3D]; beta.weight [H,D];
/// norm [C]; output.weight [D,D]. Gated: decay.weight [H,D], A_log [H], dt_bias [H],
/// output_gate.weight [D,D].
class DeltaNet final : public Mixer {
 public:
  DeltaNet(const MixerPlace& place, bool gated, bool negative)
      : H_(place.heads),
        C_(place.width / place.heads),
        negative_(negative),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        convolution_(part<ShortConvolution>("convolution", 3 * place.width, kTaps, false)),
        beta_(part<Linear>("beta", place.width, H_, false)),
        norm_(param("norm", {C_}, init::constant(1))),
        output_(part<Linear>("output", place.width, place.width, false)) {
    if (!gated) return;
    decay_ = &part<Linear>("decay", place.width, H_, false);
    A_log_ = &param("A_log", {H_}, init::log_rates());
    dt_bias_ = &param("dt_bias", {H_}, init::step_biases());
    output_gate_ = &part<Linear>("output_gate", place.width, place.width, false);
  }

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<DeltaState>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], D = a.shape()[2];
    std::vector<Weight> weights{projection_.weight(), beta_.weight()};
    if (decay_)
      weights.insert(weights.end(), {{decay_->weight().w, *dt_bias_}, output_gate_->weight()});
    const std::vector<Var> of_a = affine_all(a, weights);
    const Var x = silu(convolution_(of_a[0], before ? &before->last : nullptr));
    const auto of_heads = [&](size_t i) {
      return reshape(slice(x, 2, i * D, (i + 1) * D), {B, N, H_, C_});
    };
    const Var k = unit(of_heads(1), kEps), beta = scale(sigmoid(of_a[1]), negative_ ? 2 : 1);
    const auto flat = [&](const Var& by_head) { return reshape(by_head, {B, N, D}); };
    MatrixSteps steps{.q = flat(unit(of_heads(0), kEps)),
                      .k = flat(scale_rows(k, beta)),
                      .v = flat(of_heads(2)),
                      .e = flat(k)};
    if (decay_) {
      steps.log_w = log_w(of_a[2]);
      steps.e = flat(scale_rows(k, exp(steps.log_w)));
    }
    const Var o = matrix_recurrence(steps, H_, before ? &before->matrices : nullptr);
    // To divide by sqrt(C) before is to multiply what stands beside the mean square by C.
    const Var normal =
        flat(rms_norm(reshape(o, {B, N, H_, C_}), norm_, real(1e-5) * static_cast<real>(C_)));
    return {output_(decay_ ? mul(normal, silu(of_a[3])) : normal), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<DeltaState>(sequences, H_ * C_ * C_, convolution_.state(sequences));
  }

 private:
  static constexpr size_t kTaps = 4;
  static constexpr real kEps = real(1e-6);  // of the lengths of keys and queries
  /// -e^A_log softplus(dt), of dt [B,N,H].
  Var log_w(const Var& dt) const {
    const Var rates = scale(exp(*A_log_), -1);
    return scale_columns(softplus(dt), rates);
  }

  const size_t H_, C_;
  const bool negative_;
  const Linear& projection_;
  const ShortConvolution& convolution_;
  const Linear& beta_;
  const Var& norm_;
  const Linear& output_;
  const Linear* decay_ = nullptr;  // gated, and what follows
  const Var *A_log_ = nullptr, *dt_bias_ = nullptr;
  const Linear* output_gate_ = nullptr;
};

template <bool gated>
class DeltaKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.flag("negative", negative_, "what stands at a key can be turned round: beta up to 2");
  }
  std::string cost() const override { return "N D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<DeltaNet>(place, gated, negative_);
  }

 private:
  bool negative_ = false;
};

const Registration<MixerKind> kDelta{
    "delta", "a matrix a head that maps keys to values, corrected by what it gets wrong",
    [] { return std::make_unique<DeltaKind<false>>(); }};
const Registration<MixerKind> kGatedDelta{
    "gated-delta", "the delta rule, with a memory that fades as much as each token says",
    [] { return std::make_unique<DeltaKind<true>>(); }};

}  // namespace
}  // namespace gnomon
