// Mamba: a state for every channel that each token forgets, feeds and reads as it decides itself.
//
//   [u; z] = projection(a)          u = silu(convolution(u))          W = expansion D channels
//   [r; in; out] = selection(u)     dt = softplus(dt(r))              R = ceil(D / 16) numbers in r
//   h_n = exp(dt_n A) h_{n-1} + dt_n u_n in_n^T      A = -exp(A_log)      M states of a channel
//   y_n = h_n out_n + skip u_n                       output(y silu(z))
//
// Gu, Dao, "Mamba: linear-time sequence modeling with selective state spaces" (2023, arXiv
// 2312.00752), sections 3.2 to 3.6: the selective model S6 in their block; in and out are the
// paper's B and C. Heads are not used. Beside the products of 3 W D + (2 R + 2 M) W weights a token
// costs M W exponentials and 3 M W multiply-adds; a sequence keeps M W numbers, and the last
// kernel - 1 values of u.
//
// Differs from the paper: its blocks have no feed-forward networks between them, the encoder here
// has one after every mixer. A_log, which the paper exempts from weight decay, has one axis: the
// optimizer decays what has two.
#include <cmath>

#include "core/ops/exp.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/selective_scan.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softplus.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

struct MambaState final : StateOf<MambaState> {
  MambaState(LastTokens last, size_t sequences, size_t numbers)
      : last(std::move(last)), h(sequences, std::vector<real>(numbers)) {}
  auto parts() { return std::tie(last, h); }
  LastTokens last;
  PerSequence<std::vector<real>> h;  // [M,W] each
};

/// Parameters: projection.weight [2W,D]; convolution.weight [kernel,W], convolution.bias [W];
/// selection.weight [R+2M,W]; dt.weight [W,R], dt.bias [W]; A_log [W M]; skip [W]; output.weight
/// [D,W].
class Mamba final : public Mixer {
 public:
  Mamba(const MixerPlace& place, size_t expansion, size_t states, size_t kernel)
      : W_(expansion * place.width),
        M_(states),
        R_((place.width + 15) / 16),
        projection_(part<Linear>("projection", place.width, 2 * W_, false)),
        convolution_(part<ShortConvolution>("convolution", W_, kernel, true)),
        selection_(part<Linear>("selection", W_, R_ + 2 * M_, false)),
        dt_weight_(
            param("dt.weight", {W_, R_}, init::uniform(1 / std::sqrt(static_cast<double>(R_))))),
        dt_bias_(param("dt.bias", {W_}, steps())),
        A_log_(param("A_log", {W_ * M_}, one_to(M_))),
        skip_(param("skip", {W_}, init::constant(1))),
        output_(part<Linear>("output", W_, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<MambaState>(state);
    const std::vector<Var> of_a = affine_all(a, {{projection_.weight().w, {}, 2}});
    const Var u = silu(convolution_(of_a[0], before ? &before->last : nullptr));
    const Var selected = selection_(u);
    const auto columns = [&](size_t begin, size_t end) { return slice(selected, 2, begin, end); };
    const Var dt = softplus(affine(columns(0, R_), dt_weight_, dt_bias_));
    const Var A = scale(exp(reshape(A_log_, {W_, M_})), -1);
    const Var y = selective_scan(u, dt, A, columns(R_, R_ + M_), columns(R_ + M_, R_ + 2 * M_),
                                 skip_, before ? &before->h : nullptr);
    return {output_(mul(y, silu(of_a[1]))), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<MambaState>(convolution_.state(sequences), sequences, M_ * W_);
  }

 private:
  /// Steps softplus(bias) log-uniform in [0.001, 0.1]: memories of about 10 to 1000 tokens.
  static Init steps() {
    return [](Array& bias, Random& random) {
      for (real& v : bias) {
        const double step = std::exp(std::log(1e-3) + random.uniform() * std::log(1e-1 / 1e-3));
        v = static_cast<real>(step + std::log(-std::expm1(-step)));  // the inverse of softplus
      }
    };
  }
  /// log 1, log 2, ..., log M in each channel (the paper's S4D-Real).
  static Init one_to(size_t states) {
    return [states](Array& A_log, Random&) {
      for (size_t e = 0; e < A_log.size(); ++e)
        A_log.data()[e] = static_cast<real>(std::log(static_cast<double>(e % states + 1)));
    };
  }

  const size_t W_, M_, R_;
  const Linear& projection_;
  const ShortConvolution& convolution_;
  const Linear& selection_;
  const Var &dt_weight_, &dt_bias_, &A_log_, &skip_;
  const Linear& output_;
};

class MambaKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("mamba-states", states_, 1, 256, "numbers that every channel remembers");
    f.integer("expansion", expansion_, 1, 8, "channels for each feature of a token");
    f.integer("mamba-kernel", kernel_, 2, 8, "tokens that the short convolution in front spans");
  }
  std::string cost() const override { return "N M W"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Mamba>(place, expansion_, states_, kernel_);
  }

 private:
  size_t states_ = 16, expansion_ = 2, kernel_ = 4;
};

const Registration<MixerKind> kMamba{
    "mamba", "every channel keeps a few numbers, which each token decays, feeds and reads",
    [] { return std::make_unique<MambaKind>(); }};

}  // namespace
}  // namespace gnomon
