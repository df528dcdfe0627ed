// attention: softmax attention in one op; the N x N scores exist one block at a time.
//
//   s_ij = q_i . k_j / sqrt(C) - slope |i - j|       causal: j <= i only
//   p_ij = exp(s_ij - lse_i)       lse_i = log sum_j exp(s_ij)       y_i = sum_j p_ij v_j
//   q [B,N,H C] (a head is a slice of the last axis), k, v [B,M,H C], slopes [H] or none
//   -> y [B,N,H C]     M = N; or, in the middle of sequences, query i stands at position first + i
//   and k, v hold all tokens so far, M >= first + N (no gradient then)
//   backward, from q, k, v, y and one lse per row and head:    d_i = dy_i . y_i
//     dv_j = sum_i p_ij dy_i       ds_ij = p_ij (dy_i . v_j - d_i)
//     dq_i = sum_j ds_ij k_j / sqrt(C)      dk_j = sum_i ds_ij q_i / sqrt(C)
//   With tables of lags (causal only), bias and factor [H,L], l = min(i - j, L - 1):
//     s_ij is bias[l] more, and y_i = sum_j p_ij factor[l] v_j (rows no longer sum to one)
//     dv_j = sum_i p_ij factor[l] dy_i    ds_ij = p_ij (factor[l] dy_i . v_j - d_i)
//     dbias[l] = sum ds_ij    dfactor[l] = sum p_ij dy_i . v_j    over the pairs of lag l
//     (URPE: Luo et al., "Your transformer may not be as powerful as you expect", 2022,
//     arXiv 2205.13401, section 4)
//   cost: N^2 C multiply-adds a product and head (2 forward, 5 backward), half of it when causal;
//   memory: O(N). With a window (causal only), token i sees w tokens up to itself and the first g
//   tokens (AttentionWindow), and the cost is N (w + g) C. A few queries at the end of
//   many keys are taken one by one: a block of scores would be mostly empty.
//
// The sum over j streams over blocks of keys with a running maximum (Milakov and Gimelshein,
// "Online normalizer calculation for softmax", 2018; Rabe and Staats, "Self-attention does not need
// O(n^2) memory", 2021; blocks, and the recomputation of p in the backward pass: Dao et al.,
// "FlashAttention", 2022). Blocks stand transposed, [keys, queries]: a register holds one key's
// scores of many queries, so maximum and sum over the keys never cross lanes, and any C fits.
#pragma once

#include <cmath>

#include "core/counters.hpp"
#include "core/simd/block.hpp"
#include "core/simd/gather.hpp"
#include "core/simd/lags.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Which keys a query sees, beside those that causality hides: all, or the `tokens` tokens up to
/// itself and the first `globals` tokens of the sequence (Beltagy et al., "Longformer", 2020).
struct AttentionWindow {
  size_t tokens = 0;  ///< 0: all
  size_t globals = 0;
};

/// What a pair adds to its score, and what it multiplies its weight by, for each head and lag
/// [H,L]; lags from L - 1 on share the last entry. Both or none.
struct LagTables {
  Var bias = {}, factor = {};
};

namespace detail {

/// What the blocks of one attention have in common.
struct AttentionPlan {
  static constexpr size_t kQueries = 64, kKeys = 64;  // a block of scores: 16 KiB in float
  static constexpr real kUnseen = real(-1e30);
  static constexpr size_t kFew = 8;  // queries that are taken one by one
  size_t B, N, M, H, C;
  size_t start;  // position of the first query
  bool causal;
  std::vector<real> slopes;
  AttentionWindow window = {};
  Array bias = {}, factor = {};  // of lags: [H,L]; empty: none

