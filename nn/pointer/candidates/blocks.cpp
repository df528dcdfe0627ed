// blocks:r    token i may point at every token of the r past blocks (1 unless given) whose summary
//             suits it best: content anywhere behind, found in two steps.
//                            cost per head and token: up to 3 sqrt(N) summaries, r sqrt(N) slots
//
//   Blocks: 3 of 1 token, 6 of 2, 12 of 4, ...; 3 S of S tokens, which begin at token S S - 1.
//   u_m = the mean of W_u a_j over block m       p_im = softmax over m of (W_q a_i) . u_m / 4
//   of the blocks that end before i, the r with the largest p offer their tokens, each with the
//   logit log p_im beside the layer's own
// The choice of blocks is hard; it learns through the logits of the tokens it brings. Where a block
// begins depends on nothing to come, and S is about sqrt(i) for every i, so no length favours it.
// Tokens of the unfinished block are left to a window.
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/slice.hpp"
#include "nn/linear.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

constexpr size_t kBlockCode = 16;  // numbers of a head by which blocks are found

/// The blocks that end before the last of N tokens: block m is [bounds[m], bounds[m + 1]).
std::vector<size_t> block_bounds(size_t N) {
  std::vector<size_t> bounds{0};
  for (size_t size = 1;; size *= 2)
    for (size_t m = 0; m < 3 * size; ++m) {
      if (bounds.back() + size >= N) return bounds;
      bounds.push_back(bounds.back() + size);
    }
}

/// The largest of them; blocks only grow.
size_t largest_block(const std::vector<size_t>& bounds) {
  return bounds.size() < 2 ? 1 : bounds.back() - bounds[bounds.size() - 2];
}

