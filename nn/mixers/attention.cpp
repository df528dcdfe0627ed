#include "nn/mixers/attention.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale_columns.hpp"

#include <numbers>

#include "core/ops/add.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/log.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/rotary.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/split_heads.hpp"
#include "core/ops/turn.hpp"
#include "nn/mixers/switched_off.hpp"
#include "nn/mixers/weighing.hpp"

namespace gnomon {
namespace {

/// Does query i see key j <= i?
bool seen(AttentionWindow window, size_t i, size_t j) {
  return window.tokens == 0 || i - j < window.tokens || j < window.globals;
}

/// Entry [b,h,i,j] is -1 where key j comes after query i, or is outside of its window.
Index causal_mask(const Shape& scores, AttentionWindow window, size_t first) {
  const size_t N = scores[2], M = scores.last();
  Index mask(scores);
  for (size_t r = 0; r < scores.rows(); ++r)
    for (size_t j = 0, i = first + r % N; j < M; ++j)
      mask.row(r)[j] = j <= i && seen(window, i, j) ? 0 : -1;
  return mask;
}

/// Entry [b,h,i,j] is -slope_h |i - j|.
Array distance_bias(const Shape& scores, const std::vector<real>& slopes, size_t first) {
  const size_t N = scores[2], M = scores.last();
  Array bias(scores);
  for (size_t r = 0; r < scores.rows(); ++r)
    for (size_t j = 0; j < M; ++j)
      bias.row(r)[j] = -slopes[r / N % slopes.size()] *
                       std::abs(static_cast<real>(first + r % N) - static_cast<real>(j));
  return bias;
}

/// table [H,L] -> [B,H,N,M], the entry of the lag i - j of query i and key j (0 where j > i).
Var of_lags(const Var& table, const Shape& scores, size_t first) {
  const size_t B = scores[0], H = scores[1], N = scores[2], M = scores[3], L = table.shape()[1];
  Index lag({H, B * N * M});
  for (size_t e = 0; e < lag.size(); ++e) {
    const size_t i = first + e / M % N, j = e % M;
    lag.data()[e] = static_cast<int32_t>(std::min(i < j ? 0 : i - j, L - 1));
  }
  const Var entries = gather_rows(reshape(table, {H, L, 1}), lag);
  return reshape(detail::swap_heads(reshape(entries, {1, H, B, N * M})), scores);
}

/// Keys and values of all tokens so far: 2 D numbers each; and how far, with carope, the last one
/// of each sequence is turned.
struct KeyValueCache final : StateOf<KeyValueCache> {
  KeyValueCache(size_t sequences, size_t width, size_t angles)
      : keys(sequences, width),
        values(sequences, width),
        angles(sequences, std::vector<double>(angles)) {}
  auto parts() { return std::tie(keys, values, angles); }
  void make_room(size_t tokens) override { keys.make_room(tokens), values.make_room(tokens); }
  Cache<real> keys, values;
  PerSequence<std::vector<double>> angles;
};

class AttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.choice("attention", attention_, {"fused", "composed"},
             "streaming softmax in O(N) memory, or the readable reference with N x N scores");
    f.integer("lags", lags_, 1, 1 << 16,
              "position urpe learns so many distances; the last serves all that are longer");
  }
  bool takes(const std::string&) const override { return true; }
  std::string cost() const override { return "N N D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    if (place.position != "urpe" && lags_ != MultiHeadAttention::kLags)
      fail_option("lags", "belongs to --position urpe, and it is {}", place.position);
    return std::make_unique<MultiHeadAttention>(place, attention_ == "fused", AttentionWindow{},
                                                lags_);
  }

 private:
  std::string attention_ = "fused";
  size_t lags_ = MultiHeadAttention::kLags;
};

const Registration<MixerKind> kAttention{
    "attention", "every head of every token reads a weighted mean of all tokens up to its own",
    [] { return std::make_unique<AttentionKind>(); }};

}  // namespace

Var composed_attention(const Var& q, const Var& k, const Var& v, size_t heads, bool causal,
                       const std::vector<real>& slopes, AttentionWindow window, size_t first,
                       const LagTables& lags) {
  const real width = static_cast<real>(q.shape().last() / heads);
  Var scores = scale(matmul(split_heads(q, heads), split_heads(k, heads), false, true),
                     1 / std::sqrt(width));  // [B,H,N,M]
  if (!slopes.empty()) scores = add(scores, distance_bias(scores.shape(), slopes, first));
  const bool lagged = !lags.bias.value().empty();
  if (lagged) scores = add(scores, of_lags(lags.bias, scores.shape(), first));
  Var weights = softmax(scores, causal ? causal_mask(scores.shape(), window, first) : Index());
  if (lagged) weights = mul(weights, of_lags(lags.factor, scores.shape(), first));
  return merge_heads(matmul(weights, split_heads(v, heads)));
}

std::vector<real> alibi_slopes(size_t heads) {
  std::vector<real> slopes(heads);
  for (size_t h = 0; h < heads; ++h)
    slopes[h] =
        static_cast<real>(std::exp2(-8 * static_cast<double>(h + 1) / static_cast<double>(heads)));
  return slopes;
}

