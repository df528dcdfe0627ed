// block_attention: softmax attention to the own block of tokens and to a few earlier ones.
//
//   the sequence is cut into blocks of T tokens; token n of block t sees the r blocks to[b,n,h,:],
//   all before t (-1: none), in full, and those tokens of block t that are not after it:
//   y_n = sum_j p_j v_j      p = softmax over all j that it sees of q_n . k_j / sqrt(C)
//   q [B,N,H C], k, v [B,M,H C], to [B,N,H,r]; M = N, or, in the middle of sequences, query n
//   stands at position first + n and k, v hold all tokens so far, M >= first + N (no gradient then)
//   -> y [B,N,H C]
//   backward: that of attention (core/ops/attention.hpp) over the pairs that are seen; none to `to`
//   cost: 2 (r + 1) T C multiply-adds a token and head, 5 backward; memory O(N); never N x N.
//
// choose_blocks: of the blocks before its own the r for which q_n . (the mean key) is the largest.
//   cost: N / T C multiply-adds a token and head.
//
// Lu et al., "MoBA: mixture of block attention for long-context LLMs" (2025, arXiv 2502.13189),
// section 2.2. A block is taken once, with all queries that see it: so these are products of small
// matrices in the first cache, where reading row by row would wait for memory.
#pragma once

#include <cmath>

#include "core/counters.hpp"
#include "core/gemm.hpp"
#include "core/simd/block.hpp"
#include "core/simd/gather.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// The sums of the keys of the blocks [begin, end), all T long: k [B,M,D] -> [B,end-begin,D].
inline Array block_sums(const Array& k, size_t T, size_t begin, size_t end) {
  const auto [B, M, D] = dims<3>(k, "block_sums: k [B,M,D]");
  expect(begin <= end && end * T <= M,
         "block_sums: [begin,end): expected blocks of {} tokens among {}, got [{},{})", T, M, begin,
         end);
  const size_t count = end - begin;
  Array sums({B, count, D}, 0);
  parallel_for(B * count, 8, [&, M = M, D = D](size_t first, size_t last) {
    for (size_t row = first; row < last; ++row)
      for (size_t j = 0; j < T; ++j)
        simd::add_to(sums.row(row), k.row(row / count * M + (begin + row % count) * T + j), D);
  });
  return sums;
}

/// Which blocks of T tokens each query sees beside its own: of those before it the r for which
/// q . sum is the largest, the lower of equal ones; -1 where there are fewer. q [B,N,D], sums
/// [B,S,D] of all blocks that are finished -> [B,N,H,r]. Throws Error when shapes disagree.
inline Index choose_blocks(const Array& q, const Array& sums, size_t heads, size_t T, size_t r,
                           size_t first = 0) {
  const auto [B, N, D] = dims<3>(q, "choose_blocks: q [B,N,D]");
  const auto [Bs, S, Ds] = dims<3>(sums, "choose_blocks: sums [B,S,D]");
  expect(heads > 0 && D % heads == 0 && T > 0,
         "choose_blocks: expected D divisible by H and T above 0, got D = {}, H = {}, T = {}", D,
         heads, T);
  expect(Bs == B && Ds == D && S >= (first + N - 1) / T,
         "choose_blocks: sums [B,S,D]: expected B, D as in q {} and S >= {}, got shape {}",
         q.shape(), (first + N - 1) / T, sums.shape());
  Index to({B, N, heads, r}, -1);
  constexpr size_t kQueries = 64;
  const size_t H = heads, C = D / H, tiles = (N + kQueries - 1) / kQueries;
  parallel_for(B * H * tiles, 1, [&, N = N, D = D, S = S](size_t piece, size_t) {
    const size_t b = piece / tiles / H, h = piece / tiles % H, begin = piece % tiles * kQueries;
    const size_t queries = std::min(kQueries, N - begin);
    const size_t most = (first + begin + queries - 1) / T;  // blocks before that of the last query
    Array scores({queries, std::max<size_t>(1, most)});
    if (most > r)
      gemm(queries, most, C, {q.row(b * N + begin) + h * C, D}, {sums.row(b * S) + h * C, D, true},
           scores.data(), most);
    for (size_t i = 0; i < queries; ++i) {
      const size_t before = (first + begin + i) / T;
      int32_t* const best = to.row((b * N + begin + i) * H + h);
      const real* const score = scores.row(i);
      size_t found = 0;
      for (size_t m = 0; m < before; ++m) {
        if (before <= r) {
          best[m] = static_cast<int32_t>(m);
          continue;
        }
        if (found == r && !(score[m] > score[best[r - 1]])) continue;
        size_t at = found < r ? found++ : r - 1;
        for (; at > 0 && score[m] > score[best[at - 1]]; --at) best[at] = best[at - 1];
        best[at] = static_cast<int32_t>(m);
      }
    }
  });
  return to;
}

