#include "nn/mixers/attention.hpp"

#include "core/ops/add.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/rotary.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/split_heads.hpp"

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

/// Keys and values of all tokens so far: 2 D numbers each.
struct KeyValueCache final : StateOf<KeyValueCache> {
  KeyValueCache(size_t sequences, size_t width)
      : keys(sequences, width), values(sequences, width) {}
  auto parts() { return std::tie(keys, values); }
  void make_room(size_t tokens) override { keys.make_room(tokens), values.make_room(tokens); }
  Cache<real> keys, values;
};

class AttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.choice("attention", attention_, {"fused", "composed"},
             "streaming softmax in O(N) memory, or the readable reference with N x N scores");
  }
  bool takes(const std::string&) const override { return true; }
  std::string cost() const override { return "N N D"; }
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
                       const std::vector<real>& slopes, AttentionWindow window, size_t first) {
  const real width = static_cast<real>(q.shape().last() / heads);
  Var scores = scale(matmul(split_heads(q, heads), split_heads(k, heads), false, true),
                     1 / std::sqrt(width));  // [B,H,N,M]
  if (!slopes.empty()) scores = add(scores, distance_bias(scores.shape(), slopes, first));
  const Var weights =
      softmax(scores, causal ? causal_mask(scores.shape(), window, first) : Index());
  return merge_heads(matmul(weights, split_heads(v, heads)));
}

std::vector<real> alibi_slopes(size_t heads) {
  std::vector<real> slopes(heads);
  for (size_t h = 0; h < heads; ++h)
    slopes[h] =
        static_cast<real>(std::exp2(-8 * static_cast<double>(h + 1) / static_cast<double>(heads)));
  return slopes;
}

MultiHeadAttention::MultiHeadAttention(const MixerPlace& place, bool fused, AttentionWindow window)
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
  if (rope_ && place.width / place.heads % 2 != 0)
    fail_option("position", "rope needs heads of even width, got width {} and heads {}",
                place.width, place.heads);
}

Mixed MultiHeadAttention::operator()(const Var& a, const PreviousPointers&, Context& context,
                                     State* state) const {
  std::vector<Var> of_a = affine_all(a, {{weight_, bias_, 3}});
  Var q = std::move(of_a[0]), k = std::move(of_a[1]), v = std::move(of_a[2]);
  if (rope_) q = rotary(q, heads_, context.first), k = rotary(k, heads_, context.first);
  if (auto* const cache = state_cast<KeyValueCache>(state)) {
    k = cache->keys.append(k.value());
    v = cache->values.append(v.value());
  }
  const auto attend = fused_ ? attention : composed_attention;
  return {output_(attend(q, k, v, heads_, true, slopes_, window_, context.first)), {}};
}

std::unique_ptr<State> MultiHeadAttention::state(size_t sequences) const {
  return std::make_unique<KeyValueCache>(sequences, width_);
}

}  // namespace gnomon