  bool lagged() const { return !bias.empty(); }
  size_t lags() const { return bias.shape().last(); }
  simd::LagBlock<kKeys, kQueries> lag_block(size_t first, size_t key) const {
    return {lags(), start + first, key};
  }
  size_t query_blocks() const { return (N + kQueries - 1) / kQueries; }
  size_t width() const { return (C + simd::kLanes - 1) / simd::kLanes * simd::kLanes; }
  /// Where row n of head h begins in a [B,N,H C] array.
  size_t at(size_t b, size_t n, size_t h) const { return ((b * N + n) * H + h) * C; }
  /// The same in keys and values [B,M,H C].
  size_t key_at(size_t b, size_t j, size_t h) const { return ((b * M + j) * H + h) * C; }
  size_t queries(size_t first) const { return std::min(kQueries, N - first); }
  /// How many keys the block of queries from `first` on sees.
  size_t visible(size_t first) const { return causal ? start + first + queries(first) : M; }
  /// Of the blocks of keys that begin at `key` or later, where the first begins of which the
  /// queries from `first` on see anything.
  size_t next(size_t first, size_t key) const {
    if (window.tokens == 0 || key < window.globals) return key;
    return std::max(key, oldest(first) / kKeys * kKeys);
  }
  /// The first key in the window of the query `n`.
  size_t oldest(size_t n) const {
    const size_t seen = start + n + 1;
    return window.tokens == 0 ? 0 : seen - std::min(seen, window.tokens);
  }
  /// Calls work(key, keys) for each block of keys that the queries from `first` on see.
  template <class Work>
  void each_block(size_t first, Work&& work) const {
    const size_t end = visible(first);
    for (size_t key = next(first, 0); key < end; key = next(first, key + kKeys))
      work(key, std::min(kKeys, end - key));
  }
  /// Pairs (query, key) in all blocks that are computed, per batch and head.
  size_t pairs() const {
    size_t sum = 0;
    for (size_t first = 0; first < N; first += kQueries)
      each_block(first, [&](size_t, size_t keys) { sum += queries(first) * keys; });
    return sum;
  }
  // Scores are kept in units of log 2: exp2 is cheaper than exp.
  real score_scale() const {
    return static_cast<real>(1 / (std::sqrt(static_cast<double>(C)) * std::log(2.0)));
  }

