// RWKV-7: a matrix for each head, of which every channel fades by itself, what stands at one key is
// removed, and a value is written at another; all of it as each token says.
//
//   x_s = a_n + mix_s (a_{n-1} - a_n)      for each s of r, w, k, v, a, g
//   r = receptance(x_r)      k = key(x_k)      v = value(x_v)
//   log w = -e^(-1/2) sigmoid(decay(x_w))      rate = sigmoid(rate(x_a))      g = gate(x_g)
//   decay, rate and gate are of low rank: up(act(down(x))) + bias
//   e = k k_k, of unit length in each head      b = rate e      k~ = k (1 + (rate - 1) k_a)
//   S_n = diag(w_n) S_{n-1} - b_n (S_{n-1}^T e_n)^T + k~_n v_n^T      o_n = S_n^T r_n
//   y = output(g (norm(o) + (sum_c r_c k~_c r_k_c) v))      norm: of each head, eps 1e-5 C
//
// Peng et al., "RWKV-7 Goose with expressive dynamic state evolution" (2025, arXiv 2503.14456),
// section 4. It removes what it reads before it fades, gated-delta after that. The act of decay is
// tanh, of gate sigmoid, of rate none. A token costs 5 D C multiply-adds beside the products of
// 4 D^2 weights and 2 D for each rank; a sequence keeps D C numbers, and the last token's D. Ranks
// as published, at least 32: the two of decay and rate grow as 2.5 sqrt(D), that of gate as
// 5 sqrt(D), in steps of 32. The starts are those of the published code (BlinkDL/RWKV-LM), by
// layer, channel and head: output 0, so that at first nothing but output itself learns.
//
// Differs from the paper: the values of the first layer are not mixed into those of the others (its
// value residual); its channel mixing is the encoder's feed-forward network.
#include <cmath>
#include <numeric>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_columns.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/sum_last.hpp"
#include "core/ops/tanh.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/short_convolution.hpp"
#include "nn/unit.hpp"

namespace gnomon {
namespace {

struct Rwkv7State final : StateOf<Rwkv7State> {
  Rwkv7State(size_t sequences, size_t numbers, size_t width)
      : matrices(sequences, std::vector<real>(numbers)),
        last(sequences, std::vector<real>(width)) {}
  auto parts() { return std::tie(matrices, last); }
  PerSequence<std::vector<real>> matrices;
  LastTokens last;
};

/// Parameters, all weights [out,in]: mix_r, mix_w, mix_k, mix_v, mix_a, mix_g [D]; receptance, key,
/// value, output [D,D]; decay, rate, gate: down [rank,D], up [D,rank], and bias [D] but for gate;
/// k_k, k_a [D]; r_k [H,C]; norm, norm_bias [D].
class Rwkv7 final : public Mixer {
 public:
  Rwkv7(const MixerPlace& place, size_t rank)
      : H_(place.heads),
        C_(place.width / place.heads),
        output_(weight("output", init::constant(0))),
        receptance_(weight("receptance", orthogonal(1))),
        key_(weight("key", orthogonal(0.1))),
        value_(weight("value", orthogonal(1))),
        decay_(low_rank("decay", rank > 0 ? rank : published_rank(2.5), decay_start(place))),
        rate_(low_rank("rate", rank > 0 ? rank : published_rank(2.5), rate_start())),
        gate_(low_rank("gate", rank > 0 ? rank : published_rank(5), {})),
        k_k_(param("k_k", {D()}, by_channel([this](size_t d) { return 0.71 - 0.1 * linear(d); }))),
        k_a_(param("k_a", {D()}, init::constant(1.02))),
        r_k_(param("r_k", {H_, C_}, init::constant(-0.04))),
        norm_(param("norm", {D()},
                    init::constant(std::pow(share(place.layer + 1, place.layers), 0.7)))),
        norm_bias_(param("norm_bias", {D()}, init::constant(0))) {
    const double depth = 1 - share(place.layer, place.layers);
    for (const auto& [name, power] : {std::pair{"mix_r", 0.2},
                                      {"mix_w", 0.9},
                                      {"mix_k", 0.7},
                                      {"mix_v", 0.7},
                                      {"mix_a", 0.9},
                                      {"mix_g", 0.2}})
      mixes_.push_back(&param(name, {D()}, by_channel([this, p = power * depth](size_t d) {
                                return 1 - std::pow(share(d, D()), p);
                              })));
  }

