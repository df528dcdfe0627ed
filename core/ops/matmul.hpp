// matmul: one matrix product for every leading index.
//
//   y[..,m,n] = sum_k a[..,m,k] b[..,k,n]      a [..,M,K], b [..,K,N]  ->  y [..,M,N]
//   with transpose_a, a is stored [..,K,M]; with transpose_b, b is stored [..,N,K]
//   backward: da = dy b^T, db = a^T dy, stored as a and b are
#pragma once

#include "core/gemm.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

/// product(p) for p in [0,batch). Small products share out the threads, one product each; a tall
/// product is cut into tiles by gemm itself. The bits are the same either way.
template <class Product>
void for_each_product(size_t batch, size_t rows, Product&& product) {
  if (rows > 512)
    for (size_t p = 0; p < batch; ++p) product(p);
  else
    parallel_for(batch, 1, [&](size_t begin, size_t end) {
      for (size_t p = begin; p < end; ++p) product(p);
    });
}

}  // namespace detail

/// Throws Error unless the leading axes are equal and K agrees.
inline Var matmul(const Var& a, const Var& b, bool transpose_a = false, bool transpose_b = false) {
  const size_t rank = a.shape().rank();
  expect(rank >= 2 && b.shape().rank() == rank &&
             std::equal(a.shape().begin(), a.shape().end() - 2, b.shape().begin()),
         "matmul: a [..,M,K], b [..,K,N]: expected equal leading axes, got {} and {}", a.shape(),
         b.shape());
  const auto extents = [rank](const Var& x, bool transposed) {
    return std::array{x.shape()[rank - 2 + transposed], x.shape()[rank - 1 - transposed]};
  };
  const auto [M, K] = extents(a, transpose_a);
  const auto [Kb, N] = extents(b, transpose_b);
  expect(K == Kb, "matmul: a [..,M,K], b [..,K,N]: expected K = {} as in a {}, got K = {} in b {}",
         K, a.shape(), Kb, b.shape());

  Shape shape = a.shape();
  shape[rank - 2] = M;
  shape[rank - 1] = N;
  Array y(shape);
  // Product p reads its own part of an array whose rows have the length of its last axis.
  const auto part = [](const Array& x, size_t p, bool transposed) {
    const Shape& s = x.shape();
    return Matrix{x.data() + p * s[s.rank() - 2] * s.last(), s.last(), transposed};
  };
  const size_t batch = shape.elements() / std::max<size_t>(1, M * N);
  detail::for_each_product(batch, M, [&, M = M, N = N, K = K](size_t p) {
    gemm(M, N, K, part(a.value(), p, transpose_a), part(b.value(), p, transpose_b),
         y.data() + p * M * N, N);
  });

  return record("matmul", y, {a, b},
                [a = a.value(), b = b.value(), transpose_a, transpose_b, part, batch, M = M, N = N,
                 K = K](const Array& dy, Inputs in) {
                  if (in.wants(0)) {
                    auto [da, beta] = in.blend(0);
                    detail::for_each_product(batch, M, [&, &da = da, beta = beta](size_t p) {
                      real* to = da.data() + p * M * K;
                      if (transpose_a)
                        gemm(K, M, N, part(b, p, transpose_b), part(dy, p, true), to, M, beta);
                      else
                        gemm(M, K, N, part(dy, p, false), part(b, p, !transpose_b), to, K, beta);
                    });
                  }
                  if (in.wants(1)) {
                    auto [db, beta] = in.blend(1);
                    detail::for_each_product(batch, N, [&, &db = db, beta = beta](size_t p) {
                      real* to = db.data() + p * K * N;
                      if (transpose_b)
                        gemm(N, K, M, part(dy, p, true), part(a, p, transpose_a), to, K, beta);
                      else
                        gemm(K, N, M, part(a, p, !transpose_a), part(dy, p, false), to, N, beta);
                    });
                  }
                });
}

}  // namespace gnomon