MultiHeadAttention::MultiHeadAttention(const MixerPlace& place, bool fused, AttentionWindow window,
                                       size_t lags)
    : width_(place.width),
      heads_(place.heads),
      fused_(fused),
      rope_(place.position == "rope"),
      slopes_(place.position == "alibi" ? alibi_slopes(place.heads) : std::vector<real>()),
      window_(window),
      weight_(param("projection.weight", {3 * place.width, place.width},
                    init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      bias_(param("projection.bias", {3 * place.width},
                  init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      output_(part<Linear>("output", place.width, place.width)) {
  const size_t D = place.width, H = place.heads;
  const bool carope = place.position == "carope";
  if ((rope_ || carope) && D / H % 2 != 0)
    fail_option("position", "{} needs heads of even width, got width {} and heads {}",
                place.position, D, H);
  if (carope) {
    // The first speed of rotary positions: 1 / (softplus(b) + 1) = 10000^(-2/C).
    const double start = std::pow(10000.0, 2 * static_cast<double>(H) / static_cast<double>(D)) - 1;
    speed_.emplace(
        Speed{param("speed.weight", {H, D}, init::uniform(0.1 / std::sqrt(static_cast<double>(D)))),
              param("speed.bias", {H}, init::constant(start + std::log(-std::expm1(-start))))});
  }
  if (place.position == "urpe")
    // One axis: the optimizer decays what has two, and weights would fade with their factors.
    lags_ = {param("bias", {H * lags}, init::constant(0)),
             param("factor", {H * lags}, init::constant(1))};
}

/// How far the tokens are turned [B,N,H C/2], modulo a whole turn.
Var MultiHeadAttention::angles(const Var& a, PerSequence<std::vector<double>>* before) const {
  const size_t B = a.shape()[0], columns = width_ / 2, half = columns / heads_;
  const Var rate = softplus(affine(a, speed_->weight, speed_->bias));
  const Var log_f = log(add(rate, ones(rate.shape())));  // - log f
  Index head({columns});
  Array powers({columns});
  for (size_t c = 0; c < columns; ++c) {
    head.data()[c] = static_cast<int32_t>(c / half);
    powers.data()[c] = -static_cast<real>(c % half + 1);
  }
  const Var turns = exp(scale_columns(select_columns(log_f, head), powers));
  constexpr double kTurn = 2 * std::numbers::pi;
  if (!before) return prefix_sum(turns, nullptr, kTurn);
  std::vector<double> carry;
  for (const auto& one : *before) carry.insert(carry.end(), one.begin(), one.end());
  const Var sums = prefix_sum(turns, &carry, kTurn);
  for (size_t b = 0; b < B; ++b)
    std::copy_n(carry.data() + b * columns, columns, (*before)[b].data());
  return sums;
}

Mixed MultiHeadAttention::operator()(const Var& a, const PreviousPointers&, Context& context,
                                     State* state) const {
  std::vector<Var> of_a = affine_all(a, {{weight_, bias_, 3}});
  Var q = std::move(of_a[0]), k = std::move(of_a[1]), v = std::move(of_a[2]);
  if (rope_) q = rotary(q, heads_, context.first), k = rotary(k, heads_, context.first);
  auto* const cache = state_cast<KeyValueCache>(state);
  if (speed_) {
    const Var angle = angles(a, cache ? &cache->angles : nullptr);
    q = turn(q, angle, heads_), k = turn(k, angle, heads_);
  }
  if (cache) {
    k = cache->keys.append(k.value());
    v = cache->values.append(v.value());
  }
  v = read_values(v, heads_, context);
  const auto attend = fused_ ? attention : composed_attention;
  const LagTables tables = lags();
  const Var z = attend(q, k, v, heads_, true, slopes_, window_, context.first, tables);
  if (context.watch_weights) show(q.value(), k.value(), v.value(), z.value(), tables, context);
  return {output_(z), {}};
}

void MultiHeadAttention::show(const Array& q, const Array& k, const Array& v, const Array& z,
                              const LagTables& tables, const Context& context) const {
  const HeadScores score(q, k, heads_);
  const bool lagged = !tables.bias.value().empty();
  const auto entry = [&](const Var& table, size_t h, size_t lag) {
    return table.value().row(h)[std::min(lag, table.shape()[1] - 1)];
  };
  context.watch_weights({heads_, v, z, [&](size_t b, size_t h, size_t n, real* w) {
                           for (size_t j = 0; j <= n; ++j) {
                             w[j] = -std::numeric_limits<real>::infinity();
                             if (!seen(window_, n, j)) continue;
                             w[j] = score(b, h, n, j);
                             if (!slopes_.empty()) w[j] -= slopes_[h] * static_cast<real>(n - j);
                             if (lagged) w[j] += entry(tables.bias, h, n - j);
                           }
                           softmax_row(w, n + 1);
                           for (size_t j = 0; lagged && j <= n; ++j)
                             w[j] *= entry(tables.factor, h, n - j);
                         }});
}

LagTables MultiHeadAttention::lags() const {
  if (lags_.bias.value().empty()) return {};
  const size_t count = lags_.bias.value().size() / heads_;
  return {reshape(lags_.bias, {heads_, count}), reshape(lags_.factor, {heads_, count})};
}

std::unique_ptr<State> MultiHeadAttention::state(size_t sequences) const {
  return std::make_unique<KeyValueCache>(sequences, width_, speed_ ? width_ / 2 : 0);
}

}  // namespace gnomon
