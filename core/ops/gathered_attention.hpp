// core/ops/gathered_attention.hpp
// gathered_attention: every head scores its K candidates, selects, and reads what it selected.
//
//   s[b,n,h,k] = scale q[b,n,h,:] . key[b, j, h, :] + bias[b,n,h,k]       j = to[b,n,g,k]
//   p = softmax over the k with to >= 0 of s / tau        (a token without candidates: all 0)
//   w = p, or where `decided` the one-hot of argmax p (the first wins a tie)
//   z[b,n,h,:] = sum_k w[b,n,h,k] v[b, j, h, :]
//   q, key, v [B,N,H C], bias [B,N,H,K], to [B,N,G,K] in [-1,N), G = H or 1 (shared) -> z [B,N,H C]
//   backward, where decided with the gradient of the undecided p (straight-through: Bengio et al.
//   2013, section 4):    dp_k = dz . v_j      ds_k = p_k (dp_k - sum_l p_l dp_l) / tau = dbias_k
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

namespace detail {

/// The readers of each row, head group by head group: a counting sort of the index.
struct GroupReaders {
  struct Reader {
    uint32_t n, k;  // to[b,n,g,k] is the row
  };
  using Starts = std::vector<uint32_t, PoolAllocator<uint32_t>>;
  using List = std::vector<Reader, PoolAllocator<Reader>>;

  explicit GroupReaders(const Index& to) {
    const auto [B, N, G, K] = dims<4>(to, "gathered_attention: to [B,N,G,K]");
    rows = N, groups = G, each = N * K;
    expect(each < std::numeric_limits<uint32_t>::max(),
           "gathered_attention: to [B,N,G,K]: too many readers: N K = {}", each);
    start.assign(B * G * (N + 1), 0);
    reader.resize(std::max<size_t>(1, B * G * each));
    parallel_for(B * G, 1, [&, N = N, G = G, K = K](size_t list, size_t) {
      uint32_t* from = &start[list * (N + 1)];
      const auto visit = [&](auto&& work) {
        for (size_t n = 0; n < N; ++n) {
          const int32_t* row = to.data() + ((list / G * N + n) * G + list % G) * K;
          for (size_t k = 0; k < K; ++k)
            if (row[k] >= 0) work(static_cast<size_t>(row[k]), n, k);
        }
      };
      visit([&](size_t j, size_t, size_t) { ++from[j + 1]; });
      for (size_t j = 0; j < N; ++j) from[j + 1] += from[j];
      Starts next(from, from + N);
      visit([&](size_t j, size_t n, size_t k) {
        reader[list * each + next[j]++] = {static_cast<uint32_t>(n), static_cast<uint32_t>(k)};
      });
    });
  }
  const Reader* begin(size_t b, size_t g, size_t row) const {
    const size_t list = b * groups + g;
    return &reader[0] + list * each + start[list * (rows + 1) + row];
  }
  size_t count(size_t b, size_t g, size_t row) const {
    const size_t at = (b * groups + g) * (rows + 1) + row;
    return start[at + 1] - start[at];
  }

