// Linear attention: a weighted mean of all tokens so far, whose weights are products of features:
// a matrix and a vector for each head are all that must be kept of them.
//
//   [q; k; v] = projection(a)      f, g: the features of q and k      a head has C = D / H numbers
//   S_n = w S_{n-1} + g(k_n) v_n^T      z_n = w z_{n-1} + g(k_n)
//   y_n = output(S_n^T f(q_n) / (z_n . f(q_n) + 1e-6))
//
// Katharopoulos et al., "Transformers are RNNs" (2020, arXiv 2006.16236), section 3.2. z is the
// read of a further column of v, which is all ones. With F features of a head, a token costs 2 D F
// multiply-adds (3 D F with decay) beside the products of 4 D^2 weights, and a sequence keeps
// F (D + H) numbers.
//
//   features    elu1: x + 1 or e^x (theirs); relu; F = C
//               taylor: the beginning of exp(q.k / sqrt(C)) (Based, 2024, arXiv 2402.18668, section
//               4.1), F = 1 + C + C (C + 1) / 2: meant for heads of 8 to 24 numbers
//               nala: directions to the power 3 (1/2 + tanh |q|), keys cubed, both signs apart
//               (NaLaFormer, 2025, arXiv 2506.21137, section 3), F = 2 C
//   decay       none: w = 1; retention: w = 1 - 2^(-5-h) for head h (2023, arXiv 2307.08621,
//               section 2.2), without its rotation
//   normalise   sum: as above; rms: no z, every head to mean square 1 and a gain
//
// Differs from the papers: Based has all C^2 pairs, here each stands once; retention has no output
// gate; NaLaFormer, on images, divides by a mean over the whole picture and rotates the numerator.
#include <cmath>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/divide_by_last.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/log.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/signed_power.hpp"
#include "core/ops/sum_last.hpp"
#include "core/ops/tanh.hpp"
#include "core/ops/taylor_features.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/weighing.hpp"
#include "nn/unit.hpp"

namespace gnomon {
namespace {

struct LinearAttentionOptions {
  std::string features = "elu1", decay = "none", normalise = "sum";
};

/// Parameters: projection.weight [3D,D] (q; k; v); output.weight [D,D]; norm [C], with rms.
class LinearAttention final : public Mixer {
 public:
  using Options = LinearAttentionOptions;

  LinearAttention(const MixerPlace& place, const Options& options)
      : H_(place.heads),
        C_(place.width / place.heads),
        options_(options),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        norm_(options.normalise == "rms" ? &param("norm", {C_}, init::constant(1)) : nullptr),
        output_(part<Linear>("output", place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    auto* const before = state_cast<SequenceStates<std::vector<real>>>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], D = a.shape()[2];
    const Shape by_head{B, N, H_, C_};
    std::vector<Var> of_a = affine_all(a, {{projection_.weight().w, {}, 3}});
    Var v = of_a[2];
    if (!norm_) v = concat({reshape(v, by_head), ones({B, N, H_, 1})}, 3);
    const Var q = features(reshape(of_a[0], by_head), true);
    const Var k = features(reshape(of_a[1], by_head), false);
    const Var o = matrix_recurrence({.q = q,
                                     .k = k,
                                     .v = reshape(v, {B, N, H_ * columns()}),
                                     .log_w = options_.decay == "none" ? Var() : fading(B, N)},
                                    H_, before ? &before->each : nullptr);
    const Var read = reshape(o, {B, N, H_, columns()});
    const Var mean = norm_ ? rms_norm(read, *norm_) : divide_by_last(read, real(1e-6));
    const Var z = reshape(mean, {B, N, D});
    // Brought to a common size, what is read is no longer a sum of values by weights.
    if (context.watch_weights && !norm_) {
      const size_t F = feature_count();
      const Array fade = options_.decay == "none" ? Array() : fading(1, 1);
      context.watch_weights(
          {H_, of_a[2].value(), z.value(), [&](size_t b, size_t h, size_t n, real* w) {
             const real* const of_q = q.value().row(b * N + n) + h * F;
             double sum = 1e-6;
             for (size_t j = 0; j <= n; ++j) {
               w[j] = simd::dot(of_q, k.value().row(b * N + j) + h * F, F);
               if (!fade.empty()) w[j] *= std::exp(static_cast<real>(n - j) * fade.data()[h]);
               sum += double{w[j]};
             }
             for (size_t j = 0; j <= n; ++j) w[j] = static_cast<real>(double{w[j]} / sum);
           }});
    }
    return {output_(z), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<SequenceStates<std::vector<real>>>(
        sequences, std::vector<real>(H_ * feature_count() * columns()));
  }

 private:
  size_t columns() const { return norm_ ? C_ : C_ + 1; }
  size_t feature_count() const {
    if (options_.features == "taylor") return 1 + C_ + C_ * (C_ + 1) / 2;
    return options_.features == "nala" ? 2 * C_ : C_;
  }
  /// x [B,N,H,C] -> [B,N,H F]
  Var features(const Var& x, bool of_query) const {
    Var f;
    if (options_.features == "elu1")
      f = elu1(x);
    else if (options_.features == "relu")
      f = relu(x);
    else if (options_.features == "taylor")
      f = taylor_features(x);
    else
      f = of_query ? nala_query(x) : signed_power(x, Array(rows_of(x), real{3}));
    return reshape(f, {x.shape()[0], x.shape()[1], H_ * feature_count()});
  }
  static Shape rows_of(const Var& x) {
    return Shape(std::vector<size_t>(x.shape().begin(), x.shape().end() - 1));
  }
  /// The direction of q, to the power 3 (1/2 + tanh |q|); |q| has 1e-6 inside its root.
  Var nala_query(const Var& q) const {
    constexpr real kEps = real(1e-6);
    const Shape rows = rows_of(q);
    const Var length = exp(scale(log(add(sum_last(mul(q, q)), Array(rows, kEps))), real{0.5}));
    const Var power = scale(add(tanh(length), Array(rows, real{0.5})), 3);
    return signed_power(unit(q, kEps), power);
  }
  /// log w [B,N,H]
  Array fading(size_t B, size_t N) const {
    Array log_w({B, N, H_});
    for (size_t e = 0; e < log_w.size(); ++e)
      log_w.data()[e] = static_cast<real>(std::log1p(-std::exp2(-5 - static_cast<double>(e % H_))));
    return log_w;
  }

  const size_t H_, C_;
  const Options options_;
  const Linear& projection_;
  const Var* norm_;  // null: divided by the sum of weights
  const Linear& output_;
};

class LinearAttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.choice("features", options_.features, {"elu1", "relu", "taylor", "nala"},
             "what keys and queries become, so that their products are weights");
    f.choice("decay", options_.decay, {"none", "retention"},
             "retention: head h forgets a share of 2^(-5-h) with every token");
    f.choice("normalise", options_.normalise, {"sum", "rms"},
             "what is read: by the sum of the weights, or to a common size");
  }
  std::string cost() const override { return "N D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<LinearAttention>(place, options_);
  }

 private:
  LinearAttentionOptions options_;
};

const Registration<MixerKind> kLinearAttention{
    "linear-attention",
    "a weighted mean of all tokens so far, kept as one matrix of features times values",
    [] { return std::make_unique<LinearAttentionKind>(); }};

}  // namespace
}  // namespace gnomon
