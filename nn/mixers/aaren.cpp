// Attention whose query is learned and the same for all tokens: a running softmax (Feng, Tung,
// Hajimirsadeghi, Bengio, Ahmed, "Attention as an RNN", 2024, arXiv 2405.13956, section 3.3).
//
//   [k; v] = projection(a)     s[n,h] = query[h,:] . k[n,h,:] / sqrt(C)
//   o[n,h,:] = sum_{j<=n} exp(s[j,h]) v[j,h,:] / sum_{j<=n} exp(s[j,h])      y = output(o)
//
// D width, H heads, C = D / H. Cost a token: 3 D^2 for the products and 2 D for the scan; a state
// of D + 2 H numbers, however long the sequence. A token weighs the same for all that come later,
// so a head cannot look anything up: a control for reading that does not depend on who reads. Every
// layer has a query of its own.
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_columns.hpp"
#include "core/ops/softmax_scan.hpp"
#include "core/ops/sum_last.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/weighing.hpp"

namespace gnomon {
namespace {

/// Parameters: query [H,C], normal(0, 1); projection.weight [2D,D], output.weight [D,D].
class Aaren final : public Mixer {
 public:
  explicit Aaren(const MixerPlace& place)
      : width_(place.width),
        heads_(place.heads),
        query_(param("query", {place.heads, place.width / place.heads}, init::normal(1))),
        projection_(part<Linear>("projection", place.width, 2 * place.width, false)),
        output_(part<Linear>("output", place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    auto* const memory = state_cast<AarenMemory>(state);
    const size_t B = a.shape()[0], N = a.shape()[1], C = width_ / heads_;
    const Weight weight = projection_.weight();
    const std::vector<Var> of_a = affine_all(a, {{weight.w, weight.b, 2}});
    // A convolution of one token multiplies every feature by a number of its own.
    const Var product = scale_columns(of_a[0], reshape(query_, {width_}));
    const Var score =
        scale(sum_last(reshape(product, {B, N, heads_, C})), 1 / std::sqrt(static_cast<real>(C)));
    const Var o = softmax_scan(score, of_a[1], memory ? &memory->each : nullptr);
    if (context.watch_weights)
      context.watch_weights(
          {heads_, of_a[1].value(), o.value(), [&](size_t b, size_t h, size_t n, real* w) {
             for (size_t j = 0; j <= n; ++j) w[j] = score.value().row(b * N + j)[h];
             softmax_row(w, n + 1);
           }});
    return {output_(o), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<AarenMemory>(sequences, softmax_scan_start(heads_, width_ / heads_));
  }

 private:
  using AarenMemory = SequenceStates<std::vector<double>>;
  size_t width_, heads_;
  const Var& query_;
  const Linear &projection_, &output_;
};

class AarenKind final : public MixerKind {
 public:
  std::string cost() const override { return "N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Aaren>(place);
  }
};

const Registration<MixerKind> kAaren{
    "aaren", "every head reads a running mean, weighted by scores that do not depend on who reads",
    [] { return std::make_unique<AarenKind>(); }};

}  // namespace
}  // namespace gnomon
