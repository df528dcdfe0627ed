// A Legendre memory: one number a token goes into a fixed linear memory that holds the last `span`
// tokens as the coefficients of `states` polynomials.
//
//   u = relu(write(a))      m_n = A m_{n-1} + B u_n      y = output(relu(hidden [m; a]))
//   A, B: the exact step of one token (zero-order hold) of the differential equation
//     span dm/dt = A' m + B' u,   A'[i,j] = (2 i + 1) (-1 if i < j, else (-1)^(i-j+1)),
//     B'[i] = (2 i + 1) (-1)^i
//
// Voelker, Kajic, Eliasmith, "Legendre memory units", NeurIPS 2019, equations 1 to 3; the layer
// around it is that of LMUFormer (Liu et al., 2024, arXiv 2402.04882), without its batch norms. D
// width, M states. Cost a token: 2 D^2 + M D + M^2; a state of M numbers. What it remembers is
// chosen by one number and read back the same way by every token: a control. The published layer
// has span 128, the length of its sequences.
#include "core/ops/concat.hpp"
#include "core/ops/fixed_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// Parameters: write.weight [1,D] and write.bias [1], from 0.1; hidden, a Linear(M + D, D); output,
/// a Linear(D, D).
class LegendreMemory final : public Mixer {
 public:
  LegendreMemory(const MixerPlace& place, size_t states, double span)
      : write_weight_(param("write.weight", {1, place.width},
                            init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
        write_bias_(param("write.bias", {1}, init::constant(0.1))),
        hidden_(part<Linear>("hidden", states + place.width, place.width)),
        output_(part<Linear>("output", place.width, place.width)),
        step_({states, states}),
        into_({states}) {
    const Square whole = exponential(legendre(states, span));
    for (size_t i = 0; i < states; ++i) {
      for (size_t j = 0; j < states; ++j) step_(i, j) = static_cast<real>(whole[i][j]);
      into_(i) = static_cast<real>(whole[i][states]);
    }
  }

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const memory = state_cast<LegendreState>(state);
    const Var u = relu(affine(a, write_weight_, write_bias_));
    const Var m = fixed_recurrence(u, step_, into_, memory ? &memory->each : nullptr);
    return {output_(relu(hidden_(concat({m, a}, 2)))), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<LegendreState>(sequences, std::vector<real>(into_.size()));
  }

 private:
  using LegendreState = SequenceStates<std::vector<real>>;
  using Square = std::vector<std::vector<double>>;

  /// [A', B'; 0, 0] / span: its exponential is [A, B; 0, 1].
  static Square legendre(size_t states, double span) {
    Square x(states + 1, std::vector<double>(states + 1, 0.0));
    for (size_t i = 0; i < states; ++i) {
      const double scale = static_cast<double>(2 * i + 1) / span;
      for (size_t j = 0; j < states; ++j) x[i][j] = i < j || (i - j) % 2 == 0 ? -scale : scale;
      x[i][states] = i % 2 == 0 ? scale : -scale;
    }
    return x;
  }
  static Square product(const Square& x, const Square& y) {
    Square xy(x.size(), std::vector<double>(x.size(), 0.0));
    for (size_t i = 0; i < x.size(); ++i)
      for (size_t k = 0; k < x.size(); ++k)
        for (size_t j = 0; j < x.size(); ++j) xy[i][j] += x[i][k] * y[k][j];
    return xy;
  }
  /// e^x: Taylor's series of x / 2^s, whose rows sum to less than a half, squared s times.
  static Square exponential(Square x) {
    double norm = 0;
    for (const auto& row : x) {
      double sum = 0;
      for (const double v : row) sum += std::abs(v);
      norm = std::max(norm, sum);
    }
    int halvings = 0;
    for (; norm > 0.5; norm /= 2) ++halvings;
    for (auto& row : x)
      for (double& v : row) v = std::ldexp(v, -halvings);
    Square sum(x.size(), std::vector<double>(x.size(), 0.0));
    for (size_t i = 0; i < x.size(); ++i) sum[i][i] = 1;
    Square term = sum;
    for (int k = 1; k <= 16; ++k) {
      term = product(term, x);
      for (size_t i = 0; i < x.size(); ++i)
        for (size_t j = 0; j < x.size(); ++j) sum[i][j] += term[i][j] /= k;
    }
    for (int s = 0; s < halvings; ++s) sum = product(sum, sum);
    return sum;
  }

  const Var &write_weight_, &write_bias_;
  const Linear &hidden_, &output_;
  Array step_, into_;  // A [M,M], B [M]
};

class LegendreKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("lmu-states", states_, 1, 256, "numbers of the memory");
    f.number("span", span_, 1, 1e6, "tokens that a Legendre memory holds");
  }
  std::string cost() const override { return "N M M"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<LegendreMemory>(place, states_, span_);
  }

 private:
  size_t states_ = 32;
  double span_ = 128;
};

const Registration<MixerKind> kLegendre{
    "lmu", "one number a token, remembered as Legendre coefficients of a sliding window",
    [] { return std::make_unique<LegendreKind>(); }};

}  // namespace
}  // namespace gnomon