class Blocks final : public CandidateSource {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 64); }
  void build(const MixerPlace& place, const std::vector<size_t>&) override {
    heads_ = place.heads;
    query_ = &part<Linear>("query", place.width, heads_ * kBlockCode, false);
    summary_ = &part<Linear>("summary", place.width, heads_ * kBlockCode, false);
  }
  SourceForm form() const override {
    SourceForm form{.per_head = true, .grows = true};
    for (size_t r = 0; r < count_; ++r) form.types.push_back(fmt::format("block {}", r));
    return form;
  }
  /// As many slots for each chosen block as the largest needs.
  std::vector<size_t> slot_types(size_t M) const override {
    const size_t size = largest_block(block_bounds(M));
    std::vector<size_t> all;
    for (size_t r = 0; r < count_; ++r) all.insert(all.end(), size, r);
    return all;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Means>(sequences, heads_ * kBlockCode);
  }

  Offer offer(const SourceInput& input, State* state) const override {
    const size_t B = input.sequences(), N = input.tokens(), H = heads_, R = count_;
    const size_t first = input.context.first, S = input.slots / R;
    const std::vector<size_t> bounds = block_bounds(first + N);
    const size_t M = bounds.size() - 1;
    const Var means =
        this->means((*summary_)(input.features), bounds, first, state_cast<Means>(state));
    if (M == 0)
      return {[S, R](size_t, int64_t, size_t, int32_t* to) { std::fill_n(to, R * S, -1); }};
    const Index ended = ended_before(bounds, B, N, first);
    const Targets targets(ended, B, means.shape()[1], "blocks: ended [B,N,1,M]");
    const Var scores =
        gathered_dot((*query_)(input.features), means, targets, H, 1 / std::sqrt(real(kBlockCode)));
    const Var log_p = log_softmax(scores, ended);
    const Index best = best_blocks(log_p.value(), ended);
    const Var chosen = gather_rows(reshape(log_p, {B * N * H, M, 1}), best);
    Index rank_of({R * S});
    for (size_t s = 0; s < R * S; ++s) rank_of.data()[s] = static_cast<int32_t>(s / S);
    return {[=](size_t b, int64_t n, size_t h, int32_t* to) {
              const int32_t* m = best.row((b * N + static_cast<size_t>(n) - first) * H + h);
              for (size_t s = 0; s < R * S; ++s) to[s] = position(bounds, m[s / S], s % S);
            },
            select_columns(reshape(chosen, {B, N, H, R}), rank_of)};
  }

 private:
  /// The means of all blocks that ended, and the sum over the one that has not, of each sequence.
  struct Means final : StateOf<Means> {
    Means(size_t sequences, size_t width)
        : means(sequences, width), begun(sequences, std::vector<real>(width)) {}
    auto parts() { return std::tie(means, begun); }
    Cache<real> means;
    PerSequence<std::vector<real>> begun;
  };

  /// The token at `offset` of block m; -1: there is none.
  static int32_t position(const std::vector<size_t>& bounds, int32_t m, size_t offset) {
    if (m < 0) return -1;
    const size_t j = bounds[static_cast<size_t>(m)] + offset;
    return j < bounds[static_cast<size_t>(m) + 1] ? static_cast<int32_t>(j) : -1;
  }

  /// [B,N,1,M] the number of every block that ends before the token; -1: not ended yet.
  static Index ended_before(const std::vector<size_t>& bounds, size_t B, size_t N, size_t first) {
    const size_t M = bounds.size() - 1;
    Index ended({B, N, 1, M}, -1);
    for (size_t row = 0; row < B * N; ++row)
      for (size_t m = 0; m < M && bounds[m + 1] <= first + row % N; ++m)
        ended.row(row)[m] = static_cast<int32_t>(m);
    return ended;
  }

  /// u [B,N,H 16] of the tokens from `first` on -> the means [B,M,H 16] of all blocks so far.
  Var means(const Var& u, const std::vector<size_t>& bounds, size_t first, Means* before) const {
    const auto [B, N, W] = dims<3>(u.value(), "blocks: u [B,N,H 16]");
    // Sums that begin where the block does which the first token belongs to, a row earlier.
    const size_t known = before ? before->means.length() : 0, ended = bounds.size() - 1 - known;
    Array begun({B, 1, W}, 0);
    for (size_t b = 0; before && b < B; ++b) std::ranges::copy(before->begun[b], begun.row(b));
    const Var sum = prefix_sum(concat({begun, u}, 1));
    const auto row_of = [&](size_t m) {  // in `sum`, of all tokens before block m
      return m == known ? -1 : static_cast<int32_t>(bounds[m] - first);
    };
    if (before) {  // the tokens since the last block that ended
      const int32_t last = row_of(known + ended);
      for (size_t b = 0; b < B; ++b)
        for (size_t w = 0; w < W; ++w)
          before->begun[b][w] = sum.value()(b, N, w) - (last < 0 ? 0 : sum.value()(b, last, w));
    }
    if (ended == 0) return before ? Var(before->means.rows()) : u;
    Index end({B, ended}), begin({B, ended});
    Array share({B, ended, W});
    for (size_t e = 0; e < B * ended; ++e) {
      const size_t m = known + e % ended;
      begin.data()[e] = row_of(m);
      end.data()[e] = static_cast<int32_t>(bounds[m + 1] - first);
      std::fill_n(share.row(e), W, 1 / static_cast<real>(bounds[m + 1] - bounds[m]));
    }
    const Var mean = mul(add(gather_rows(sum, end), scale(gather_rows(sum, begin), -1)), share);
    return before ? Var(before->means.append(mean.value())) : mean;
  }

  /// [B N H, r] the blocks of largest log p, the best first; the first wins a tie; -1: no more.
  Index best_blocks(const Array& log_p, const Index& ended) const {
    const size_t M = log_p.shape().last(), rows = log_p.shape().rows();
    Index best({rows, count_}, -1);
    parallel_for(rows, 64, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        int32_t* chosen = best.row(row);
        const int32_t* ended_of = ended.row(row / heads_);
        const real* p = log_p.row(row);
        for (size_t m = 0; m < M && ended_of[m] >= 0; ++m) {
          int32_t* const at = std::find_if(
              chosen, chosen + count_, [&](int32_t other) { return other < 0 || p[m] > p[other]; });
          if (at == chosen + count_) continue;
          std::copy_backward(at, chosen + count_ - 1, chosen + count_);
          *at = static_cast<int32_t>(m);
        }
      }
    });
    return best;
  }

  size_t count_ = 1, heads_ = 1;
  const Linear *query_ = nullptr, *summary_ = nullptr;
};

const Registration<CandidateSource> kBlocks{
    "blocks", "blocks:r - all tokens of the r past blocks with the best summaries; O(N sqrt N)",
    [] { return std::make_unique<Blocks>(); }};

}  // namespace
}  // namespace gnomon
