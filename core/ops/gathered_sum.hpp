// gathered_sum: every head reads its K candidates, weighted.
//
//   z[b,n,h,:] = sum_k w[b,n,h,k] v[b, to[b,n,g,k], h, :]              -1 in `to` adds nothing
//   w [B,N,H,K], v [B,M,H C] (a head is a slice of the last axis), to [B,N,G,K] in [-1,M), G 1 or H
//   -> z [B,N,H C]             cost: B N G K rows read; never N x N
//   backward: dw[b,n,h,k] = dz[b,n,h] . v[.., to, h];   dv[b,j,h] = the sum of w[b,n,h,k] dz[b,n,h]
//   over all (n,k) with to[b,n,g,k] = j, by the inverse index.
#pragma once

#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"
#include "core/targets.hpp"

namespace gnomon {

/// `to` is a Targets over the index [B,N,G,K] with B groups of M rows. Throws Error when shapes
/// disagree.
inline Var gathered_sum(const Var& w, const Var& v, const Targets& to) {
  const auto [B, N, H, K] = dims<4>(w.value(), "gathered_sum: w [B,N,H,K]");
  const auto [Bv, M, D] = dims<3>(v.value(), "gathered_sum: v [B,M,D]");
  const auto [Bt, Nt, G, Kt] = dims<4>(to.index(), "gathered_sum: to [B,N,G,K]");
  expect(Bv == B && Bt == B && Nt == N && Kt == K && to.rows() == M && to.groups() == B,
         "gathered_sum: expected B = {}, N = {}, K = {} everywhere, got v {} and to {}", B, N, K,
         v.shape(), to.index().shape());
  expect(H > 0 && D % H == 0 && (G == 1 || G == H),
         "gathered_sum: expected D divisible by H and G = 1 or H, got D = {}, H = {}, G = {}", D, H,
         G);
  counters.rows_read += B * N * G * K;

  Array z({B, N, D}, 0);
  parallel_for(B * N, 16, [&, N = N, M = M, H = H, D = D, G = G, K = K](size_t begin, size_t end) {
    const size_t C = D / H;
    for (size_t n = begin; n < end; ++n)
      for (size_t h = 0; h < H; ++h)
        for (size_t k = 0; k < K; ++k) {
          const int32_t j = to.index().data()[(n * G + (G == 1 ? 0 : h)) * K + k];
          const real weight = w.value().data()[(n * H + h) * K + k];
          if (j >= 0 && weight != 0)
            simd::add_scaled(z.row(n) + h * C, weight, v.value().row(n / N * M + j) + h * C, C);
        }
  });

  return record(
      "gathered_sum", z, {w, v}, [w = w.value(), v = v.value(), to](const Array& dz, Inputs in) {
        const auto [B, N, H, K] = dims<4>(w, "gathered_sum: w [B,N,H,K]");
        const size_t G = to.index().shape()[2], D = v.shape().last(), C = D / H;
        const size_t M = to.rows();
        if (in.wants(0)) {
          Array& dw = in.grad(0);
          parallel_for(B * N, 16, [&, N = N, H = H, K = K](size_t begin, size_t end) {
            for (size_t n = begin; n < end; ++n)
              for (size_t h = 0; h < H; ++h)
                for (size_t k = 0; k < K; ++k) {
                  const int32_t j = to.index().data()[(n * G + (G == 1 ? 0 : h)) * K + k];
                  if (j >= 0)
                    dw.data()[(n * H + h) * K + k] +=
                        simd::dot(dz.row(n) + h * C, v.row(n / N * M + j) + h * C, C);
                }
          });
        }
        if (in.wants(1)) {
          Array& dv = in.grad(1);
          const Readers& readers = to.readers();
          counters.rows_written += B * N * G * K;
          parallel_for(B * M, 16, [&, N = N, H = H, K = K](size_t begin, size_t end) {
            for (size_t row = begin; row < end; ++row) {
              const size_t b = row / M;
              for (auto r = readers.begin(b, row % M); r != readers.end(b, row % M); ++r) {
                const size_t n = b * N + *r / (G * K), g = *r / K % G, k = *r % K;
                for (size_t h = G == 1 ? 0 : g; h < (G == 1 ? H : g + 1); ++h) {
                  const real weight = w.data()[(n * H + h) * K + k];
                  if (weight != 0)
                    simd::add_scaled(dv.row(row) + h * C, weight, dz.row(n) + h * C, C);
                }
              }
            }
          });
        }
      });
}

}  // namespace gnomon
