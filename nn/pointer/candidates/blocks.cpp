// nn/pointer/candidates/blocks.cpp
// blocks:r    token i may point at every token of the r past blocks whose summary suits it best:
//             content anywhere behind, found in two steps.
//                            cost per head and token: up to 3 sqrt(N) summaries, r sqrt(N) slots
//
//   Blocks: 3 of 1 token, 6 of 2, 12 of 4, ...; 3 S of S tokens, which begin at token S S - 1.
//   u_m = the mean of W_u a_j over block m       p_im = softmax over m of (W_q a_i) . u_m / 4
//   of the blocks that end before i, the r with the largest p offer their tokens, each with the
//   logit log p_im beside the layer's own
// The choice of blocks is hard; it learns through the logits of the tokens it brings. Where a block
// begins depends on nothing to come, and S is about sqrt(i) for every i, so no length favours it.
// Tokens of the unfinished block are left to a window.
#include "core/counters.hpp"
#include "core/ops/add.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/select_columns.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/rows.hpp"
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
  void build(const MixerPlace& place) override {
    heads_ = place.heads;
    query_ = &add<Linear>("query", place.width, heads_ * kBlockCode, false);
    summary_ = &add<Linear>("summary", place.width, heads_ * kBlockCode, false);
  }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t r = 0; r < count_; ++r) names.push_back(fmt::format("block {}", r));
    return names;
  }
  /// As many slots for each chosen block as the largest needs.
  std::vector<size_t> slot_types(size_t N) const override {
    const size_t size = largest_block(block_bounds(N));
    std::vector<size_t> all;
    for (size_t r = 0; r < count_; ++r) all.insert(all.end(), size, r);
    return all;
  }
  bool per_head() const override { return true; }

  Var offer(const Scene& scene, const Columns& columns) const override {
    const auto [B, N, D] = dims<3>(scene.features.value(), "blocks: a [B,N,D]");
    const std::vector<size_t> bounds = block_bounds(N);
    const size_t M = bounds.size() - 1, H = heads_, R = count_, S = columns.slots / R;
    if (M == 0) return {};
    const Index ends = ends_before(bounds, B, N);
    const Targets targets(ends, B, N, "blocks: ends [B,N,1,M]");
    const Var scores = gathered_dot((*query_)(scene.features), summaries(scene.features, bounds),
                                    targets, H, 1 / std::sqrt(real(kBlockCode)));
    const Var log_p = log_softmax(scores, ends);
    const Index best = best_blocks(log_p.value(), ends);
    columns.fill([&, N = N](size_t b, int64_t n, size_t h, int64_t s) {
      const auto rank = static_cast<size_t>(s) / S, offset = static_cast<size_t>(s) % S;
      return position(bounds, best.row((b * N + static_cast<size_t>(n)) * H + h)[rank], offset);
    });
    const Var chosen = gather_rows(reshape(log_p, {B * N * H, M, 1}), best);
    Index rank_of({R * S});
    for (size_t s = 0; s < R * S; ++s) rank_of.data()[s] = static_cast<int32_t>(s / S);
    return select_columns(reshape(chosen, {B, N, H, R}), rank_of);
  }
  /// Remembers the mean of every past block. Token n costs O(sqrt(n)) for each head.
  SourceStep stepper() const override {
    const size_t W = heads_ * kBlockCode;
    return [this, means = Rows(W), sum = std::vector<double>(W), before = std::vector<real>(W)](
               const Var& a, const Moment& moment, const Columns& columns) mutable {
      const std::vector<size_t> bounds = block_bounds(static_cast<size_t>(moment.n) + 1);
      const size_t M = bounds.size() - 1, H = heads_, S = columns.slots / count_;
      if (M > means.size()) {  // a block ended with the token before
        const real share = 1 / static_cast<real>(bounds[M] - bounds[M - 1]);
        std::vector<real> mean(before.size());
        for (size_t c = 0; c < mean.size(); ++c) {
          mean[c] = (static_cast<real>(sum[c]) - before[c]) * share;
          before[c] = static_cast<real>(sum[c]);
        }
        means.append(mean.data());
      }
      const Array u = (*summary_)(a).value(), query = (*query_)(a).value();
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += double{u.data()[c]};
      if (M == 0) return Var();

      counters.rows_read += M;
      Array scores({1, 1, H, M});
      for (size_t h = 0; h < H; ++h)
        for (size_t m = 0; m < M; ++m)
          scores.row(h)[m] =
              simd::dot(query.data() + h * kBlockCode, means[m] + h * kBlockCode, kBlockCode) /
              std::sqrt(real(kBlockCode));
      const Array log_p = log_softmax(scores).value();
      const Index best = best_blocks(log_p, Index({1, 1, 1, M}, 0));
      Array logits({1, 1, H, columns.slots}, 0);
      columns.fill([&](size_t, int64_t, size_t h, int64_t s) {
        const auto rank = static_cast<size_t>(s) / S, offset = static_cast<size_t>(s) % S;
        const int32_t m = best.row(h)[rank];
        if (m >= 0) logits.row(h)[s] = log_p.row(h)[m];
        return position(bounds, m, offset);
      });
      return Var(logits);
    };
  }

 private:
  /// The token at `offset` of block m; -1: there is none.
  static int64_t position(const std::vector<size_t>& bounds, int32_t m, size_t offset) {
    if (m < 0) return -1;
    const size_t j = bounds[static_cast<size_t>(m)] + offset;
    return j < bounds[static_cast<size_t>(m) + 1] ? static_cast<int64_t>(j) : -1;
  }

  /// [B,N,1,M] the last token of every block that ends before the token; -1: not ended yet.
  static Index ends_before(const std::vector<size_t>& bounds, size_t B, size_t N) {
    const size_t M = bounds.size() - 1;
    Index ends({B, N, 1, M});
    Columns{ends, 0, M}.fill([&](size_t, int64_t n, size_t, int64_t m) {
      const auto past_end = static_cast<int64_t>(bounds[static_cast<size_t>(m) + 1]);
      return past_end <= n ? past_end - 1 : -1;
    });
    return ends;
  }

  /// [B,N,H 16]: in the row of each block's last token, the block's mean.
  Var summaries(const Var& a, const std::vector<size_t>& bounds) const {
    const Var u = (*summary_)(a);
    const auto [B, N, W] = dims<3>(u.value(), "blocks: u [B,N,H 16]");
    Index before({B, N}, -1);  // for a block's last token: the last token before the block
    Array share(u.shape(), 0);
    for (size_t b = 0; b < B; ++b)
      for (size_t m = 0; m + 1 < bounds.size(); ++m) {
        const size_t last = bounds[m + 1] - 1;
        before.row(b)[last] = static_cast<int32_t>(bounds[m]) - 1;
        std::fill_n(share.row(b * N + last), W, 1 / static_cast<real>(bounds[m + 1] - bounds[m]));
      }
    const Var sum = prefix_sum(u);
    return mul(gnomon::add(sum, scale(gather_rows(sum, before), -1)), share);
  }

  /// [B N H, r] the blocks of largest log p, the best first; the first wins a tie; -1: no more.
  Index best_blocks(const Array& log_p, const Index& ends) const {
    const size_t M = log_p.shape().last(), rows = log_p.shape().rows();
    Index best({rows, count_}, -1);
    parallel_for(rows, 64, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        int32_t* chosen = best.row(row);
        const int32_t* ended = ends.row(row / heads_);
        const real* p = log_p.row(row);
        for (size_t m = 0; m < M && ended[m] >= 0; ++m) {
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