  size_t rows, groups, each;
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

/// One-hot of the largest of p; zeros where all are. Throws Error(Exit::diverged) on NaN.
inline void candidate_decision(const real* p, size_t K, real* w) {
  size_t best = 0;
  bool any = false;
  for (size_t k = 0; k < K; ++k) {
    if (std::isnan(p[k]))
      fail(Exit::diverged, "gathered_attention: a score is not a number; the model has diverged");
    if (p[k] > p[best]) best = k;
    any |= p[k] > 0;
  }
  std::fill_n(w, K, real{0});
  if (any) w[best] = 1;
}

/// x with zeros where the candidates do not stand in `index`; x itself where they all do.
inline Array only_where(const Array& x, const Candidates& candidates, const Index& index) {
  if (index.data() == candidates.to.data()) return x;
  const auto [B, N, H, K] = dims<4>(x, "gathered_attention: weights [B,N,H,K]");
  const size_t G = index.shape()[2];
  Array y = x.clone();
  parallel_for(B * N, 64, [&, H = H, K = K](size_t begin, size_t end) {
    for (size_t row = begin * H; row < end * H; ++row)
      for (size_t k = 0; k < K; ++k)
        if (index.row(G == H ? row : row / H)[k] < 0) y.row(row)[k] = 0;
  });
  return y;
}

/// rows[k] = the part of head h of the row to which candidate k points; `nowhere` for -1.
inline void candidate_rows(const int32_t* to, size_t K, const real* base, size_t stride,
                           const real* nowhere, const real** rows) {
  for (size_t k = 0; k < K; ++k)
    rows[k] = to[k] < 0 ? nowhere : base + static_cast<size_t>(to[k]) * stride;
}

}  // namespace detail

/// `known`: the scores s, where the caller had to compute them to choose the candidates. Throws
/// Error when shapes disagree, an index is outside [-1,N), or tau is not positive.
inline Var gathered_attention(const Var& q, const Var& key, const Var& v, const Var& bias,
                              const Candidates& candidates, real scale, real tau = 1,
                              bool decided = false, const Array& known = {}) {
  const auto [B, N, H, K] = dims<4>(bias.value(), "gathered_attention: bias [B,N,H,K]");
  const auto [Bt, Nt, G, Kt] = dims<4>(candidates.to, "gathered_attention: to [B,N,G,K]");
  const size_t D = dims<3>(q.value(), "gathered_attention: q [B,N,D]")[2];
  expect_shape(v.value(), q.shape(), "gathered_attention: v [B,N,D]");
  expect(Bt == B && Nt == N && Kt == K,
         "gathered_attention: to [B,N,G,K]: expected B, N, K as in bias {}, got {}", bias.shape(),
         candidates.to.shape());
  for (const Index* index : {&candidates.scored, &candidates.read})
    expect_shape(*index, candidates.to.shape(), "gathered_attention: scored and read [B,N,G,K]");
  expect_below(candidates.to, N, "gathered_attention: to [B,N,G,K]", -1);
  expect(tau > 0, "gathered_attention: tau: expected a positive temperature, got {}", tau);

  Array s = known;
  if (s.empty()) {
    s = gathered_dot_scores(q.value(), key.value(), candidates.scored, H, scale);
    simd::map(
        s, [](auto dot, auto b) { return dot + b; }, s, bias.value());
  }
  counters.rows_read += B * N * G * K;
  Array z(q.shape()), p(s.shape()), w = decided ? Array(s.shape()) : p;
  const bool all_read = candidates.read.data() == candidates.to.data();
  parallel_for(B * N, 16, [&, N = N, H = H, K = K, G = G](size_t begin, size_t end) {
    const size_t C = D / H;
    std::vector<const real*> rows(K);
    for (size_t n = begin; n < end; ++n)
      for (size_t h = 0; h < H; ++h) {
        const size_t row = n * H + h, shared = G == H ? row : n;
        detail::candidate_softmax(s.row(row), candidates.to.row(shared), K, tau, p.row(row));
        if (decided) detail::candidate_decision(p.row(row), K, w.row(row));
        const int32_t* read = candidates.read.row(shared);
        const real* base = v.value().row(n / N * N) + h * C;
        const real* weight = w.row(row);
        real* to = z.row(n) + h * C;
        detail::candidate_rows(read, K, base, D, base, rows.data());
        if (!decided && all_read) {
          // The weight of what is not there is 0 already.
          simd::weighted_sum(
              K, C, to, real{0}, real{1}, [&](size_t k) { return rows[k]; },
              [&](size_t k) { return weight[k]; });
          continue;
        }
        std::fill_n(to, C, real{0});
        for (size_t k = 0; k < K; ++k)
          if (read[k] >= 0 && weight[k] != 0) simd::add_scaled(to, weight[k], rows[k], C);
      }
  });

  return record("gathered_attention", z, {q, key, v, bias},
                [q = q.value(), key = key.value(), v = v.value(), candidates, p, w, scale, tau](
                    const Array& dz, Inputs in) {
    const auto [B, N, H, K] = dims<4>(p, "gathered_attention: p [B,N,H,K]");
    const size_t G = candidates.to.shape()[2], D = q.shape().last(), C = D / H;
    Array ds(p.shape()), dq(q.shape());
    counters.rows_read += 3 * B * N * G * K;
    counters.rows_written += 2 * B * N * G * K;
    parallel_for(B * N, 16, [&, N = N, H = H, K = K](size_t begin, size_t end) {
      std::vector<const real*> rows(K);
      std::vector<real> dp(simd::dots_room(K));
      for (size_t n = begin; n < end; ++n)
        for (size_t h = 0; h < H; ++h) {
          const size_t row = n * H + h, shared = G == H ? row : n, base = n / N * N;
          const int32_t *read = candidates.read.row(shared),
                        *scored = candidates.scored.row(shared);
          const real* of_head = v.row(base) + h * C;
          detail::candidate_rows(read, K, of_head, D, of_head, rows.data());
          simd::dots(dz.row(n) + h * C, rows.data(), K, C, dp.data());
          const real* weight = p.row(row);
          real mean = 0;
          for (size_t k = 0; k < K; ++k)
            mean += weight[k] * (dp[k] = read[k] < 0 ? real{0} : dp[k]);
          real* slope = ds.row(row);
          for (size_t k = 0; k < K; ++k) slope[k] = weight[k] * (dp[k] - mean) / tau;
          const real* keys = key.row(base) + h * C;
          detail::candidate_rows(scored, K, keys, D, keys, rows.data());
          simd::weighted_sum(
              K, C, dq.row(n) + h * C, real{0}, scale, [&](size_t k) { return rows[k]; },
              [&](size_t k) { return scored[k] < 0 ? real{0} : slope[k]; });
        }
    });
    in.add(0, dq);
    if (in.wants(1) || in.wants(2)) {
      const detail::GroupReaders readers(candidates.to);
      const Array to_keys = detail::only_where(ds, candidates, candidates.scored);
      const Array to_values = detail::only_where(w, candidates, candidates.read);
      Array dkey(q.shape()), dv(q.shape());
      // A head at a time, so that a row which everybody reads is shared out over the threads.
      constexpr size_t kRows = 64;
      const size_t blocks = (B * N + kRows - 1) / kRows;
      parallel_for(H * blocks, 1, [&, B = B, N = N, H = H, K = K](size_t piece, size_t) {
        const size_t h = piece / blocks, first = piece % blocks * kRows;
        for (size_t row = first; row < std::min(first + kRows, B * N); ++row) {
          const size_t b = row / N, g = G == H ? h : 0;
          const auto* reader = readers.begin(b, g, row % N);
          const size_t count = readers.count(b, g, row % N);
          const auto weight_in = [&](const Array& weights) {
            return [&, data = weights.data()](size_t i) {
              return data[((b * N + reader[i].n) * H + h) * K + reader[i].k];
            };
          };
          const auto rows_of = [&](const Array& x) {
            return [&, data = x.row(b * N) + h * C](size_t i) { return data + reader[i].n * D; };
          };
          simd::weighted_sum(count, C, dkey.row(row) + h * C, real{0}, scale, rows_of(q),
                             weight_in(to_keys));
          simd::weighted_sum(count, C, dv.row(row) + h * C, real{0}, real{1}, rows_of(dz),
                             weight_in(to_values));
        }
      });
      in.add(1, dkey);
      in.add(2, dv);
    }
    in.add(3, ds);
  });
}

}  // namespace gnomon
