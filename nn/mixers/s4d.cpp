// S4D: every feature is filtered by a few damped oscillations, the same for every token.
//
//   x_n = exp(dt A) x_{n-1} + a_n      J = M / 2 complex modes a feature, A = -exp(log_A_real) +
//   k_n = 2 Re sum_j C (exp(dt A) - 1) / A x_n                                  i A_imag
//   [y; z] = output(gelu(k + skip a))                                           y sigmoid(z)
//
// Gu, Gupta, Goel, Re, "On the parameterization and initialization of diagonal state space models"
// (2022, arXiv 2206.11893), section 4: S4D-Lin, A = -1/2 + i pi j. Because it is the same for all
// tokens it cannot choose what to keep: the control that shows what choosing, in mamba, is worth.
// Heads are not used. Beside the product of 2 D D weights a token costs 3 M D multiply-adds; a
// sequence keeps M D numbers.
//
// Differs from the paper: the parameters of dt and A have no learning rate of their own. They have
// one axis: the optimizer decays what has two.
#include <cmath>
#include <numbers>

#include "core/ops/gelu.hpp"
#include "core/ops/mode_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// Parameters: log_dt [D]; log_A_real, A_imag [D J]; C_real, C_imag [D,J]; skip [D]; output, a
/// Linear(D, 2D).
class S4D final : public Mixer {
 public:
  using Memory = SequenceStates<std::vector<real>>;  // [J,2,D] each

  S4D(const MixerPlace& place, size_t modes)
      : numbers_(2 * modes * place.width),
        by_{param("log_dt", {place.width}, log_uniform_steps()),
            param("log_A_real", {place.width * modes}, init::constant(std::log(0.5))),
            param("A_imag", {place.width * modes}, multiples_of_pi(modes)),
            param("C_real", {place.width, modes}, init::normal(std::sqrt(0.5))),
            param("C_imag", {place.width, modes}, init::normal(std::sqrt(0.5))),
            param("skip", {place.width}, init::normal(1))},
        output_(part<Linear>("output", place.width, 2 * place.width)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<Memory>(state);
    const Var filtered = gelu(mode_recurrence(a, by_, before ? &before->each : nullptr));
    const auto [w, b, parts] = output_.weight();
    const std::vector<Var> halves = affine_all(filtered, {{w, b, 2}});
    return {mul(halves[0], sigmoid(halves[1])), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Memory>(sequences, std::vector<real>(numbers_));
  }

 private:
  /// dt in [0.001, 0.1].
  static Init log_uniform_steps() {
    return [](Array& log_dt, Random& random) {
      for (real& v : log_dt)
        v = static_cast<real>(std::log(1e-3) + random.uniform() * std::log(1e-1 / 1e-3));
    };
  }
  /// 0, pi, 2 pi, ... in each channel.
  static Init multiples_of_pi(size_t modes) {
    return [modes](Array& A_imag, Random&) {
      for (size_t e = 0; e < A_imag.size(); ++e)
        A_imag.data()[e] = static_cast<real>(std::numbers::pi * static_cast<double>(e % modes));
    };
  }

  const size_t numbers_;
  const ModeParameters by_;
  const Linear& output_;
};

class S4DKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("s4d-states", states_, 2, 256, "numbers that every channel remembers");
  }
  std::string cost() const override { return "N M D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    if (states_ % 2 != 0)
      fail_option("s4d-states", "expected an even number for s4d, whose states are complex, got {}",
                  states_);
    return std::make_unique<S4D>(place, states_ / 2);
  }

 private:
  size_t states_ = 64;
};

const Registration<MixerKind> kS4D{
    "s4d", "every feature is filtered by damped oscillations, the same for all tokens",
    [] { return std::make_unique<S4DKind>(); }};

}  // namespace
}  // namespace gnomon
