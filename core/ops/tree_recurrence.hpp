// tree_recurrence: a state for every token, made of R states of earlier tokens, named by an index.
//
//   r[n,:] = the R rows s[to[n,0],:], s[to[n,1],:], ...      zeros where to is -1
//   u[n,:] = silu(x[n,:] + U r[n,:])
//   (g_0, ..., g_R, c)[n,:] = M u[n,:] + m                   then softmax over the g, per element
//   s[n,:] = sum_k g_k s[to[n,k],:] + g_R tanh(c)            a weighted mean: within (-1, 1)
//   x [B,N,F], to [B,N,R] with -1 <= to[b,n] < n, U [F,R D], M [(R + 2) D,F], m [(R + 2) D]
//   in the middle of sequences token n stands at position first + n, and `earlier` [B,P,D], P >=
//   first, holds the states before (no gradient then)
//   -> s [B,N,D]   cost: 2 B N F D (2 R + 2) flops, B N R rows read; serial in n, parallel over b
//   backward: from the last token to the first, each giving to those that it read; the gradients of
//   U, M and m are one product each over all tokens.
//
// A tree-structured LSTM (Tai, Socher, Manning 2015, arXiv 1503.00075, section 3.2) with gates that
// sum to one and no separate output. In float32 whatever the precision of other products.
#pragma once

#include "core/counters.hpp"
#include "core/gemm.hpp"
#include "core/ops/silu.hpp"
#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

struct TreeWeights {
  Var read;       ///< U [F,R D]
  Var gates;      ///< M [(R + 2) D,F]
  Var gate_bias;  ///< m [(R + 2) D]
};

namespace detail {

/// One token. z [(R + 2) D]: M u, in; the gates and tanh(c), out. r [R D]: what was read. -> s [D]
inline void join(size_t R, size_t D, const real* m, const real* r, real* z, real* s) {
  simd::add_to(z, m, (R + 2) * D);
  real* c = z + (R + 1) * D;
  simd::map_range(
      D, c, [](auto v) { return xsimd::tanh(v); }, c);
  for (size_t d = 0; d < D; ++d) {
    real top = z[d];
    for (size_t k = 1; k <= R; ++k) top = std::max(top, z[k * D + d]);
    for (size_t k = 0; k <= R; ++k) z[k * D + d] -= top;
  }
  simd::map_range((R + 1) * D, z, [](auto v) { return xsimd::exp(v); }, z);
  for (size_t d = 0; d < D; ++d) {
    real sum = z[d];
    for (size_t k = 1; k <= R; ++k) sum += z[k * D + d];
    for (size_t k = 0; k <= R; ++k) z[k * D + d] /= sum;
    s[d] = z[R * D + d] * c[d];
    for (size_t k = 0; k < R; ++k) s[d] += z[k * D + d] * r[k * D + d];
  }
}

/// The same backwards: ds [D] in; dz [(R + 2) D] and dr [R D] out, dr without what goes through U.
inline void join_back(size_t R, size_t D, const real* r, const real* z, const real* ds, real* dz,
                      real* dr) {
  const real* c = z + (R + 1) * D;
  for (size_t d = 0; d < D; ++d) {
    real mean = z[R * D + d] * c[d];  // of what the gates choose from
    for (size_t k = 0; k < R; ++k) mean += z[k * D + d] * r[k * D + d];
    for (size_t k = 0; k <= R; ++k)
      dz[k * D + d] = ds[d] * z[k * D + d] * ((k < R ? r[k * D + d] : c[d]) - mean);
    dz[(R + 1) * D + d] = ds[d] * z[R * D + d] * (1 - c[d] * c[d]);
    for (size_t k = 0; k < R; ++k) dr[k * D + d] = ds[d] * z[k * D + d];
  }
}

}  // namespace detail

