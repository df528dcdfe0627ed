// Every token reads the mean of all tokens up to itself: a softmax over equal scores, which is what
// a public version of the paper's code computes. A negative control: nothing is selected.
//
//   z_i = sum over j <= i of v_j / (i + 1)      v = W_v a
//   out_i = the gate of the pointer layer (nn/pointer/read_gate.hpp)
//   cost: N (D D + D); state: D numbers, however many tokens.
#include "core/ops/prefix_sum.hpp"
#include "core/ops/scale_rows.hpp"
#include "nn/mixers/weighing.hpp"
#include "nn/pointer/read_gate.hpp"

namespace gnomon {
namespace {

class Uniform final : public Mixer {
 public:
  explicit Uniform(const MixerPlace& place)
      : value_(part<Linear>("value", place.width, place.width, false)),
        gate_(part<ReadGate>("", place.width)),
        width_(place.width) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    const auto [B, N, D] = dims<3>(a.value(), "uniform: a [B,N,D]");
    Array share({B, N});
    for (size_t e = 0; e < share.size(); ++e)
      share.data()[e] = 1 / static_cast<real>(context.first + e % N + 1);
    auto* const sums = state_cast<Sums>(state);
    std::vector<double> carry;  // of all sequences
    for (size_t b = 0; sums && b < B; ++b)
      carry.insert(carry.end(), sums->each[b].begin(), sums->each[b].end());
    const std::vector<Var> of_a = affine_all(a, {value_.weight(), gate_.weight()});
    const Var sum = prefix_sum(of_a[0], sums ? &carry : nullptr);
    for (size_t b = 0; sums && b < B; ++b)
      std::copy_n(carry.data() + b * D, D, sums->each[b].data());
    const Var z = scale_rows(sum, share);
    if (context.watch_weights)  // one mean of all features: one head
      context.watch_weights({1, of_a[0].value(), z.value(), [](size_t, size_t, size_t n, real* w) {
                               std::fill_n(w, n + 1, 1 / static_cast<real>(n + 1));
                             }});
    return {gate_(of_a[1], z), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Sums>(sequences, std::vector<double>(width_));
  }

 private:
  using Sums = SequenceStates<std::vector<double>>;  // of v over all tokens, [D] a sequence
  const Linear& value_;
  const ReadGate& gate_;
  const size_t width_;
};

class UniformKind final : public MixerKind {
 public:
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Uniform>(place);
  }
};

const Registration<MixerKind> kUniform{
    "uniform", "every token reads the mean of all before it: a negative control",
    [] { return std::make_unique<UniformKind>(); }};

}  // namespace
}  // namespace gnomon
