#include "core/gemm.hpp"

#ifndef GNOMON_DOUBLE
#include <dnnl.h>
#endif

#include <cmath>
#include <limits>
#include <vector>

#include "core/counters.hpp"
#include "core/gemm_bf16.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"

namespace gnomon {
namespace {

/// Rows of a tile: about 128, a matter of the shape alone, since other heights change a row's bits.
/// A few tiles come in an even number: three would keep one of two threads waiting for a third of
/// the time.
size_t tile_rows(size_t m) {
  constexpr size_t kTile = 128, kFew = 8, kRegisters = 8;
  size_t tiles = (m + kTile - 1) / kTile;
  if (tiles > kFew || m < kTile / 2) return kTile;
  tiles += tiles % 2;
  return ((m + tiles - 1) / tiles + kRegisters - 1) / kRegisters * kRegisters;
}

real element(const Matrix& a, size_t i, size_t j) {
  return a.transposed ? a.data[j * a.stride + i] : a.data[i * a.stride + j];
}

void plain(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
           real alpha) {
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t l = 0; l < k; ++l) sum += double{element(a, i, l)} * double{element(b, l, j)};
      real& y = c[i * stride_c + j];
      y = static_cast<real>(double{alpha} * sum + (beta == 0 ? 0.0 : double{beta} * double{y}));
    }
}

void tile(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
          real alpha) {
#ifdef GNOMON_DOUBLE
  plain(m, n, k, a, b, c, stride_c, beta, alpha);
#else
  const auto length = [](size_t v) { return static_cast<dnnl_dim_t>(v); };
  const dnnl_status_t status = dnnl_sgemm(
      a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', length(m), length(n), length(k), alpha,
      a.data, length(a.stride), b.data, length(b.stride), beta, c, length(stride_c));
  expect(status == dnnl_success, "gemm: oneDNN refused [{},{}] x [{},{}] (status {})", m, k, k, n,
         static_cast<int>(status));
#endif
}

/// With all the bits that the operands have.
void full(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
          real alpha) {
  parallel_for(m, tile_rows(m), [&](size_t begin, size_t end) {
    const OneThread planned;
    const Matrix rows{a.data + (a.transposed ? begin : begin * a.stride), a.stride, a.transposed};
    tile(end - begin, n, k, rows, b, c + begin * stride_c, stride_c, beta, alpha);
  });
}

/// Both operands rounded, then as they are.
void rounded(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
             real alpha) {
  const auto [height_a, width_a] = a.transposed ? std::pair(k, m) : std::pair(m, k);
  const auto [height_b, width_b] = b.transposed ? std::pair(n, k) : std::pair(k, n);
  const Array near_a = rounded_to_bf16(height_a, width_a, a.data, a.stride);
  const Array near_b = rounded_to_bf16(height_b, width_b, b.data, b.stride);
  full(m, n, k, {near_a.data(), width_a, a.transposed}, {near_b.data(), width_b, b.transposed}, c,
       stride_c, beta, alpha);
}

}  // namespace

void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
          real alpha, Precision precision) {
  counters.matrix_flops += 2 * m * n * k;
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j)
        c[i * stride_c + j] = beta == 0 ? 0 : beta * c[i * stride_c + j];
    return;
  }
  if (precision == Precision::f32) return full(m, n, k, a, b, c, stride_c, beta, alpha);
#ifndef GNOMON_DOUBLE
  if (has_bf16()) return gemm_packed<uint16_t>(m, n, k, a, b, c, stride_c, beta, alpha);
#endif
  rounded(m, n, k, a, b, c, stride_c, beta, alpha);
}

void gemm_self_test() {
  Random random(1);
  const auto near = [](const Array& x) {
    return rounded_to_bf16(x.shape()[0], x.shape()[1], x.data(), x.shape()[1]);
  };
  for (const auto& [m, n, k] :
       {std::array<size_t, 3>{300, 40, 64}, {1, 33, 7}, {129, 256, 65}, {9, 8, 1100}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        // Operands that bf16 can hold, so that both precisions owe the same numbers.
        const Array a = near(random.normal({ta ? k : m, ta ? m : k}));
        const Array b = near(random.normal({tb ? n : k, tb ? k : n}));
        Array d({m, n});
        const Matrix left{a.data(), a.shape().last(), ta}, right{b.data(), b.shape().last(), tb};
        plain(m, n, k, left, right, d.data(), n, 0, 1);
        for (const Precision precision : {Precision::f32, Precision::bf16}) {
          Array c({m, n}, std::numeric_limits<real>::quiet_NaN());
          gemm(m, n, k, left, right, c.data(), n, 0, 1, precision);
          for (size_t e = 0; e < c.size(); ++e)
            expect(std::abs(c.data()[e] - d.data()[e]) < 1e-3,
                   "gemm: the matrix library returns wrong numbers here ({}, [{},{}] x [{},{}], "
                   "element {}: expected {}, got {}); check OMP_THREAD_LIMIT and OMP_DYNAMIC",
                   precision == Precision::f32 ? "float32" : "bf16", m, k, k, n, e, d.data()[e],
                   c.data()[e]);
        }
      }
}

}  // namespace gnomon