namespace detail {

/// What the pieces of one block attention have in common. A piece is some neighbouring blocks of
/// queries of one head of one sequence.
struct BlockPlan {
  static constexpr size_t kQueries = 64;  // of a tile
  static constexpr size_t kFew = 8;       // queries that are taken one by one
  static constexpr real kUnseen = real(-1e30);
  size_t B, N, M, H, C, T, r, first;

  size_t D() const { return H * C; }
  static size_t padded(size_t n) { return (n + simd::kLanes - 1) / simd::kLanes * simd::kLanes; }
  size_t width() const { return padded(C); }
  size_t keys() const { return padded(T); }
  /// With few heads a head is several pieces: as many as keep eight threads busy, whatever their
  /// number is.
  size_t pieces() const {
    return std::min((N + kQueries - 1) / kQueries, (B * H + 7) / std::max<size_t>(1, B * H));
  }
  /// The queries of a piece of a head begin at piece N / pieces(); it sees keys up to the next.
  size_t begin(size_t piece) const { return piece * N / pieces(); }
  size_t seen_by(size_t piece) const {
    return std::min(M, (first + begin(piece % pieces() + 1) + T - 1) / T * T);
  }
  // Scores are kept in units of log 2: exp2 is cheaper than exp.
  real score_scale() const {
    return static_cast<real>(1 / (std::sqrt(static_cast<double>(C)) * std::log(2.0)));
  }
  real scale() const { return static_cast<real>(1 / std::sqrt(static_cast<double>(C))); }
};

/// One piece: its queries, and which of them see each block.
struct BlockPiece {
  const BlockPlan& plan;
  size_t b, h, begin, end;  // queries [begin, end)
  std::vector<uint32_t> start,
      query;  // the queries that chose block m: query[start[m]..start[m+1])

  BlockPiece(const BlockPlan& plan, const Index& to, size_t piece) : plan(plan) {
    const size_t pieces = plan.pieces(), part = piece % pieces;
    b = piece / pieces / plan.H, h = piece / pieces % plan.H;
    begin = plan.begin(part), end = plan.begin(part + 1);
    const size_t blocks = (plan.first + end - 1) / plan.T + 1;
    start.assign(blocks + 1, 0);
    const auto each = [&](auto&& work) {
      for (size_t n = begin; n < end; ++n)
        for (size_t slot = 0; slot < plan.r; ++slot)
          if (const int32_t m = to.row((b * plan.N + n) * plan.H + h)[slot]; m >= 0)
            work(static_cast<size_t>(m), static_cast<uint32_t>(n));
    };
    each([&](size_t m, uint32_t) { ++start[m + 1]; });
    for (size_t m = 0; m < blocks; ++m) start[m + 1] += start[m];
    query.resize(start.back());
    std::vector<uint32_t> next(start.begin(), start.end() - 1);
    each([&](size_t m, uint32_t n) { query[next[m]++] = n; });
  }
  size_t blocks() const { return start.size() - 1; }
  size_t row(size_t n) const { return ((b * plan.N + n) * plan.H + h) * plan.C; }
  size_t key_row(size_t j) const { return ((b * plan.M + j) * plan.H + h) * plan.C; }
  /// How many keys block m has; the last may be unfinished.
  size_t keys(size_t m) const { return std::min(plan.T, plan.M - m * plan.T); }