/// Throws Error when shapes disagree or a token reads itself or beyond.
inline Var tree_recurrence(const Var& x, const Index& to, const TreeWeights& by,
                           const Array& earlier = {}, size_t first = 0) {
  const auto [B, N, F] = dims<3>(x.value(), "tree_recurrence: x [B,N,F]");
  const auto [Bt, Nt, R] = dims<3>(to, "tree_recurrence: to [B,N,R]");
  const size_t G = by.gate_bias.value().size(), D = G / (R + 2);
  expect(Bt == B && Nt == N, "tree_recurrence: to [B,N,R]: expected B = {}, N = {}, got shape {}",
         B, N, to.shape());
  expect_shape(by.gate_bias.value(), {(R + 2) * D}, "tree_recurrence: m [(R+2)D]");
  expect_shape(by.read.value(), {F, R * D}, "tree_recurrence: U [F,R D]");
  expect_shape(by.gates.value(), {G, F}, "tree_recurrence: M [(R+2)D,F]");
  for (size_t e = 0; e < to.size(); ++e) {
    const auto n = static_cast<int32_t>(first + e / R % N), j = to.data()[e];
    expect(j >= -1 && j < n,
           "tree_recurrence: to [B,N,R]: expected -1 to {} at token {}, got {}; a token reads "
           "earlier ones only",
           n - 1, n, j);
  }
  const size_t P = first == 0 ? 0 : dims<3>(earlier, "tree_recurrence: earlier [B,P,D]")[1];
  expect(P >= first, "tree_recurrence: earlier [B,P,D]: expected {} states, got shape {}", first,
         earlier.shape());
  counters.rows_read += B * N * R;

  Array s({B, N, D}), r({B, N, R * D}, 0), v = x.value().clone(), u({B, N, F}), z({B, N, G});
  constexpr size_t kSequences = 16;  // that are walked side by side
  // Row n of each of them, N rows apart.
  const auto at = [](const Array& a, size_t row) {
    return Matrix{a.row(row), a.shape()[1] * a.shape()[2]};
  };
  parallel_for(B, kSequences, [&, N = N, F = F, R = R](size_t begin, size_t end) {
    for (size_t n = 0; n < N; ++n) {
      const size_t top = begin * N + n;
      for (size_t row = top; row < end * N; row += N)
        for (size_t k = 0; k < R; ++k)
          if (const int32_t read = to.row(row)[k]; read >= 0) {
            const auto j = static_cast<size_t>(read);
            std::copy_n(j < first ? earlier.row(row / N * P + j) : s.row(row / N * N + j - first),
                        D, r.row(row) + k * D);
          }
      gemm(end - begin, F, R * D, at(r, top), {by.read.value().data(), R * D, true}, v.row(top),
           N * F, 1);
      for (size_t row = top; row < end * N; row += N)
        simd::map_range(F, u.row(row), detail::silu_value, v.row(row));
      gemm(end - begin, G, F, at(u, top), {by.gates.value().data(), F, true}, z.row(top), N * G);
      for (size_t row = top; row < end * N; row += N)
        detail::join(R, D, by.gate_bias.value().data(), r.row(row), z.row(row), s.row(row));
    }
  });

  return record(
      "tree_recurrence", s, {x, by.read, by.gates, by.gate_bias},
      [=, U = by.read.value(), M = by.gates.value()](const Array& dy, Inputs in) {
        const auto [B, N, R] = dims<3>(to, "tree_recurrence: to [B,N,R]");
        const size_t D = s.shape().last(), F = v.shape().last(), G = z.shape().last();
        expect(first == 0,
               "tree_recurrence: gradients are those of whole sequences, got first = {}", first);
        Array ds = dy.clone(), dv(v.shape()), dz(z.shape());
        counters.rows_written += B * N * R;
        parallel_for(B, kSequences, [&, N = N, R = R](size_t begin, size_t end) {
          const size_t count = end - begin;
          Array dr({count, R * D});
          for (size_t n = N; n-- > 0;) {
            const size_t top = begin * N + n;
            for (size_t b = 0, row = top; b < count; ++b, row += N)
              detail::join_back(R, D, r.row(row), z.row(row), ds.row(row), dz.row(row), dr.row(b));
            gemm(count, F, G, at(dz, top), {M.data(), F}, dv.row(top), N * F);
            for (size_t row = top; row < end * N; row += N)
              simd::map_range(F, dv.row(row), detail::silu_slope, dv.row(row), v.row(row));
            gemm(count, R * D, F, at(dv, top), {U.data(), R * D}, dr.data(), R * D, 1);
            for (size_t b = 0, row = top; b < count; ++b, row += N)
              for (size_t k = 0; k < R; ++k)
                if (const int32_t j = to.row(row)[k]; j >= 0)
                  simd::add_to(ds.row(row - n + static_cast<size_t>(j)), dr.row(b) + k * D, D);
          }
        });
        if (in.wants(0)) in.add(0, dv);
        if (in.wants(1)) {
          auto [dU, beta] = in.blend(1);
          gemm(F, R * D, B * N, {dv.data(), F, true}, {r.data(), R * D}, dU.data(), R * D, beta);
        }
        if (in.wants(2)) {
          auto [dM, beta] = in.blend(2);
          gemm(G, F, B * N, {dz.data(), G, true}, {u.data(), F}, dM.data(), F, beta);
        }
        if (in.wants(3)) simd::column_sums(dz.data(), B * N, G, in.grad(3).data());
      });
}

}  // namespace gnomon
