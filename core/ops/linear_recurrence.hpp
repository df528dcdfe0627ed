// linear_recurrence: one number a token goes into a few, which a fixed matrix moves on.
//
//   m_n = A m_{n-1} + b u_n                  m before is 0
//   u [B,N], A [M,M] and b [M] constants     -> m [B,N,M]
//   or, in the middle of sequences, m before is given, M numbers a sequence, and brought forward
//   (no gradient flows into it)
//   backward, with g_n = dm_n + A^T g_{n+1}:   du_n = b . g_n; A and b have none
//   cost: M M multiply-adds a token, as many backward; serial in n, parallel over b. Keeps nothing.
//
// The memory of Voelker, Kajic, Eliasmith, "Legendre memory units: continuous-time representation
// in recurrent neural networks" (2019), section 2. In float32 whatever the precision of other
// products.
#pragma once

#include "core/counters.hpp"
#include "core/simd/block.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

constexpr size_t kWalkedTogether = 4;  // sequences, whose states are one product

/// The rows of x [M,M], or its columns where transposed, as wide as whole registers.
inline Array padded_square(const Array& x, bool transposed) {
  const size_t M = x.shape()[0], wide = (M + simd::kLanes - 1) / simd::kLanes * simd::kLanes;
  Array rows({M, wide}, 0);
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < M; ++j) rows.row(i)[j] = transposed ? x.row(j)[i] : x.row(i)[j];
  return rows;
}

/// `rows` [count,wide] <- rows x by `matrix` [M,wide]; `scratch` is as large as rows.
inline void move_on(size_t count, const Array& matrix, Array& rows, Array& scratch) {
  const size_t M = matrix.shape()[0], wide = matrix.shape()[1];
  simd::block_product<false>(count, M, wide, {rows.data(), wide, 1}, matrix.data(), wide,
                             scratch.data(), wide);
  std::swap(rows, scratch);
}

}  // namespace detail

/// `state`: null for whole sequences, else M numbers of each. Throws Error when shapes disagree.
inline Var linear_recurrence(const Var& u, const Array& A, const Array& b,
                             std::vector<std::vector<real>>* state = nullptr) {
  const auto [B, N] = dims<2>(u.value(), "linear_recurrence: u [B,N]");
  const auto [M, MA] = dims<2>(A, "linear_recurrence: A [M,M]");
  expect(M == MA && M > 0, "linear_recurrence: A [M,M]: expected a square, got shape {}",
         A.shape());
  expect_shape(b, {M}, "linear_recurrence: b [M]");
  if (state) {
    expect(state->size() == B, "linear_recurrence: state: expected B = {} sequences, got {}", B,
           state->size());
    for (const auto& one : *state)
      expect(one.size() == M, "linear_recurrence: state [M]: expected M = {} numbers, got {}", M,
             one.size());
  }
  counters.matrix_flops += 2 * B * N * M * M;
  const Array forward = detail::padded_square(A, true);
  const size_t wide = forward.shape()[1];
  Array m({B, N, M});
  parallel_for(B, detail::kWalkedTogether, [&, N = N, M = M](size_t begin, size_t end) {
    Array now({end - begin, wide}, 0), scratch({end - begin, wide}, 0);
    for (size_t s = begin; state && s < end; ++s)
      std::ranges::copy((*state)[s], now.row(s - begin));
    for (size_t n = 0; n < N; ++n) {
      detail::move_on(end - begin, forward, now, scratch);
      for (size_t s = begin; s < end; ++s) {
        simd::add_scaled(now.row(s - begin), u.value().row(s)[n], b.data(), M);
        std::copy_n(now.row(s - begin), M, m.row(s * N + n));
      }
    }
    for (size_t s = begin; state && s < end; ++s)
      std::copy_n(now.row(s - begin), M, (*state)[s].data());
  });

  return record("linear_recurrence", m, {u}, [A, b](const Array& dm, Inputs in) {
    const auto [B, N, M] = dims<3>(dm, "linear_recurrence: dm [B,N,M]");
    counters.matrix_flops += 2 * B * N * M * M;
    const Array backward = detail::padded_square(A, false);
    const size_t wide = backward.shape()[1];
    Array du({B, N});
    parallel_for(B, detail::kWalkedTogether, [&, N = N, M = M](size_t begin, size_t end) {
      Array g({end - begin, wide}, 0), scratch({end - begin, wide}, 0);
      for (size_t n = N; n-- > 0;) {
        detail::move_on(end - begin, backward, g, scratch);
        for (size_t s = begin; s < end; ++s) {
          simd::add_to(g.row(s - begin), dm.row(s * N + n), M);
          du.row(s)[n] = simd::dot(b.data(), g.row(s - begin), M);
        }
      }
    });
    in.add(0, du);
  });
}

}  // namespace gnomon