  /// Calls work(queries, count, own) for the queries that see block m, a tile at a time: those that
  /// chose it, then its own, of which each sees the keys up to itself.
  template <class Work>
  void each_tile(size_t m, Work&& work) const {
    for (size_t at = start[m]; at < start[m + 1]; at += BlockPlan::kQueries)
      work(query.data() + at, std::min<size_t>(BlockPlan::kQueries, start[m + 1] - at), false);
    const size_t from = std::max(plan.first + begin, m * plan.T) - plan.first;
    const size_t to =
        std::min(plan.first + end, std::max((m + 1) * plan.T, plan.first)) - plan.first;
    uint32_t own[BlockPlan::kQueries];
    for (size_t at = from; at < to; at += BlockPlan::kQueries) {
      const size_t count = std::min(BlockPlan::kQueries, to - at);
      std::iota(own, own + count, static_cast<uint32_t>(at));
      work(own, count, true);
    }
  }
  /// Is there anyone who sees block m?
  bool seen(size_t m) const {
    return start[m] < start[m + 1] ||
           (plan.first + begin < (m + 1) * plan.T && plan.first + end > m * plan.T);
  }
  /// s [count,keys]: hides the keys that are not there, and of the own block those after the query.
  void hide(const uint32_t* queries, size_t count, bool own, size_t m, real* s) const {
    const size_t keys = plan.keys();
    if (!own && plan.T == keys) return;
    for (size_t i = 0; i < count; ++i) {
      const size_t visible = own ? plan.first + queries[i] - m * plan.T + 1 : plan.T;
      std::fill(s + i * keys + visible, s + (i + 1) * keys, BlockPlan::kUnseen);
    }
  }
  /// A row of a head: so short that a call would take longer.
  void copy(const real* from, real* to) const {
    simd::map_range(
        plan.C, to, [](auto x) { return x; }, from);
  }
  /// columns [C,keys] = scale x of block m, transposed; zeros where there is no key.
  void pack_columns(const Array& x, size_t m, real scale, real* columns) const {
    std::fill_n(columns, plan.C * plan.keys(), real{0});
    for (size_t j = 0; j < keys(m); ++j)
      for (size_t c = 0, from = key_row(m * plan.T + j); c < plan.C; ++c)
        columns[c * plan.keys() + j] = scale * x.data()[from + c];
  }
  /// rows [T,width] = x of block m; zeros where there is no key and beyond C.
  void pack_rows(const Array& x, size_t m, real* rows) const {
    std::fill_n(rows, plan.T * plan.width(), real{0});
    for (size_t j = 0; j < keys(m); ++j)
      copy(x.data() + key_row(m * plan.T + j), rows + j * plan.width());
  }
  /// rows [count,width] = x of these queries; zeros beyond C.
  void gather(const Array& x, const uint32_t* queries, size_t count, real* rows) const {
    for (size_t i = 0; i < count; ++i) {
      real* const to = rows + i * plan.width();
      copy(x.data() + row(queries[i]), to);
      std::fill(to + plan.C, to + plan.width(), real{0});
    }
  }
};

/// y and lse [B,H,N] (in units of log 2) of one piece.
inline void attend_piece(const BlockPlan& plan, const Index& to, size_t piece, const Array& q,
                         const Array& k, const Array& v, Array& y, Array& lse) {
  const BlockPiece of(plan, to, piece);
  const size_t C = plan.C, keys = plan.keys(), width = plan.width(), queries = of.end - of.begin;
  constexpr size_t kQueries = BlockPlan::kQueries;
  Array columns({C, keys}), values({plan.T, width}), tile({kQueries, width}), s({kQueries, keys});
  Array read({kQueries, width}), sum({queries, width}, 0);  // sum_j p v
  // The largest score so far, and sum_j p.
  std::vector<real> top(queries, -std::numeric_limits<real>::infinity()), total(queries, real{0});
  for (size_t m = 0; m < of.blocks(); ++m) {
    if (!of.seen(m)) continue;
    of.pack_columns(k, m, plan.score_scale(), columns.data());
    of.pack_rows(v, m, values.data());
    of.each_tile(m, [&](const uint32_t* who, size_t count, bool own) {
      of.gather(q, who, count, tile.data());
      simd::block_product<false>(count, C, keys, {tile.data(), width, 1}, columns.data(), keys,
                                 s.data(), keys);
      of.hide(who, count, own, m, s.data());
      for (size_t i = 0; i < count; ++i) {
        const size_t n = who[i] - of.begin;
        const real now = std::max(simd::max(s.row(i), keys), top[n]);
        const real shrink = std::exp2(top[n] - now);  // 0 at first
        simd::map_range(
            keys, s.row(i), [now](auto x) { return xsimd::exp2(x - now); }, s.row(i));
        top[n] = now, total[n] = total[n] * shrink + simd::sum(s.row(i), keys);
        simd::map_range(
            width, sum.row(n), [shrink](auto x) { return x * shrink; }, sum.row(n));
      }
      simd::block_product<false>(count, plan.T, width, {s.data(), keys, 1}, values.data(), width,
                                 read.data(), width);
      for (size_t i = 0; i < count; ++i)
        simd::add_to(sum.row(who[i] - of.begin), read.row(i), width);
    });
  }
  for (size_t n = 0; n < queries; ++n) {
    lse.data()[(of.b * plan.H + of.h) * plan.N + of.begin + n] = top[n] + std::log2(total[n]);
    const real norm = 1 / total[n];
    real* const row = y.data() + of.row(of.begin + n);
    for (size_t c = 0; c < C; ++c) row[c] = norm * sum.row(n)[c];
  }
}

/// y of query n of head h alone, reading the rows that it sees where they are.
inline void attend_few(const BlockPlan& plan, const Index& to, size_t b, size_t n, size_t h,
                       const Array& q, const Array& k, const Array& v, Array& y) {
  const size_t C = plan.C, T = plan.T, position = plan.first + n, own = position / T;
  const auto row = [&](const Array& x, size_t j) {
    return x.data() + ((b * plan.M + j) * plan.H + h) * C;
  };
  std::vector<size_t> seen;
  for (size_t slot = 0; slot < plan.r; ++slot)
    if (const int32_t m = to.row((b * plan.N + n) * plan.H + h)[slot]; m >= 0)
      for (size_t j = 0; j < T; ++j) seen.push_back(static_cast<size_t>(m) * T + j);
  for (size_t j = own * T; j <= position; ++j) seen.push_back(j);
  std::vector<real> weight(seen.size());
  const size_t at = ((b * plan.N + n) * plan.H + h) * C;
  for (size_t i = 0; i < seen.size(); ++i)
    weight[i] = plan.score_scale() * simd::dot(q.data() + at, row(k, seen[i]), C);
  const real top = simd::max(weight.data(), seen.size());
  simd::map_range(
      seen.size(), weight.data(), [top](auto w) { return xsimd::exp2(w - top); }, weight.data());
  simd::weighted_sum(
      seen.size(), C, y.data() + at, real{0}, 1 / simd::sum(weight.data(), seen.size()),
      [&](size_t i) { return row(v, seen[i]); }, [&](size_t i) { return weight[i]; });
}

/// Gradients of one piece: writes dq's rows, and those rows of dk and dv [M,width] that it sees.
inline void attend_piece_back(const BlockPlan& plan, const Index& to, size_t piece, const Array& q,
                              const Array& k, const Array& v, const Array& y, const Array& lse,
                              const Array& dy, Array& dq, real* dk, real* dv) {
  using simd::Pack;
  const BlockPiece of(plan, to, piece);
  const size_t C = plan.C, T = plan.T, keys = plan.keys(), width = plan.width();
  constexpr size_t kQueries = BlockPlan::kQueries;
  Array columns({C, keys}), value_columns({C, keys}), key_rows({T, width});
  Array tile({kQueries, width}), out({kQueries, width}), back({kQueries, width});
  Array p({kQueries, keys}), ds({kQueries, keys});
  const real scale = plan.scale();
  for (size_t n = of.begin; n < of.end; ++n) std::fill_n(dq.data() + of.row(n), C, real{0});
  for (real* sum : {dk, dv}) std::fill_n(sum, plan.seen_by(piece) * width, real{0});
  for (size_t m = 0; m < of.blocks(); ++m) {
    if (!of.seen(m)) continue;
    of.pack_columns(k, m, plan.score_scale(), columns.data());
    of.pack_columns(v, m, 1, value_columns.data());
    of.pack_rows(k, m, key_rows.data());
    of.each_tile(m, [&](const uint32_t* who, size_t count, bool own) {
      of.gather(q, who, count, tile.data());
      of.gather(dy, who, count, out.data());
      simd::block_product<false>(count, C, keys, {tile.data(), width, 1}, columns.data(), keys,
                                 p.data(), keys);
      simd::block_product<false>(count, C, keys, {out.data(), width, 1}, value_columns.data(), keys,
                                 ds.data(), keys);
      of.hide(who, count, own, m, p.data());
      for (size_t i = 0; i < count; ++i) {
        const real sum = lse.data()[(of.b * plan.H + of.h) * plan.N + who[i]];
        const real mean = simd::dot(dy.data() + of.row(who[i]), y.data() + of.row(who[i]), C);
        simd::map_range(
            keys, p.row(i), [sum](auto x) { return xsimd::exp2(x - sum); }, p.row(i));
        simd::map_range(
            keys, ds.row(i), [mean](auto weight, auto d) { return weight * (d - mean); }, p.row(i),
            ds.row(i));
      }
      simd::block_product<false>(count, T, width, {ds.data(), keys, 1}, key_rows.data(), width,
                                 back.data(), width);
      for (size_t i = 0; i < count; ++i)
        simd::add_scaled(dq.data() + of.row(who[i]), scale, back.row(i), C);
      for (Array* x : {&tile, &out}) {  // dk, from q / sqrt(C), and dv
        const Array& from = x == &tile ? ds : p;
        if (x == &tile)
          simd::map_range(
              count * width, x->data(), [scale](auto e) { return e * scale; }, x->data());
        simd::block_product<true>(of.keys(m), count, width, {from.data(), 1, keys}, x->data(),
                                  width, (x == &tile ? dk : dv) + m * T * width, width);
      }
    });
  }
}

}  // namespace detail