  /// s[key j, query i] of one block, transposed; `queries` is [C, kQueries], scaled by
  /// score_scale().
  /// `block` [kKeys, C] receives the keys: their rows, H C apart, would keep evicting each other
  /// from the first cache. Keys above the diagonal get -infinity, so that their weight is exactly
  /// 0. Keys outside of the window get a large negative number: a query may see nothing of its
  /// first block, and what it then sums up shrinks to 0 with the first key that it does see.
  void scores(size_t b, size_t h, size_t first, const real* queries, size_t key, size_t keys,
              const Array& k, real* block, real* s) const {
    using simd::kLanes, simd::Pack;
    for (size_t j = 0; j < keys; ++j)
      std::copy_n(k.data() + key_at(b, key + j, h), C, block + j * C);
    simd::block_product<false>(keys, C, kQueries, {block, C, 1}, queries, kQueries, s, kQueries);
    const bool diagonal = causal && key + keys > start + first + 1;
    const bool beyond = window.tokens > 0 && key + window.tokens < start + first + kQueries;
    if (lagged())
      lag_block(first, key).add(bias.row(h), static_cast<real>(1 / std::log(2.0)), keys, s);
    if (!diagonal && !beyond && slopes.empty()) return;
    alignas(64) real steps[kLanes];
    std::iota(steps, steps + kLanes, real{0});
    const Pack slope(slopes.empty() ? real{0} : static_cast<real>(slopes[h] / std::log(2.0)));
    for (size_t j = 0; j < keys; ++j)
      for (size_t i = 0; i < kQueries; i += kLanes) {
        real* at = s + j * kQueries + i;
        const real distance = static_cast<real>(start + first + i) - static_cast<real>(key + j);
        const Pack ahead = Pack(distance) + Pack::load_aligned(steps);  // i - j
        Pack v = xsimd::fnma(slope, xsimd::abs(ahead), Pack::load_aligned(at));
        if (diagonal)
          v = xsimd::select(ahead < Pack(real{0}), Pack(-std::numeric_limits<real>::infinity()), v);
        if (beyond && key + j >= window.globals)
          v = xsimd::select(ahead < Pack(static_cast<real>(window.tokens)), v, Pack(kUnseen));
        v.store_aligned(at);
      }
  }
};

/// block[c, i] = scale * x[i, c], zeros from `rows` on: a block of rows with the rows in the lanes.
inline void pack_columns(size_t rows, size_t C, const real* x, size_t stride, real scale,
                         real* block) {
  constexpr size_t kQueries = AttentionPlan::kQueries;
  if (rows < kQueries) std::fill_n(block, C * kQueries, real{0});
  for (size_t i = 0; i < rows; ++i)
    for (size_t c = 0; c < C; ++c) block[c * kQueries + i] = scale * x[i * stride + c];
}

/// block[i, c] = scale * x[i, c], zeros from C to width and in rows that do not exist.
inline void pack_rows(size_t rows, size_t C, size_t width, const real* x, size_t stride, real scale,
                      real* block) {
  if (rows < AttentionPlan::kQueries || C < width)
    std::fill_n(block, AttentionPlan::kQueries * width, real{0});
  for (size_t i = 0; i < rows; ++i)
    for (size_t c = 0; c < C; ++c) block[i * width + c] = scale * x[i * stride + c];
}

/// y and lse (in units of log 2) of one block of queries of head h.
inline void attend_block(const AttentionPlan& plan, size_t b, size_t h, size_t first,
                         const Array& q, const Array& k, const Array& v, Array& y, Array& lse) {
  using simd::kLanes, simd::Pack;
  constexpr size_t kQueries = AttentionPlan::kQueries, kKeys = AttentionPlan::kKeys;
  constexpr size_t kPacks = kQueries / kLanes;
  const size_t C = plan.C, D = plan.H * C, rows = plan.queries(first);
  Array scratch({2 * C + kKeys + 2, kQueries}, 0), key_block({kKeys, C});
  real* const queries = scratch.row(0);
  real* const sum_v = scratch.row(C);            // [C, queries] sum_j p v
  real* const s = scratch.row(2 * C);            // [keys, queries]
  real* const top = scratch.row(2 * C + kKeys);  // [queries] largest score so far
  real* const sum = top + kQueries;              // [queries] sum_j p
  std::fill_n(top, kQueries, -std::numeric_limits<real>::infinity());
  pack_columns(rows, C, q.data() + plan.at(b, first, h), D, plan.score_scale(), queries);

  plan.each_block(first, [&](size_t key, size_t keys) {
    plan.scores(b, h, first, queries, key, keys, k, key_block.data(), s);
    // All registers of a row side by side: their maxima and sums are chains that overlap.
    Pack now[kPacks], total[kPacks], shrink[kPacks];
#pragma GCC unroll 8
    for (size_t p = 0; p < kPacks; ++p) now[p] = Pack::load_aligned(top + p * kLanes);
    for (size_t j = 0; j < keys; ++j)
#pragma GCC unroll 8
      for (size_t p = 0; p < kPacks; ++p)
        now[p] = xsimd::max(now[p], Pack::load_aligned(s + j * kQueries + p * kLanes));
#pragma GCC unroll 8
    for (size_t p = 0; p < kPacks; ++p) {
      // 0 in the first block, where top is -infinity.
      shrink[p] = xsimd::exp2(Pack::load_aligned(top + p * kLanes) - now[p]);
      total[p] = Pack::load_aligned(sum + p * kLanes) * shrink[p];
      now[p].store_aligned(top + p * kLanes);
    }
    for (size_t j = 0; j < keys; ++j)
#pragma GCC unroll 8
      for (size_t p = 0; p < kPacks; ++p) {
        real* at = s + j * kQueries + p * kLanes;
        const Pack weight = xsimd::exp2(Pack::load_aligned(at) - now[p]);
        weight.store_aligned(at);
        total[p] += weight;
      }
    for (size_t c = 0; c < C; ++c)
#pragma GCC unroll 8
      for (size_t p = 0; p < kPacks; ++p) {
        real* at = sum_v + c * kQueries + p * kLanes;
        (Pack::load_aligned(at) * shrink[p]).store_aligned(at);
      }
#pragma GCC unroll 8
    for (size_t p = 0; p < kPacks; ++p) total[p].store_aligned(sum + p * kLanes);
    if (plan.lagged()) plan.lag_block(first, key).multiply(plan.factor.row(h), keys, s);
    simd::block_product<true>(C, keys, kQueries, {v.data() + plan.key_at(b, key, h), 1, D}, s,
                              kQueries, sum_v, kQueries);
  });
  for (size_t i = 0; i < rows; ++i) {
    lse.data()[(b * plan.H + h) * plan.N + first + i] = top[i] + std::log2(sum[i]);
    real* row = y.data() + plan.at(b, first + i, h);
    const real norm = 1 / sum[i];
    for (size_t c = 0; c < C; ++c) row[c] = norm * sum_v[c * kQueries + i];
  }
}

/// y and lse of the query n of head h alone.
inline void attend_row(const AttentionPlan& plan, size_t b, size_t h, size_t n, const Array& q,
                       const Array& k, const Array& v, Array& y, Array& lse) {
  const size_t C = plan.C, D = plan.H * C, position = plan.start + n;
  const size_t end = plan.causal ? position + 1 : plan.M, oldest = plan.oldest(n);
  const size_t globals = std::min(plan.window.globals, oldest), count = globals + end - oldest;
  const auto key = [&](size_t m) { return m < globals ? m : oldest + m - globals; };
  std::vector<real> weight(count);
  const real scale = 1 / std::sqrt(static_cast<real>(C));
  for (size_t m = 0; m < count; ++m) {
    weight[m] =
        scale * simd::dot(q.data() + plan.at(b, n, h), k.data() + plan.key_at(b, key(m), h), C);
    if (!plan.slopes.empty())
      weight[m] -=
          plan.slopes[h] * std::abs(static_cast<real>(position) - static_cast<real>(key(m)));
  }
  const auto of_lag = [&](const Array& table, size_t m) {
    return table.row(h)[std::min(position - key(m), plan.lags() - 1)];
  };
  if (plan.lagged())
    for (size_t m = 0; m < count; ++m) weight[m] += of_lag(plan.bias, m);
  const real top = simd::max(weight.data(), count);
  simd::map_range(
      count, weight.data(), [top](auto w) { return xsimd::exp(w - top); }, weight.data());
  const real sum = simd::sum(weight.data(), count);
  if (plan.lagged())
    for (size_t m = 0; m < count; ++m) weight[m] *= of_lag(plan.factor, m);
  const real* const values = v.data() + plan.key_at(b, 0, h);
  simd::weighted_sum(
      count, C, y.data() + plan.at(b, n, h), real{0}, 1 / sum,
      [&](size_t m) { return values + key(m) * D; }, [&](size_t m) { return weight[m]; });
  lse.data()[(b * plan.H + h) * plan.N + n] =
      static_cast<real>((double{top} + std::log(double{sum})) / std::log(2.0));
}

/// Gradients of one block of queries of head h: writes dq's rows, adds to dk and dv [N, width],
/// and with tables of lags to their gradients [2, L].
inline void attend_block_backward(const AttentionPlan& plan, size_t b, size_t h, size_t first,
                                  const Array& q, const Array& k, const Array& v, const Array& y,
                                  const Array& lse, const Array& dy, Array& dq, real* dk, real* dv,
                                  real* dlags) {
  using simd::kLanes, simd::Pack;
  constexpr size_t kQueries = AttentionPlan::kQueries, kKeys = AttentionPlan::kKeys;
  const size_t C = plan.C, D = plan.H * C, width = plan.width();
  const size_t rows = plan.queries(first);
  const real scale = static_cast<real>(1 / std::sqrt(static_cast<double>(C)));
  const real* const q_rows = q.data() + plan.at(b, first, h);
  const real* const dy_rows = dy.data() + plan.at(b, first, h);

  Array scratch({3 * C + 2 * width + 2 * kKeys + 2, kQueries}), key_block({kKeys, C});
  real* const queries = scratch.row(0);                  // [C, queries] q, for the scores
  real* const out = scratch.row(C);                      // [C, queries] dy
  real* const sum_k = scratch.row(2 * C);                // [C, queries] sum_j ds k
  real* const query_rows = scratch.row(3 * C);           // [queries, width] q / sqrt(C)
  real* const out_rows = query_rows + kQueries * width;  // [queries, width] dy
  real* const p = out_rows + kQueries * width;           // [keys, queries]
  real* const ds = p + kKeys * kQueries;                 // [keys, queries]
  real* const log_sum = ds + kKeys * kQueries;           // [queries]
  real* const mean = log_sum + kQueries;                 // [queries] d_i = dy_i . y_i
  pack_columns(rows, C, q_rows, D, plan.score_scale(), queries);
  pack_columns(rows, C, dy_rows, D, 1, out);
  pack_rows(rows, C, width, q_rows, D, scale, query_rows);
  pack_rows(rows, C, width, dy_rows, D, 1, out_rows);
  std::fill_n(sum_k, C * kQueries, real{0});
  for (size_t i = 0; i < kQueries; ++i) {
    log_sum[i] = i < rows ? lse.data()[(b * plan.H + h) * plan.N + first + i] : real{0};
    mean[i] =
        i < rows ? simd::dot(dy_rows + i * D, y.data() + plan.at(b, first + i, h), C) : real{0};
  }

  plan.each_block(first, [&](size_t key, size_t keys) {
    plan.scores(b, h, first, queries, key, keys, k, key_block.data(), p);
    simd::block_product<false>(keys, C, kQueries, {v.data() + plan.key_at(b, key, h), D, 1}, out,
                               kQueries, ds, kQueries);
    for (size_t i = 0; i < kQueries; i += kLanes) {
      const Pack row_lse = Pack::load_aligned(log_sum + i), row_mean = Pack::load_aligned(mean + i);
      for (size_t j = 0; j < keys; ++j) {
        const size_t e = j * kQueries + i;
        const Pack weight = xsimd::exp2(Pack::load_aligned(p + e) - row_lse);
        weight.store_aligned(p + e);
        (weight * (Pack::load_aligned(ds + e) - row_mean)).store_aligned(ds + e);
      }
    }
    if (plan.lagged())
      plan.lag_block(first, key)
          .backward(plan.factor.row(h), mean, keys, p, ds, dlags, dlags + plan.lags());
    simd::block_product<true>(C, keys, kQueries, {key_block.data(), 1, C}, ds, kQueries, sum_k,
                              kQueries);
    simd::block_product<true>(keys, kQueries, width, {p, kQueries, 1}, out_rows, width,
                              dv + key * width, width);
    simd::block_product<true>(keys, kQueries, width, {ds, kQueries, 1}, query_rows, width,
                              dk + key * width, width);
  });
  for (size_t i = 0; i < rows; ++i)
    for (size_t c = 0; c < C; ++c)
      dq.data()[plan.at(b, first + i, h) + c] = scale * sum_k[c * kQueries + i];
}

}  // namespace detail

