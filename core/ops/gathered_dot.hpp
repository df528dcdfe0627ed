// gathered_dot: the scores of K candidates, per head.
//
//   s[b,n,h,k] = scale * q[b,n,h,:] . key[b, to[b,n,g,k], h, :]        0 where to is -1
//   q [B,N,H C] (a head is a slice of the last axis), key [B,M,H C], to [B,N,G,K] in [-1,M)
//   G = H: every head has candidates of its own;  G = 1: the heads share them (g = 0)
//   -> s [B,N,H,K]            cost: B N G K rows read, 2 B N H K C flops; never N x N
//   backward: dq[b,n,h] = scale sum_k ds[b,n,h,k] key[.., to, h];   dkey[b,j,h] = the sum of
//   scale ds[b,n,h,k] q[b,n,h] over all (n,k) with to[b,n,g,k] = j, by the inverse index.
#pragma once

#include "core/counters.hpp"
#include "core/simd/gather.hpp"
#include "core/tape.hpp"
#include "core/targets.hpp"

namespace gnomon {

/// The forward pass alone, on numbers: s [B,N,H,K], plus a bias of that shape if there is one.
/// Throws Error when shapes disagree.
inline Array gathered_dot_scores(const Array& q, const Array& key, const Index& to, size_t heads,
                                 real scale, const Array& bias = {}) {
  const auto [B, N, D] = dims<3>(q, "gathered_dot: q [B,N,D]");
  const auto [Bt, Nt, G, K] = dims<4>(to, "gathered_dot: to [B,N,G,K]");
  const auto [Bk, M, Dk] = dims<3>(key, "gathered_dot: key [B,M,D]");
  expect(Bk == B && Dk == D, "gathered_dot: key [B,M,D]: expected B, D as in q {}, got shape {}",
         q.shape(), key.shape());
  expect(Bt == B && Nt == N, "gathered_dot: to [B,N,G,K]: expected B = {}, N = {}, got shape {}", B,
         N, to.shape());
  expect(heads > 0 && D % heads == 0 && (G == 1 || G == heads),
         "gathered_dot: expected D divisible by H and G = 1 or H, got D = {}, H = {}, G = {}", D,
         heads, G);
  expect_below(to, M, "gathered_dot: to [B,N,G,K]", -1);
  const size_t H = heads;
  if (!bias.empty()) expect_shape(bias, {B, N, H, K}, "gathered_dot: bias [B,N,H,K]");
  counters.rows_read += B * N * G * K;

  Array s({B, N, H, K});
  parallel_for(B * N, 16, [&, N = N, M = M, D = D, G = G, K = K](size_t begin, size_t end) {
    const size_t C = D / H;
    std::vector<const real*> rows(K);
    std::vector<real> dots(simd::dots_room(K));
    for (size_t n = begin; n < end; ++n)
      for (size_t h = 0; h < H; ++h) {
        const int32_t* j = to.data() + (n * G + (G == 1 ? 0 : h)) * K;
        const real* keys = key.row(n / N * M) + h * C;
        size_t there = 0;  // a menu of one head leaves the slots of the others' empty
        for (size_t k = 0; k < K; ++k)
          if (j[k] >= 0) rows[there++] = keys + static_cast<size_t>(j[k]) * D;
        simd::dots(q.row(n) + h * C, rows.data(), there, C, dots.data());
        real* of_head = s.row(n * H + h);
        for (size_t k = 0, d = 0; k < K; ++k) of_head[k] = j[k] < 0 ? real{0} : scale * dots[d++];
        if (!bias.empty()) simd::add_to(of_head, bias.row(n * H + h), K);
      }
  });
  return s;
}

/// `to` is a Targets over the index [B,N,G,K] with B groups of M rows. Throws Error when shapes
/// disagree.
inline Var gathered_dot(const Var& q, const Var& key, const Targets& to, size_t heads, real scale) {
  const size_t H = heads;
  const Array s = gathered_dot_scores(q.value(), key.value(), to.index(), H, scale);
  expect(to.rows() == key.shape()[1] && to.groups() == key.shape()[0],
         "gathered_dot: to: expected {} groups of {} rows, got {} of {}", key.shape()[0],
         key.shape()[1], to.groups(), to.rows());

  return record(
      "gathered_dot", s, {q, key},
      [q = q.value(), key = key.value(), to, H, scale](const Array& ds, Inputs in) {
        const auto [B, N, D] = dims<3>(q, "gathered_dot: q [B,N,D]");
        const size_t G = to.index().shape()[2], K = to.index().shape()[3], C = D / H;
        const size_t M = to.rows();
        if (in.wants(0)) {
          Array& dq = in.grad(0);
          parallel_for(B * N, 16, [&, N = N, D = D](size_t begin, size_t end) {
            std::vector<const real*> rows(K);
            std::vector<real> slope(K);
            for (size_t n = begin; n < end; ++n)
              for (size_t h = 0; h < H; ++h) {
                const int32_t* j = to.index().data() + (n * G + (G == 1 ? 0 : h)) * K;
                const real* keys = key.row(n / N * M) + h * C;
                size_t there = 0;
                for (size_t k = 0; k < K; ++k)
                  if (j[k] >= 0) {
                    slope[there] = ds.data()[(n * H + h) * K + k];
                    rows[there++] = keys + static_cast<size_t>(j[k]) * D;
                  }
                simd::weighted_sum(
                    there, C, dq.row(n) + h * C, real{1}, scale, [&](size_t i) { return rows[i]; },
                    [&](size_t i) { return slope[i]; });
              }
          });
        }
        if (in.wants(1)) {
          Array& dkey = in.grad(1);
          const Readers& readers = to.readers();
          counters.rows_written += B * N * G * K;
          parallel_for(B * M, 16, [&, N = N](size_t begin, size_t end) {
            const auto each = static_cast<uint32_t>(K);  // divides faster than 64 bits
            const size_t heads = G == 1 ? H : 1;         // of a reader
            for (size_t row = begin; row < end; ++row) {
              const size_t b = row / M;
              for (auto r = readers.begin(b, row % M); r != readers.end(b, row % M); ++r) {
                const size_t first = (b * N * G + *r / each) * heads, k = *r % each;
                for (size_t head = first; head < first + heads; ++head)  // n H + h
                  simd::add_scaled(dkey.row(row) + head % H * C, scale * ds.row(head)[k],
                                   q.data() + head * C, C);
              }
            }
          });
        }
      });
}

}  // namespace gnomon
