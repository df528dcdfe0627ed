// fixed_recurrence: a linear memory of one number a token, by matrices that do not learn.
//
//   m_n = A m_{n-1} + B u_n        for every column of u by itself; m_0 = 0
//   u [B,N,W], A [M,M], B [M]  ->  m [B,N,W M]
//   `memory` (one for each sequence: m of every column) is what came before, and is brought
//   forward; no gradient flows into it
//   backward, from the last token to the first:   g_n = dm_n + A^T g_{n+1}        du_n = B . g_n
//   cost: M^2 multiply-adds a token and column, forward and backward; nothing is kept but A and B.
//   Serial in n, parallel over b and the columns.
//
// The time-invariant memory of Voelker, Kajic, Eliasmith, "Legendre memory units", NeurIPS 2019,
// equation 3, after discretisation.
#pragma once

#include "core/counters.hpp"
#include "core/simd/fold.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree.
inline Var fixed_recurrence(const Var& u, const Array& A, const Array& into,
                            std::vector<std::vector<real>>* memory = nullptr) {
  const auto [B, N, W] = dims<3>(u.value(), "fixed_recurrence: u [B,N,W]");
  const size_t M = dims<1>(into, "fixed_recurrence: B [M]")[0], width = simd::padded(M);
  expect_shape(A, {M, M}, "fixed_recurrence: A [M,M]");
  expect(!memory || memory->size() == B,
         "fixed_recurrence: memory: expected one for each of B = {} sequences, got {}", B,
         memory ? memory->size() : 0);
  for (size_t b = 0; memory && b < B; ++b)
    expect((*memory)[b].size() == W * M,
           "fixed_recurrence: memory: expected W M = {} numbers, got {}", W * M,
           (*memory)[b].size());

  // Rows of A^T and of A in whole registers: A m is a sum of the columns of A.
  Array columns({M, width}, 0), rows({M, width}, 0);
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < M; ++j) columns.row(j)[i] = rows.row(i)[j] = A.row(i)[j];
  Array m({B, N, W * M});
  parallel_for(B * W, 1, [&, N = N, W = W](size_t list, size_t) {
    const size_t b = list / W, column = list % W;
    Array scratch({2, width}, 0);
    real *now = scratch.row(0), *next = scratch.row(1);
    if (memory) std::copy_n(&(*memory)[b][column * M], M, now);
    for (size_t n = 0; n < N; ++n, std::swap(now, next)) {
      simd::fold_rows(M, width, columns.data(), now, next);
      simd::add_scaled(next, u.value().row(b * N + n)[column], into.data(), M);
      std::copy_n(next, M, m.row(b * N + n) + column * M);
    }
    if (memory) std::copy_n(now, M, &(*memory)[b][column * M]);
  });
  counters.matrix_flops += 2 * B * N * W * M * M;

  return record("fixed_recurrence", m, {u}, [rows, into](const Array& dm, Inputs in) {
    Array& du = in.grad(0);
    const auto [B, N, W] = dims<3>(du, "fixed_recurrence: du [B,N,W]");
    const size_t M = into.size(), width = rows.shape().last();
    parallel_for(B * W, 1, [&, N = N, W = W](size_t list, size_t) {
      const size_t b = list / W, column = list % W;
      Array scratch({2, width}, 0);
      real *later = scratch.row(0), *g = scratch.row(1);
      for (size_t n = N; n-- > 0; std::swap(later, g)) {
        simd::fold_rows(M, width, rows.data(), later, g);
        simd::add_to(g, dm.row(b * N + n) + column * M, M);
        du.row(b * N + n)[column] += simd::dot(into.data(), g, M);
      }
    });
    counters.matrix_flops += 2 * B * N * W * M * M;
  });
}

}  // namespace gnomon