/// Multi-head attention with scores q . k / sqrt(C), C = D / H. `slopes`: one per head for linear
/// biases (ALiBi: Press et al., "Train short, test long", 2022), or none.
/// `first`: the position of the first query, where k and v hold what came before. Throws Error when
/// shapes disagree, D is not divisible by the heads, or a window or tables of lags are not causal.
inline Var attention(const Var& q, const Var& k, const Var& v, size_t heads, bool causal,
                     const std::vector<real>& slopes = {}, AttentionWindow window = {},
                     size_t first = 0, const LagTables& lags = {}) {
  const auto [B, N, D] = dims<3>(q.value(), "attention: q [B,N,D]");
  const auto [Bk, M, Dk] = dims<3>(k.value(), "attention: k [B,M,D]");
  expect(Bk == B && Dk == D && (causal ? first + N <= M : first == 0 && M == N),
         "attention: k [B,M,D]: expected B, D as in q {} and keys up to position {}, got shape {}",
         q.shape(), first + N, k.shape());
  expect_shape(v.value(), k.shape(), "attention: v [B,M,D]");
  expect(heads > 0 && D % heads == 0, "attention: expected D divisible by H, got D = {}, H = {}", D,
         heads);
  expect(slopes.empty() || slopes.size() == heads,
         "attention: slopes [H]: expected none or H = {}, got {}", heads, slopes.size());
  expect(causal || window.tokens == 0,
         "attention: window: expected causal attention with a window, got window = {}",
         window.tokens);
  const bool lagged = !lags.bias.value().empty();
  if (lagged) {
    const auto [Hl, L] = dims<2>(lags.bias.value(), "attention: bias [H,L]");
    expect(Hl == heads && L > 0 && causal,
           "attention: bias [H,L]: expected H = {}, at least one lag and causal attention, got "
           "shape {}",
           heads, lags.bias.shape());
    expect_shape(lags.factor.value(), lags.bias.shape(), "attention: factor [H,L]");
  }
  const detail::AttentionPlan plan{B,
                                   N,
                                   M,
                                   heads,
                                   D / heads,
                                   first,
                                   causal,
                                   slopes,
                                   window,
                                   lags.bias.value(),
                                   lags.factor.value()};
  const size_t H = heads, blocks = plan.query_blocks();

  Array y(q.shape()), lse({B, H, N});
  if (N < plan.kFew)
    parallel_for(B * H * N, 1, [&, N = N](size_t row, size_t) {
      detail::attend_row(plan, row / N / H, row / N % H, row % N, q.value(), k.value(), v.value(),
                         y, lse);
    });
  else  // Later queries see more keys: neighbouring pieces take one block from either end.
    parallel_for(B * H * blocks, 1, [&](size_t begin, size_t) {
      const size_t group = begin / blocks, turn = begin % blocks;
      const size_t block = turn % 2 == 0 ? turn / 2 : blocks - 1 - turn / 2;
      detail::attend_block(plan, group / H, group % H, block * plan.kQueries, q.value(), k.value(),
                           v.value(), y, lse);
    });
  counters.matrix_flops += 2 * 2 * B * H * plan.pairs() * plan.C;

  std::vector<Var> inputs{q, k, v};
  if (lagged) inputs.insert(inputs.end(), {lags.bias, lags.factor});
  return record(
      "attention", y, inputs,
      [q = q.value(), k = k.value(), v = v.value(), y, lse, plan](const Array& dy, Inputs in) {
        const size_t B = plan.B, N = plan.N, H = plan.H, C = plan.C;
        expect(plan.M == N, "attention: gradients are those of whole sequences, got N = {}, M = {}",
               N, plan.M);
        const size_t blocks = plan.query_blocks(), width = plan.width();
        // A piece owns sums of dk and dv over its blocks of queries. With few heads, a head is
        // several pieces: as many as keep eight threads busy, whatever their number is.
        const size_t parts = std::min(blocks, (B * H + 7) / (B * H));
        Array dq(q.shape()), dk(q.shape()), dv(q.shape());
        Array sums({B * H, parts, 2, N, width}, 0);
        const size_t L = plan.lagged() ? plan.lags() : 0;
        Array of_lags({B, H, parts, 2 * L}, 0);
        parallel_for(B * H * parts, 1, [&](size_t piece, size_t) {
          const size_t group = piece / parts;
          real* const own = sums.data() + piece * 2 * N * width;
          for (size_t block = piece % parts; block < blocks; block += parts)
            detail::attend_block_backward(plan, group / H, group % H, block * plan.kQueries, q, k,
                                          v, y, lse, dy, dq, own, own + N * width,
                                          of_lags.row(piece));
        });
        parallel_for(B * N, 16, [&](size_t begin, size_t end) {
          for (size_t n = begin; n < end; ++n)
            for (size_t h = 0; h < H; ++h)
              for (size_t c = 0; c < C; ++c) {
                real sum_k = 0, sum_v = 0;
                for (size_t part = 0; part < parts; ++part) {
                  const real* of = sums.data() +
                                   ((((n / N * H + h) * parts + part) * 2) * N + n % N) * width + c;
                  sum_k += of[0];
                  sum_v += of[N * width];
                }
                dk.data()[(n * H + h) * C + c] = sum_k;
                dv.data()[(n * H + h) * C + c] = sum_v;
              }
        });
        counters.matrix_flops += 5 * 2 * B * H * plan.pairs() * C;
        in.add(0, dq);
        in.add(1, dk);
        in.add(2, dv);
        for (const size_t table : {0, 1})
          if (L > 0 && in.wants(3 + table)) {
            Array& dtable = in.grad(3 + table);
            for (size_t r = 0; r < B * H * parts; ++r)
              simd::add_to(dtable.row(r / parts % H), of_lags.row(r) + table * L, L);
          }
      });
}

}  // namespace gnomon
