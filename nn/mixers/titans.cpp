// A matrix memory for each head that learns at test time: every token takes a step of gradient
// descent, with momentum and decay, on how well the memory gives the values for the keys.
//
//   [q; k; v] = projection(a), q and k of unit length      theta, alpha, eta = sigmoid(rates(a))
//   E_i = M_{n-1}^T k_i - v_i                     of the last c tokens i (`window`)
//   Z_n = eta Z_{n-1} - theta sum_i k_i E_i^T     M_n = (1 - alpha) M_{n-1} + Z_n
//   y = output(rms_norm(M_n^T q))                 for each head
//
// Titans (Behrouz, Zhong, Mirrokni, 2025, arXiv 2501.00663, section 3.1) with a linear memory and
// one token in the sum; more are the omega rule of ATLAS (Behrouz et al., 2025, arXiv 2505.23735,
// section 3.2) with equal weights. D width, H heads, C = D / H. Cost a token: 4 D^2 + 3 H D for the
// products and (2 c + 1) D C for the memory; a state of 2 D C + 2 (c - 1) D numbers. The error is
// read before the memory decays (gated delta reads it after). Left out: memories of several layers,
// convolutions, persistent tokens, and ATLAS's Muon and polynomial features.
#include "core/ops/momentum_recurrence.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/unit.hpp"

namespace gnomon {
namespace {

/// Parameters: projection.weight [3D,D]; rates.weight [3H,D] and rates.bias [3H], for theta and eta
/// from 0, for alpha from -4 (a token forgets 2 %); norm [C] from 1; output.weight [D,D].
class Titans final : public Mixer {
 public:
  Titans(const MixerPlace& place, size_t window)
      : width_(place.width),
        heads_(place.heads),
        window_(window),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        rates_weight_(param("rates.weight", {3 * place.heads, place.width},
                            init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
        rates_bias_(param("rates.bias", {3 * place.heads}, start_rates)),
        norm_(param("norm", {place.width / place.heads}, init::constant(1))),
        output_(part<Linear>("output", place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const memory = state_cast<TitansMemory>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], C = width_ / heads_;
    const std::vector<Var> of_a =
        affine_all(a, {{projection_.weight().w, {}, 3}, {rates_weight_, rates_bias_, 3}});
    const MomentumRates rates{sigmoid(of_a[3]), sigmoid(of_a[4]), sigmoid(of_a[5])};
    const Var read = momentum_recurrence(unit_heads(of_a[0]), unit_heads(of_a[1]), of_a[2], rates,
                                         window_, memory ? &memory->each : nullptr);
    return {output_(reshape(rms_norm(reshape(read, {B, N, heads_, C}), norm_), {B, N, width_})),
            {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    const size_t C = width_ / heads_;
    return std::make_unique<TitansMemory>(
        sequences, std::vector<real>(momentum_numbers(heads_, C, C, window_)));
  }

 private:
  using TitansMemory = SequenceStates<std::vector<real>>;

  static void start_rates(Array& bias, Random&) {
    const size_t H = bias.size() / 3;
    bias.fill(0);
    std::fill_n(bias.data() + H, H, real{-4});
  }
  /// Every head of x [B,N,D] to length 1.
  Var unit_heads(const Var& x) const {
    const Shape heads{x.shape()[0], x.shape()[1], heads_, width_ / heads_};
    return reshape(unit(reshape(x, heads), real(1e-6)), x.shape());
  }

  size_t width_, heads_, window_;
  const Linear& projection_;
  const Var &rates_weight_, &rates_bias_, &norm_;
  const Linear& output_;
};

class TitansKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("window", window_, 1, 64, "tokens whose errors a step of the memory sums");
  }
  std::string cost() const override { return "N D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Titans>(place, window_);
  }

 private:
  size_t window_ = 1;
};

const Registration<MixerKind> kTitans{
    "titans", "a matrix memory that learns at test time, by gradient descent with momentum",
    [] { return std::make_unique<TitansKind>(); }};

}  // namespace
}  // namespace gnomon
