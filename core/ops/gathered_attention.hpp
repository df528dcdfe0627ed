// gathered_attention: every head scores its K candidates, selects, and reads what it selected.
//
//   s[b,n,h,k] = scale q[b,n,h,:] . key[b, j, h, :] + bias[b,n,h,k]       j = to[b,n,g,k]
//   p = softmax over the k with to >= 0 of s / tau        (a token without candidates: all 0)
//   w = p, or where it is decided which slot wins, its one-hot
//   z[b,n,h,:] = sum_k w[b,n,h,k] v[b, j, h, :]
//   q [B,N,H C], key, v [B,M,H C], bias [B,N,H,K], to [B,N,G,K] in [-1,M), G = H or 1 (shared)
//   -> z [B,N,H C]
//   backward:   dp_k = dz . v_j      ds_k = p_k (dp_k - sum_l p_l dp_l) / tau = dbias_k
//   where decided, either the same, as if nothing were (straight-through: Bengio et al. 2013,
//   section 4), or that of p_won / stop(p_won) alone:   dp_won = dz . v_won / p_won, the others 0
//     dq = scale sum_k ds_k key_j     dkey_j = scale sum ds_k q     dv_j = sum w_k dz
//   the last two over all (n,k) that point at j, by the inverse index.
//   cost: 2 B N G K rows read, and 3 more and 2 written backward; memory B N H K; never N x N.
//
// The same as softmax(gathered_dot + bias) and gathered_sum, which say it readably and are its
// reference in the tests; but each candidate's row is met once in a pass instead of once in each of
// five ops, and sums stay in registers.
#pragma once

#include "core/counters.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/simd/gather.hpp"

namespace gnomon {

/// Three views of one index [B,N,G,K]: what may be chosen, and of that what is scored by q . key,
/// and what is read when chosen; -1 where not. Views that do not differ share their storage.
struct Candidates {
  Index to, scored, read;
};

/// Which slot each head reads, [B,N,H], -1: none; empty: nothing is decided. The gradient is that
/// of all probabilities, or of the chosen one only.
struct Decision {
  Index slot;
  bool chosen_only = false;
};

namespace detail {

/// Who reads each row, head by head, and by how much: a counting sort of the index, in the order of
/// which the coefficients are laid out, so that sums over them read memory in order.
struct HeadReaders {
  struct Reader {
    uint32_t n;             // to[b,n,g,k] is the row
    real to_key, to_value;  // ds_k and w_k of the head; 0 where slot k is not scored, not read
  };
  using Starts = std::vector<uint32_t, PoolAllocator<uint32_t>>;
  using List = std::vector<Reader, PoolAllocator<Reader>>;

  /// Of M rows in each sequence.
  HeadReaders(const Candidates& candidates, size_t M, const Array& ds, const Array& w) : rows(M) {
    const auto [B, N, G, K] = dims<4>(candidates.to, "gathered_attention: to [B,N,G,K]");
    const size_t H = w.shape()[2];
    each = N * K;
    expect(each < std::numeric_limits<uint32_t>::max(),
           "gathered_attention: to [B,N,G,K]: too many readers: N K = {}", each);
    start.assign(B * H * (M + 1), 0);
    reader.resize(std::max<size_t>(1, B * H * each));
    parallel_for(B * H, 1, [&, N = N, G = G, K = K](size_t list, size_t) {
      const size_t b = list / H, h = list % H;
      uint32_t* from = &start[list * (M + 1)];
      const auto row_of = [&](const Index& index, size_t n) {
        return index.row((b * N + n) * G + (G == 1 ? 0 : h));
      };
      for (size_t n = 0; n < N; ++n)
        for (size_t k = 0; k < K; ++k)
          if (const int32_t j = row_of(candidates.to, n)[k]; j >= 0) ++from[j + 1];
      for (size_t j = 0; j < M; ++j) from[j + 1] += from[j];
      Starts next(from, from + M);
      Reader* const readers = &reader[0] + list * each;
      for (size_t n = 0; n < N; ++n) {
        const int32_t *to = row_of(candidates.to, n), *scored = row_of(candidates.scored, n),
                      *read = row_of(candidates.read, n);
        const real *slope = ds.row((b * N + n) * H + h), *weight = w.row((b * N + n) * H + h);
        for (size_t k = 0; k < K; ++k)
          if (to[k] >= 0)
            readers[next[static_cast<size_t>(to[k])]++] = {static_cast<uint32_t>(n),
                                                           scored[k] < 0 ? real{0} : slope[k],
                                                           read[k] < 0 ? real{0} : weight[k]};
      }
    });
  }

