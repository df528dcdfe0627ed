#include "nn/mixers/attention.hpp"

#include "core/counters.hpp"
#include "core/ops/add.hpp"
#include "core/ops/attention.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/rotary.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/split_heads.hpp"

namespace gnomon {
namespace {

/// Does query i see key j <= i?
bool seen(Sight sight, size_t i, size_t j) {
  return sight.window == 0 || i - j < sight.window || j < sight.globals;
}

/// Entry [b,h,i,j] is -1 where key j comes after query i, or is out of its sight.
Index causal_mask(const Shape& scores, Sight sight) {
  const size_t N = scores.last();
  Index mask(scores);
  parallel_for(scores.rows(), 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      for (size_t j = 0; j < N; ++j) mask.row(r)[j] = j <= r % N && seen(sight, r % N, j) ? 0 : -1;
  });
  return mask;
}

/// Entry [b,h,i,j] is -slope_h |i - j|.
Array distance_bias(const Shape& scores, const std::vector<real>& slopes) {
  const size_t N = scores.last();
  Array bias(scores);
  parallel_for(scores.rows(), 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      for (size_t j = 0; j < N; ++j)
        bias.row(r)[j] = -slopes[r / N % slopes.size()] *
                         std::abs(static_cast<real>(r % N) - static_cast<real>(j));
  });
  return bias;
}

/// One token's query against the keys so far that it sees: y_h = sum_j p_hj v_j, p = softmax over
/// j of q_h . k_j / sqrt(C) - slope_h (n - j).
Array attend(const Array& q, const Rows& keys, const Rows& values, size_t heads,
             const std::vector<real>& slopes, Sight sight) {
  const size_t n = keys.size() - 1, D = q.size(), C = D / heads;
  const real scale = 1 / std::sqrt(static_cast<real>(C));
  std::vector<size_t> at;  // the keys
  const size_t recent = sight.window == 0 ? 0 : n + 1 - std::min(n + 1, sight.window);
  for (size_t j = 0; j < std::min(sight.globals, recent); ++j) at.push_back(j);
  for (size_t j = recent; j <= n; ++j) at.push_back(j);
  Array y(q.shape(), 0);
  counters.matrix_flops += 2 * 2 * at.size() * D;
  parallel_for(heads, 1, [&](size_t h, size_t) {
    std::vector<real> weights(at.size());
    for (size_t m = 0; m < at.size(); ++m) {
      weights[m] = scale * simd::dot(q.data() + h * C, keys[at[m]] + h * C, C);
      if (!slopes.empty()) weights[m] -= slopes[h] * static_cast<real>(n - at[m]);
    }
    const real top = simd::max(weights.data(), at.size());
    real sum = 0;
    for (size_t m = 0; m < at.size(); ++m) {
      const real weight = std::exp(weights[m] - top);
      sum += weight;
      simd::add_scaled(y.data() + h * C, weight, values[at[m]] + h * C, C);
    }
    for (size_t c = 0; c < C; ++c) y.data()[h * C + c] /= sum;
  });
  return y;
}

class AttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.choice("attention", attention_, {"fused", "composed"},
             "streaming softmax in O(N) memory, or the readable reference with N x N scores");
  }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<MultiHeadAttention>(place, attention_ == "fused");
  }

 private:
  std::string attention_ = "fused";
};

const Registration<MixerKind> kAttention{
    "attention", "every head of every token reads a weighted mean of all tokens up to its own",
    [] { return std::make_unique<AttentionKind>(); }};

}  // namespace

Var composed_attention(const Var& q, const Var& k, const Var& v, size_t heads, bool causal,
                       const std::vector<real>& slopes, Sight sight) {
  const real width = static_cast<real>(q.shape().last() / heads);
  Var scores = scale(matmul(split_heads(q, heads), split_heads(k, heads), false, true),
                     1 / std::sqrt(width));  // [B,H,N,N]
  if (!slopes.empty()) scores = add(scores, distance_bias(scores.shape(), slopes));
  const Var weights = softmax(scores, causal ? causal_mask(scores.shape(), sight) : Index());
  return merge_heads(matmul(weights, split_heads(v, heads)));
}

std::vector<real> alibi_slopes(size_t heads) {
  std::vector<real> slopes(heads);
  for (size_t h = 0; h < heads; ++h)
    slopes[h] =
        static_cast<real>(std::exp2(-8 * static_cast<double>(h + 1) / static_cast<double>(heads)));
  return slopes;
}

MultiHeadAttention::MultiHeadAttention(const MixerPlace& place, bool fused, Sight sight)
    : width_(place.width),
      heads_(place.heads),
      fused_(fused),
      turned_(place.position == "rope"),
      slopes_(place.position == "alibi" ? alibi_slopes(place.heads) : std::vector<real>()),
      sight_(sight),
      weight_(param("projection.weight", {3 * place.width, place.width},
                    init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      bias_(param("projection.bias", {3 * place.width},
                  init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      output_(add<Linear>("output", place.width, place.width)) {
  if (turned_ && place.width / place.heads % 2 != 0)
    fail_option("position", "rope needs heads of even width, got --width {} and --heads {}",
                place.width, place.heads);
}

// The weight is cut, not the product: it is the smaller of the two.
Var MultiHeadAttention::projected(const Var& a, size_t part) const {
  const size_t begin = part * width_, end = begin + width_;
  return affine(a, slice(weight_, 0, begin, end), slice(bias_, 0, begin, end));
}

MultiHeadAttention::Queried MultiHeadAttention::queried(const Var& a, size_t first) const {
  Queried all{projected(a, 0), projected(a, 1), projected(a, 2)};
  if (turned_) {
    all.q = rotary(all.q, heads_, first);
    all.k = rotary(all.k, heads_, first);
  }
  return all;
}

Mixed MultiHeadAttention::operator()(const Var& a, const Pointers&, Pass&) const {
  const auto [q, k, v] = queried(a, 0);
  const Var mixed = fused_ ? attention(q, k, v, heads_, true, slopes_, sight_)
                           : composed_attention(q, k, v, heads_, true, slopes_, sight_);
  return {output_(mixed), {}};
}

MixerStep MultiHeadAttention::stepper() const {
  return [this, keys = Rows(width_), values = Rows(width_)](const Var& a,
                                                            const Moment& moment) mutable {
    const auto [q, k, v] = queried(a, static_cast<size_t>(moment.n));
    keys.append(k.value().data());
    values.append(v.value().data());
    return Mixed{output_(attend(q.value(), keys, values, heads_, slopes_, sight_)), {}};
  };
}

}  // namespace gnomon
