#include "nn/mixers/attention.hpp"

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

/// Entry [b,h,i,j] is -1 where key j comes after query i.
Index causal_mask(const Shape& scores) {
  const size_t N = scores.last();
  Index mask(scores);
  parallel_for(scores.rows(), 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      for (size_t j = 0; j < N; ++j) mask.row(r)[j] = j <= r % N ? 0 : -1;
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
                       const std::vector<real>& slopes) {
  const real width = static_cast<real>(q.shape().last() / heads);
  Var scores = scale(matmul(split_heads(q, heads), split_heads(k, heads), false, true),
                     1 / std::sqrt(width));  // [B,H,N,N]
  if (!slopes.empty()) scores = add(scores, distance_bias(scores.shape(), slopes));
  const Var weights = softmax(scores, causal ? causal_mask(scores.shape()) : Index());
  return merge_heads(matmul(weights, split_heads(v, heads)));
}

std::vector<real> alibi_slopes(size_t heads) {
  std::vector<real> slopes(heads);
  for (size_t h = 0; h < heads; ++h)
    slopes[h] =
        static_cast<real>(std::exp2(-8 * static_cast<double>(h + 1) / static_cast<double>(heads)));
  return slopes;
}

MultiHeadAttention::MultiHeadAttention(const MixerPlace& place, bool fused)
    : width_(place.width),
      heads_(place.heads),
      fused_(fused),
      turned_(place.position == "rope"),
      slopes_(place.position == "alibi" ? alibi_slopes(place.heads) : std::vector<real>()),
      weight_(param("projection.weight", {3 * place.width, place.width},
                    init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      bias_(param("projection.bias", {3 * place.width},
                  init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      output_(add<Linear>("output", place.width, place.width)) {
  if (turned_ && place.width / place.heads % 2 != 0)
    fail(Exit::usage, "--position: rope needs heads of even width, got --width {} and --heads {}",
         place.width, place.heads);
}

// The weight is cut, not the product: it is the smaller of the two.
Var MultiHeadAttention::projected(const Var& a, size_t part) const {
  const size_t begin = part * width_, end = begin + width_;
  return affine(a, slice(weight_, 0, begin, end), slice(bias_, 0, begin, end));
}

Mixed MultiHeadAttention::operator()(const Var& a, const Pointers&, Pass&) const {
  Var q = projected(a, 0), k = projected(a, 1);
  const Var v = projected(a, 2);
  if (turned_) q = rotary(q, heads_), k = rotary(k, heads_);
  const Var mixed = fused_ ? attention(q, k, v, heads_, true, slopes_)
                           : composed_attention(q, k, v, heads_, true, slopes_);
  return {output_(mixed), {}};
}

}  // namespace gnomon
