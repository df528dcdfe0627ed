// Legendre memory unit: one number of every token goes into a memory of the last few, the same way
// for all tokens.
//
//   u_n = relu(write(a_n))            one number
//   m_n = A m_{n-1} + B u_n           M numbers: the last `span` u, as Legendre polynomials
//   y = output(relu(hidden([m; a])))
//
// Voelker, Kajic, Eliasmith, "Legendre memory units: continuous-time representation in recurrent
// neural networks" (2019), section 2; the block is that of LMUFormer (Liu et al., 2024, arXiv
// 2402.04882). A and B are fixed: of the delay of `span` tokens, discretised exactly (zero-order
// hold). One channel, which does not choose: a control. Heads are not used. A token costs
// 2 D D + M D weights and M M multiply-adds; a sequence keeps M numbers.
//
// Differs from LMUFormer: no batch normalisation, and the span is an option (theirs is the length
// of its sequences).
#include "core/ops/concat.hpp"
#include "core/ops/linear_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/reshape.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

/// The delay of `span` tokens in M Legendre polynomials, in steps of a token, in double.
class LegendreDelay {
 public:
  LegendreDelay(size_t states, double span) : A({states, states}), B({states}) {
    // exp of [A B; 0 0] is [exp(A), integral of exp(A t) B; 0 1].
    Square whole(states + 1, std::vector<double>(states + 1));
    for (size_t i = 0; i < states; ++i) {
      const double scale = (2 * static_cast<double>(i) + 1) / span;
      for (size_t j = 0; j < states; ++j)
        whole[i][j] = i < j ? -scale : (i - j) % 2 == 0 ? -scale : scale;
      whole[i][states] = i % 2 == 0 ? scale : -scale;
    }
    const Square exact = exponential(whole);
    for (size_t i = 0; i < states; ++i) {
      for (size_t j = 0; j < states; ++j) A(i, j) = static_cast<real>(exact[i][j]);
      B(i) = static_cast<real>(exact[i][states]);
    }
  }
  Array A, B;  ///< [M,M], [M]

 private:
  using Square = std::vector<std::vector<double>>;
  static Square product(const Square& a, const Square& b) {
    Square c(a.size(), std::vector<double>(a.size()));
    for (size_t i = 0; i < a.size(); ++i)
      for (size_t k = 0; k < a.size(); ++k)
        for (size_t j = 0; j < a.size(); ++j) c[i][j] += a[i][k] * b[k][j];
    return c;
  }
  /// By its series, of x / 2^s, squared s times.
  static Square exponential(Square x) {
    double largest = 0;
    for (const auto& row : x) {
      double sum = 0;
      for (const double v : row) sum += std::abs(v);
      largest = std::max(largest, sum);
    }
    size_t squarings = 0;
    for (; largest > 0.5; largest /= 2) ++squarings;
    for (auto& row : x)
      for (double& v : row) v = std::ldexp(v, -static_cast<int>(squarings));
    Square sum(x.size(), std::vector<double>(x.size())), term = sum;
    for (size_t i = 0; i < x.size(); ++i) sum[i][i] = term[i][i] = 1;
    for (int k = 1; k <= 16; ++k) {  // 0.5^16 / 16! is below what double resolves
      term = product(term, x);
      for (size_t i = 0; i < x.size(); ++i)
        for (size_t j = 0; j < x.size(); ++j) sum[i][j] += term[i][j] /= k;
    }
    for (; squarings > 0; --squarings) sum = product(sum, sum);
    return sum;
  }
};

/// Parameters: write, a Linear(D, 1) whose bias starts at 0.1; hidden, a Linear(M + D, D); output,
/// a Linear(D, D).
class LegendreMemory final : public Mixer {
 public:
  using Memory = SequenceStates<std::vector<real>>;  // [M] each

  LegendreMemory(const MixerPlace& place, size_t states, double span)
      : states_(states),
        delay_(states, span),
        write_weight_(param("write.weight", {1, place.width},
                            init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
        write_bias_(param("write.bias", {1}, init::constant(0.1))),
        hidden_(part<Linear>("hidden", states + place.width, place.width)),
        output_(part<Linear>("output", place.width, place.width)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<Memory>(state);
    const Var u = relu(affine(a, write_weight_, write_bias_));
    const Var m = linear_recurrence(reshape(u, {a.shape()[0], a.shape()[1]}), delay_.A, delay_.B,
                                    before ? &before->each : nullptr);
    return {output_(relu(hidden_(concat({m, a}, 2)))), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Memory>(sequences, std::vector<real>(states_));
  }

 private:
  const size_t states_;
  const LegendreDelay delay_;
  const Var &write_weight_, &write_bias_;
  const Linear &hidden_, &output_;
};

class LegendreMemoryKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("states", states_, 1, 256, "Legendre polynomials of the memory");
    f.number("span", span_, 1, 1e9, "tokens that the memory reaches back");
  }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<LegendreMemory>(place, states_, span_);
  }

 private:
  size_t states_ = 32;
  double span_ = 128;
};

const Registration<MixerKind> kLmu{
    "lmu", "one number of every token goes into a fixed memory of the last ones",
    [] { return std::make_unique<LegendreMemoryKind>(); }};

}  // namespace
}  // namespace gnomon
