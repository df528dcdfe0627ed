// Block attention (MoBA): attention to the own block of tokens and to the few earlier blocks whose
// mean key suits the query best.
//
//   [q; k; v] = projection(a)        token n of block t, blocks of T tokens
//   chosen = the r blocks m < t for which q_n . (mean of k in block m) is the largest
//   y = output(softmax over the tokens of the chosen blocks, and those of block t up to n)
//
// Lu et al., "MoBA: mixture of block attention for long-context LLMs" (2025, arXiv 2502.13189),
// section 2.2. Of equally good blocks the lower one is taken. The choice has no gradient: q and k
// learn by the tokens that were read only. A token costs 4 D D weights, D n / T to choose and
// 2 D (r + 1) T to read; a sequence keeps 2 D numbers a token and D a block.
//
// Differs from the paper: every layer is of this kind (theirs ends in some of full attention), and
// blocks are short, as the sequences here are.
#include "core/ops/block_attention.hpp"
#include "core/ops/rotary.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/switched_off.hpp"
#include "nn/mixers/weighing.hpp"

namespace gnomon {
namespace {

/// With position "rope", q and k are rotated before anything else. Parameters: projection.weight
/// [3D,D]; output.weight [D,D].
class BlockAttention final : public Mixer {
 public:
  /// Keys and values of all tokens, and the sums of the keys of the finished blocks.
  struct BlockCache final : StateOf<BlockCache> {
    BlockCache(size_t sequences, size_t width)
        : keys(sequences, width), values(sequences, width), sums(sequences, width) {}
    auto parts() { return std::tie(keys, values, sums); }
    void make_room(size_t tokens) override { keys.make_room(tokens), values.make_room(tokens); }
    Cache<real> keys, values, sums;
  };

  BlockAttention(const MixerPlace& place, size_t tokens, size_t blocks)
      : width_(place.width),
        heads_(place.heads),
        tokens_(tokens),
        blocks_(blocks),
        rope_(place.position == "rope"),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        output_(part<Linear>("output", place.width, place.width, false)) {
    if (rope_ && place.width / place.heads % 2 != 0)
      fail_option("position", "rope needs heads of even width, got width {} and heads {}",
                  place.width, place.heads);
  }

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    std::vector<Var> of_a = affine_all(a, {{projection_.weight().w, {}, 3}});
    Var q = std::move(of_a[0]), k = std::move(of_a[1]), v = std::move(of_a[2]);
    if (rope_) q = rotary(q, heads_, context.first), k = rotary(k, heads_, context.first);
    auto* const cache = state_cast<BlockCache>(state);
    const size_t finished = (context.first + a.shape()[1]) / tokens_;
    Array sums;
    if (cache) {
      k = cache->keys.append(k.value());
      v = cache->values.append(v.value());
      sums = cache->sums.append(block_sums(k.value(), tokens_, cache->sums.length(), finished));
    } else {
      sums = block_sums(k.value(), tokens_, 0, finished);
    }
    const Index to = choose_blocks(q.value(), sums, heads_, tokens_, blocks_, context.first);
    v = read_values(v, heads_, context);
    const Var z = block_attention(q, k, v, to, tokens_, context.first);
    if (context.watch_weights) {
      const HeadScores score(q.value(), k.value(), heads_);
      const size_t N = a.shape()[1];
      context.watch_weights(
          {heads_, v.value(), z.value(), [&](size_t b, size_t h, size_t n, real* w) {
             std::fill_n(w, n + 1, -std::numeric_limits<real>::infinity());
             const auto see = [&](size_t m) {
               for (size_t j = m * tokens_; j < std::min(n + 1, (m + 1) * tokens_); ++j)
                 w[j] = score(b, h, n, j);
             };
             const int32_t* const chosen = to.row((b * N + n) * heads_ + h);
             for (size_t r = 0; r < blocks_; ++r)
               if (chosen[r] >= 0) see(static_cast<size_t>(chosen[r]));
             see(n / tokens_);
             softmax_row(w, n + 1);
           }});
    }
    return {output_(z), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<BlockCache>(sequences, width_);
  }

 private:
  const size_t width_, heads_, tokens_, blocks_;
  const bool rope_;
  const Linear &projection_, &output_;
};

class BlockAttentionKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("block", tokens_, 1, 65536, "tokens of a block");
    f.integer("blocks", blocks_, 1, 1024, "earlier blocks that a token reads beside its own");
  }
  bool takes(const std::string& position) const override { return position != "alibi"; }
  std::string cost() const override { return "N (N/T + r T) D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<BlockAttention>(place, tokens_, blocks_);
  }
  Example example() const override { return {.options = {{"block", "4"}, {"blocks", "2"}}}; }

 private:
  size_t tokens_ = 32, blocks_ = 3;
};

const Registration<MixerKind> kBlockAttention{
    "block-attention",
    "attention to the own block of tokens and the few earlier ones that suit best",
    [] { return std::make_unique<BlockAttentionKind>(); }};

}  // namespace
}  // namespace gnomon