/// Throws Error when shapes disagree, D is not divisible by the heads, or a token chooses its own
/// block or a later one.
inline Var block_attention(const Var& q, const Var& k, const Var& v, const Index& to, size_t T,
                           size_t first = 0) {
  const auto [B, N, D] = dims<3>(q.value(), "block_attention: q [B,N,D]");
  const auto [Bk, M, Dk] = dims<3>(k.value(), "block_attention: k [B,M,D]");
  const auto [Bt, Nt, H, r] = dims<4>(to, "block_attention: to [B,N,H,r]");
  expect(Bk == B && Dk == D && first + N <= M,
         "block_attention: k [B,M,D]: expected B, D as in q {} and keys up to position {}, got "
         "shape {}",
         q.shape(), first + N, k.shape());
  expect_shape(v.value(), k.shape(), "block_attention: v [B,M,D]");
  expect(Bt == B && Nt == N && H > 0 && D % H == 0,
         "block_attention: to [B,N,H,r]: expected B, N as in q {} and a divisor H of D, got shape "
         "{}",
         q.shape(), to.shape());
  expect(T > 0, "block_attention: T: expected blocks of at least one token, got 0");
  size_t chosen = 0;
  for (size_t e = 0; e < to.size(); ++e) {
    const auto block = static_cast<int32_t>((first + e / r / H % N) / T), m = to.data()[e];
    expect(m >= -1 && m < block,
           "block_attention: to [B,N,H,r]: expected -1 to {} at token {}, got {}; a token chooses "
           "finished blocks only",
           block - 1, e / r / H % N, m);
    chosen += m >= 0;
  }
  const detail::BlockPlan plan{B, N, M, H, D / H, T, r, first};
  const uint64_t flops = 2 * (B * H * N + chosen) * T * plan.C;
  counters.matrix_flops += 2 * flops;
  Array y(q.shape()), lse({B, H, N});
  if (N < plan.kFew && !Tape::current())
    parallel_for(B * N * H, 1, [&, N = N, H = H](size_t row, size_t) {
      detail::attend_few(plan, to, row / H / N, row / H % N, row % H, q.value(), k.value(),
                         v.value(), y);
    });
  else
    parallel_for(B * H * plan.pieces(), 1, [&](size_t piece, size_t) {
      detail::attend_piece(plan, to, piece, q.value(), k.value(), v.value(), y, lse);
    });

  return record(
      "block_attention", y, {q, k, v},
      [q = q.value(), k = k.value(), v = v.value(), y, lse, to, plan, flops](const Array& dy,
                                                                             Inputs in) {
        const size_t M = plan.M, H = plan.H, C = plan.C, width = plan.width();
        expect(plan.first == 0 && M == plan.N,
               "block_attention: gradients are those of whole sequences, got N = {}, M = {}",
               plan.N, M);
        const size_t pieces = plan.pieces();
        Array dq(q.shape()), dk(q.shape()), dv(q.shape());
        Array sums({plan.B * H * pieces, 2, M, width});
        parallel_for(plan.B * H * pieces, 1, [&](size_t piece, size_t) {
          real* const own = sums.data() + piece * 2 * M * width;
          detail::attend_piece_back(plan, to, piece, q, k, v, y, lse, dy, dq, own, own + M * width);
        });
        parallel_for(plan.B * M, 64, [&](size_t begin, size_t end) {
          for (size_t row = begin; row < end; ++row)
            for (size_t h = 0; h < H; ++h)
              for (size_t of = 0; of < 2; ++of) {
                real* const total = (of == 0 ? dk : dv).data() + (row * H + h) * C;
                std::fill_n(total, C, real{0});
                for (size_t part = 0; part < pieces; ++part)
                  if (const size_t piece = (row / M * H + h) * pieces + part;
                      row % M < plan.seen_by(piece))
                    simd::add_to(total, sums.row((piece * 2 + of) * M + row % M), C);
              }
        });
        counters.matrix_flops += 5 * flops;
        in.add(0, dq), in.add(1, dk), in.add(2, dv);
      });
}

}  // namespace gnomon