  /// dkey = scale sum to_key q[n] and dv = sum to_value dz[n] over the readers of row `row` of list
  /// b H + h; the rows are C long, those of q and dz `stride` apart.
  void sum(size_t list, size_t row, size_t C, size_t stride, const real* q, const real* dz,
           real scale, real* dkey, real* dv) const {
    using simd::kLanes, simd::Pack;
    constexpr size_t kPacks = 4;
    const Reader* const first = &reader[0] + list * each + start[list * (rows + 1) + row];
    const Reader* const last = &reader[0] + list * each + start[list * (rows + 1) + row + 1];
    size_t c = 0;
    for (; c + kPacks * kLanes <= C; c += kPacks * kLanes) {
      Pack of_key[kPacks], of_value[kPacks];
      for (size_t p = 0; p < kPacks; ++p) of_key[p] = of_value[p] = Pack(real{0});
      for (const Reader* r = first; r != last; ++r) {
        const real *from_q = q + r->n * stride + c, *from_dz = dz + r->n * stride + c;
        const Pack to_key(r->to_key), to_value(r->to_value);
#pragma GCC unroll 4
        for (size_t p = 0; p < kPacks; ++p) {
          of_key[p] = xsimd::fma(to_key, Pack::load_unaligned(from_q + p * kLanes), of_key[p]);
          of_value[p] =
              xsimd::fma(to_value, Pack::load_unaligned(from_dz + p * kLanes), of_value[p]);
        }
      }
      for (size_t p = 0; p < kPacks; ++p) {
        (of_key[p] * scale).store_unaligned(dkey + c + p * kLanes);
        of_value[p].store_unaligned(dv + c + p * kLanes);
      }
    }
    if (c == C) return;
    const auto count = static_cast<size_t>(last - first);
    simd::weighted_sum(
        count, C - c, dkey + c, real{0}, scale,
        [&](size_t i) { return q + first[i].n * stride + c; },
        [&](size_t i) { return first[i].to_key; });
    simd::weighted_sum(
        count, C - c, dv + c, real{0}, real{1},
        [&](size_t i) { return dz + first[i].n * stride + c; },
        [&](size_t i) { return first[i].to_value; });
  }