  Mixed operator()(const Var& a, const PreviousPointers&, Context&, State* state) const override {
    auto* const before = state_cast<Rwkv7State>(state);
    const size_t B = a.shape()[0], N = a.shape()[1];
    const auto by_head = [&](const Var& x) { return reshape(x, {B, N, H_, C_}); };
    const auto flat = [&](const Var& x) { return reshape(x, {B, N, D()}); };
    const std::vector<Var> x = mixed(a, before ? &before->last : nullptr);
    const Var r = affine(x[0], receptance_), k = affine(x[2], key_), v = affine(x[3], value_);
    const Var log_w = scale(sigmoid(decay_(x[1], [](const Var& u) { return tanh(u); })),
                            static_cast<real>(-std::exp(-0.5)));
    const Var rate = sigmoid(rate_(x[4], [](const Var& u) { return u; }));
    const Var g = gate_(x[5], [](const Var& u) { return sigmoid(u); });

    const Var e = flat(unit(by_head(scale_columns(k, k_k_)), real(1e-12)));
    const Var written = mul(k, scale_columns(rate, k_a_, one_less(k_a_)));
    const Var o =
        matrix_recurrence({.q = r, .k = written, .v = v, .log_w = log_w, .e = e, .b = mul(rate, e)},
                          H_, before ? &before->matrices : nullptr);

    const Var normal = layer_norm(by_head(o), ones({C_}), Array({C_}, real{0}),
                                  real(1e-5) * static_cast<real>(C_));
    const Var own =
        sum_last(by_head(mul(r, scale_columns(written, reshape(r_k_, {D()})))));  // [B,N,H]
    const Var read =
        add(scale_columns(flat(normal), norm_, norm_bias_), flat(scale_rows(by_head(v), own)));
    return {affine(mul(g, read), output_), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Rwkv7State>(sequences, D() * C_, D());
  }

 private:
  /// up(act(down(x))) + bias.
  struct LowRank {
    const Var &down, &up;
    const Var* bias;
    template <class Act>
    Var operator()(const Var& x, Act&& act) const {
      return affine(act(affine(x, down)), up, bias ? *bias : Var());
    }
  };

  size_t D() const { return H_ * C_; }
  size_t published_rank(double factor) const {
    const double root = std::sqrt(static_cast<double>(D()));
    return std::max<size_t>(32, 32 * static_cast<size_t>(std::lround(factor * root / 32)));
  }
  Var& weight(const std::string& name, Init start) {
    return param(name + ".weight", {D(), D()}, std::move(start));
  }
  LowRank low_rank(const std::string& name, size_t rank, Init bias) {
    const double wide = std::max(1.0, share(rank, D()));
    Var& down = param(name + ".down.weight", {rank, D()}, init::constant(0));
    Var& up = param(name + ".up.weight", {D(), rank}, orthogonal(0.1 * std::sqrt(wide)));
    return {down, up, bias ? &param(name + ".bias", {D()}, std::move(bias)) : nullptr};
  }

  /// The six x_s; `last` is the token before, and is brought forward.
  std::vector<Var> mixed(const Var& a, LastTokens* last) const {
    const size_t B = a.shape()[0], N = a.shape()[1];
    Var window = a;
    if (last) {
      Array known({B, 1, D()});
      for (size_t b = 0; b < B; ++b) {
        std::ranges::copy((*last)[b], known.row(b));
        std::copy_n(a.value().row(b * N + N - 1), D(), (*last)[b].data());
      }
      window = concat({known, a}, 1);
    }
    std::vector<Var> all;
    for (const Var* mix : mixes_) {
      const Shape row{1, D()};
      const Var taps = concat({reshape(one_less(*mix), row), reshape(*mix, row)}, 0);
      const Var y = causal_convolution(window, taps, Array({D()}, real{0}));
      all.push_back(last ? slice(y, 1, 1, N + 1) : y);
    }
    return all;
  }
  static Var one_less(const Var& x) { return add(scale(x, -1), ones(x.shape())); }

  // --- Starts ------------------------------------------------------------------------------------
  static double share(size_t part, size_t of) {
    return static_cast<double>(part) / static_cast<double>(of);
  }
  template <class Start>
  Init by_channel(Start start) const {
    return [start](Array& x, Random&) {
      for (size_t d = 0; d < x.size(); ++d) x.data()[d] = static_cast<real>(start(d));
    };
  }
  /// From -1/2 to 1/2 over all channels.
  double linear(size_t d) const { return share(d, std::max<size_t>(D() - 1, 1)) - 0.5; }
  /// From -1 to 1 over those of a head, flat in the middle.
  double bent(size_t d) const {
    const double middle = static_cast<double>(C_ - 1) / 2;
    const double x = (static_cast<double>(d % C_) - middle) / std::max(middle, 1.0);
    return x * std::abs(x);
  }
  Init decay_start(const MixerPlace& place) const {
    const double depth = share(place.layer, std::max<size_t>(place.layers - 1, 1));
    return by_channel([this, power = 1 + std::pow(depth, 0.3)](size_t d) {
      return -5.5 + 6 * std::pow(linear(d) + 0.5, power) + 2.5 * bent(d);
    });
  }
  Init rate_start() const {
    return by_channel([this](size_t d) { return -0.19 + 0.3 * bent(d) + 0.4 * linear(d); });
  }
  /// Rows of length `gain` at right angles, or columns where those are fewer: Gram-Schmidt, twice.
  static Init orthogonal(double gain) {
    return [gain](Array& x, Random& random) {
      const size_t R = x.shape()[0], W = x.shape()[1], count = std::min(R, W), n = std::max(R, W);
      const Array drawn = random.normal({count, n});
      std::vector<std::vector<double>> rows(count);
      for (size_t i = 0; i < count; ++i) {
        std::vector<double>& row = rows[i];
        row.assign(drawn.row(i), drawn.row(i) + n);
        for (size_t again = 0; again < 2; ++again)
          for (size_t j = 0; j < i; ++j) {
            const double along = std::inner_product(row.begin(), row.end(), rows[j].begin(), 0.0);
            for (size_t e = 0; e < n; ++e) row[e] -= along * rows[j][e];
          }
        const double length =
            std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
        for (double& v : row) v /= length;
      }
      for (size_t i = 0; i < R; ++i)
        for (size_t j = 0; j < W; ++j)
          x.row(i)[j] = static_cast<real>(gain * (R <= W ? rows[i][j] : rows[j][i]));
    };
  }

  const size_t H_, C_;
  const Var &output_, &receptance_, &key_, &value_;
  const LowRank decay_, rate_, gate_;
  const Var &k_k_, &k_a_, &r_k_, &norm_, &norm_bias_;
  std::vector<const Var*> mixes_;  // of r, w, k, v, a, g
};

class Rwkv7Kind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("rank", rank_, 0, 1024, "of decay, rate and gate; 0: as published, by the width");
  }
  std::string cost() const override { return "N D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Rwkv7>(place, rank_);
  }

 private:
  size_t rank_ = 0;
};

const Registration<MixerKind> kRwkv7{
    "rwkv7", "a matrix a head of which each token fades, removes and writes what it says",
    [] { return std::make_unique<Rwkv7Kind>(); }};

}  // namespace
}  // namespace gnomon
