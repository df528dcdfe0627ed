// Mamba-2: a matrix for each head that fades as a whole, by as much as each token says. All heads
// write and read theirs by the same vectors.
//
//   [z; x; in; out; dt] = projection(a)      W = 2 D channels, P = W / H of a head, M states
//   [x; in; out] = silu(convolution([x; in; out]))      dt = softplus(dt + dt_bias), one a head
//   S_n = exp(-e^A_log dt_n) S_{n-1} + in_n (dt_n x_n)^T      S [M,P]
//   y_n = S_n^T out_n + skip x_n      output(norm(y silu(z))), norm: the mean square of W to 1
//
// Dao, Gu, "Transformers are SSMs: generalized models and efficient algorithms through structured
// state space duality" (2024, arXiv 2405.21060), section 3 (the recurrence), section 7 (the block);
// in and out are the paper's B and C, and norm follows the gate. A token costs 6 D M multiply-adds
// beside the products of 6 D^2 + (2 M + H) D weights, and a sequence keeps 2 D M numbers, and the
// 3 (2 D + 2 M) of the convolution of 4 tokens. With M = C / 2 its memory is as large as that of a
// matrix [C,C] for every head.
//
// Differs from the paper: its blocks have no feed-forward networks between them, the encoder here
// has one after every mixer. A_log, dt_bias and skip have one axis: the optimizer decays what has
// two.
#include "core/ops/add.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_columns.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softplus.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/rate_starts.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

struct Mamba2State final : StateOf<Mamba2State> {
  Mamba2State(size_t sequences, size_t numbers, LastTokens last)
      : matrices(sequences, std::vector<real>(numbers)), last(std::move(last)) {}
  auto parts() { return std::tie(matrices, last); }
  PerSequence<std::vector<real>> matrices;  // [H,M,P] each
  LastTokens last;
};

/// Parameters: projection.weight [2W+2M+H,D] (z; x; in; out; dt); convolution.weight [4,W+2M],
/// convolution.bias [W+2M]; dt_bias [H]; A_log [H]; skip [H]; norm [W]; output.weight [D,W].
class Mamba2 final : public Mixer {
 public:
  Mamba2(const MixerPlace& place, size_t states)
      : H_(place.heads),
        W_(2 * place.width),
        M_(states),
        projection_(part<Linear>("projection", place.width, 2 * W_ + 2 * M_ + H_, false)),
        convolution_(part<ShortConvolution>("convolution", W_ + 2 * M_, kTaps, true)),
        dt_bias_(param("dt_bias", {H_}, init::step_biases())),
        A_log_(param("A_log", {H_}, init::log_rates())),
        skip_(param("skip", {H_}, init::constant(1))),
        norm_(param("norm", {W_}, init::constant(1))),
        output_(part<Linear>("output", W_, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<Mamba2State>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], P = W_ / H_, all = W_ + 2 * M_;
    const Var& weight = projection_.weight().w;
    const auto rows = [&](size_t begin, size_t count) {
      return slice(weight, 0, begin, begin + count);
    };
    const std::vector<Var> of_a =
        affine_all(a, {{rows(0, W_)}, {rows(W_, all)}, {rows(W_ + all, H_), dt_bias_}});
    const Var mixed = silu(convolution_(of_a[1], before ? &before->last : nullptr));
    const Var x = slice(mixed, 2, 0, W_), dt = softplus(of_a[2]);
    const Var v = scale_rows(reshape(x, {B, N, H_, P}), dt);
    const Var S = matrix_recurrence({.q = slice(mixed, 2, W_ + M_, all),
                                     .k = slice(mixed, 2, W_, W_ + M_),
                                     .v = reshape(v, {B, N, W_}),
                                     .log_w = scale_columns(dt, scale(exp(A_log_), -1)),
                                     .shared = true},
                                    H_, before ? &before->matrices : nullptr);
    const Var skip = reshape(scale_rows(ones({H_, P}), skip_), {W_});  // one for all of a head
    const Var y = add(S, scale_columns(x, skip));
    return {output_(rms_norm(mul(y, silu(of_a[0])), norm_)), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Mamba2State>(sequences, M_ * W_, convolution_.state(sequences));
  }

 private:
  static constexpr size_t kTaps = 4;

  const size_t H_, W_, M_;
  const Linear& projection_;
  const ShortConvolution& convolution_;
  const Var &dt_bias_, &A_log_, &skip_, &norm_;
  const Linear& output_;
};

class Mamba2Kind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("mamba2-states", states_, 1, 1024,
              "numbers that a channel keeps of what it has read");
  }
  std::string cost() const override { return "N M W"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Mamba2>(place, states_);
  }

 private:
  size_t states_ = 64;
};

const Registration<MixerKind> kMamba2{
    "mamba2", "a matrix a head that fades as each token says, written and read alike by all heads",
    [] { return std::make_unique<Mamba2Kind>(); }};

}  // namespace
}  // namespace gnomon