  size_t rows, each;
  Starts start;
  List reader;
};

/// p of one row: exp((s_k - max) / tau), normalised, over the k with to_k >= 0.
inline void candidate_softmax(const real* s, const int32_t* to, size_t K, real tau, real* p) {
  real top = -std::numeric_limits<real>::infinity();
  for (size_t k = 0; k < K; ++k)
    if (to[k] >= 0) top = s[k] > top || std::isnan(s[k]) ? s[k] : top;
  if (top == -std::numeric_limits<real>::infinity()) {
    std::fill_n(p, K, real{0});
    return;
  }
  simd::map_range(
      K, p, [&](auto v) { return xsimd::exp((v - top) * (1 / tau)); }, s);
  real sum = 0;
  for (size_t k = 0; k < K; ++k) sum += p[k] = to[k] < 0 ? real{0} : p[k];
  for (size_t k = 0; k < K; ++k) p[k] /= sum;
}

/// The candidates that point somewhere, for a menu of one head leaves the slots of the others'
/// empty: candidate slot[i] at the part of head h of rows[i], for i below what is returned.
struct CandidateRows {
  std::vector<const real*> rows;
  std::vector<size_t> slot;
  explicit CandidateRows(size_t K) : rows(K), slot(K) {}
  size_t find(const int32_t* to, size_t K, const real* base, size_t stride) {
    size_t count = 0;
    for (size_t k = 0; k < K; ++k)
      if (to[k] >= 0) rows[count] = base + static_cast<size_t>(to[k]) * stride, slot[count++] = k;
    return count;
  }
};

}  // namespace detail

/// `known`: the scores s, where the caller had to compute them to choose among the candidates.
/// Throws Error when shapes disagree, an index is outside [-1,M), or tau is not positive.
inline Var gathered_attention(const Var& q, const Var& key, const Var& v, const Var& bias,
                              const Candidates& candidates, real scale, real tau = 1,
                              const Decision& decision = {}, const Array& known = {}) {
  const auto [B, N, H, K] = dims<4>(bias.value(), "gathered_attention: bias [B,N,H,K]");
  const auto [Bt, Nt, G, Kt] = dims<4>(candidates.to, "gathered_attention: to [B,N,G,K]");
  const size_t D = dims<3>(q.value(), "gathered_attention: q [B,N,D]")[2];
  const size_t M = dims<3>(v.value(), "gathered_attention: v [B,M,D]")[1];
  expect_shape(v.value(), key.shape(), "gathered_attention: v [B,M,D]");
  if (!decision.slot.empty())
    expect_shape(decision.slot, {B, N, H}, "gathered_attention: slot [B,N,H]");
  expect(Bt == B && Nt == N && Kt == K,
         "gathered_attention: to [B,N,G,K]: expected B, N, K as in bias {}, got {}", bias.shape(),
         candidates.to.shape());
  for (const Index* index : {&candidates.scored, &candidates.read})
    expect_shape(*index, candidates.to.shape(), "gathered_attention: scored and read [B,N,G,K]");
  expect_below(candidates.to, M, "gathered_attention: to [B,N,G,K]", -1);
  expect(tau > 0, "gathered_attention: tau: expected a positive temperature, got {}", tau);

  Array s = known;
  if (s.empty())
    s = gathered_dot_scores(q.value(), key.value(), candidates.scored, H, scale, bias.value());
  counters.rows_read += B * N * G * K;
  Array z(q.shape()), p(s.shape()), w = decision.slot.empty() ? p : zeros(s.shape());
  parallel_for(B * N, 16, [&, N = N, H = H, K = K, G = G](size_t begin, size_t end) {
    const size_t C = D / H;
    detail::CandidateRows there(K);
    for (size_t n = begin; n < end; ++n)
      for (size_t h = 0; h < H; ++h) {
        const size_t row = n * H + h, shared = G == H ? row : n;
        detail::candidate_softmax(s.row(row), candidates.to.row(shared), K, tau, p.row(row));
        const bool decided = !decision.slot.empty();
        if (const int32_t won = decided ? decision.slot.data()[row] : -1; won >= 0)
          w.row(row)[won] = 1;
        const int32_t* read = candidates.read.row(shared);
        const real* base = v.value().row(n / N * M) + h * C;
        const real* weight = w.row(row);
        real* to = z.row(n) + h * C;
        const size_t count = there.find(read, K, base, D);
        if (!decided) {
          simd::weighted_sum(
              count, C, to, real{0}, real{1}, [&](size_t i) { return there.rows[i]; },
              [&](size_t i) { return weight[there.slot[i]]; });
          continue;
        }
        std::fill_n(to, C, real{0});
        for (size_t i = 0; i < count; ++i)
          if (const real w_i = weight[there.slot[i]]; w_i != 0)
            simd::add_scaled(to, w_i, there.rows[i], C);
      }
  });

  return record(
      "gathered_attention", z, {q, key, v, bias},
      [q = q.value(), key = key.value(), v = v.value(), candidates, decision, p, w, scale, tau](
          const Array& dz, Inputs in) {
        const auto [B, N, H, K] = dims<4>(p, "gathered_attention: p [B,N,H,K]");
        const size_t G = candidates.to.shape()[2], D = q.shape().last(), C = D / H;
        const size_t M = v.shape()[1];
        Array ds(p.shape()), dq(q.shape());
        counters.rows_read += 3 * B * N * G * K;
        counters.rows_written += 2 * B * N * G * K;
        parallel_for(B * N, 16, [&, N = N, H = H, K = K](size_t begin, size_t end) {
          detail::CandidateRows there(K);
          std::vector<real> dots(simd::dots_room(K)), dp(K);
          for (size_t n = begin; n < end; ++n)
            for (size_t h = 0; h < H; ++h) {
              const size_t row = n * H + h, shared = G == H ? row : n, base = n / N * M;
              const int32_t *read = candidates.read.row(shared),
                            *scored = candidates.scored.row(shared);
              const real* of_head = v.row(base) + h * C;
              size_t count = there.find(read, K, of_head, D);
              simd::dots(dz.row(n) + h * C, there.rows.data(), count, C, dots.data());
              std::fill(dp.begin(), dp.end(), real{0});
              for (size_t i = 0; i < count; ++i) dp[there.slot[i]] = dots[i];
              const real* weight = p.row(row);
              if (const int32_t won = decision.chosen_only ? decision.slot.data()[row] : -1;
                  won >= 0) {
                const real through = dp[static_cast<size_t>(won)] / weight[won];
                std::fill(dp.begin(), dp.end(), real{0});
                dp[static_cast<size_t>(won)] = through;
              }
              real mean = 0;
              for (size_t k = 0; k < K; ++k) mean += weight[k] * dp[k];
              real* slope = ds.row(row);
              for (size_t k = 0; k < K; ++k) slope[k] = weight[k] * (dp[k] - mean) / tau;
              const real* keys = key.row(base) + h * C;
              count = there.find(scored, K, keys, D);
              simd::weighted_sum(
                  count, C, dq.row(n) + h * C, real{0}, scale,
                  [&](size_t i) { return there.rows[i]; },
                  [&](size_t i) { return slope[there.slot[i]]; });
            }
        });
        in.add(0, dq);
        if (in.wants(1) || in.wants(2)) {
          const detail::HeadReaders readers(candidates, M, ds, w);
          Array dkey(key.shape()), dv(v.shape());
          // A head at a time, so that a row with many readers is shared out over the threads.
          constexpr size_t kRows = 64;
          const size_t blocks = (B * M + kRows - 1) / kRows;
          parallel_for(H * blocks, 1, [&, B = B, N = N, H = H](size_t piece, size_t) {
            const size_t h = piece / blocks, first = piece % blocks * kRows;
            for (size_t row = first; row < std::min(first + kRows, B * M); ++row) {
              const size_t b = row / M;
              readers.sum(b * H + h, row % M, C, D, q.row(b * N) + h * C, dz.row(b * N) + h * C,
                          scale, dkey.row(row) + h * C, dv.row(row) + h * C);
            }
          });
          in.add(1, dkey);
          in.add(2, dv);
        }
        in.add(3, ds);
      });
}

}  // namespace gnomon
