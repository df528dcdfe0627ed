// Matrix products behind one interface: oneDNN in float32, or Eigen where oneDNN is not; a plain
// loop in double (gradient tests).
//
// A product is cut into tiles of about 128 output rows, one single-threaded library call each. The
// cut depends on the shape only, so the bits do not depend on the number of threads; at our shapes
// it costs nothing against the library's own threading. Two ways in which oneDNN 2.6 silently
// returns wrong numbers are avoided by it: dnnl_sgemm leaves part of C unwritten when OpenMP grants
// fewer threads than it planned for (so every worker plans for one), and a shared primitive with a
// library-owned scratchpad races (so no primitive is shared).
#pragma once

#include <cstddef>
#include <vector>

#include "core/array.hpp"
#include "core/precision.hpp"

namespace gnomon {

/// A matrix in memory: element (i, j) at data[i * stride + j], or [j * stride + i] if transposed.
struct Matrix {
  const real* data;
  size_t stride;
  bool transposed = false;
};

/// C[m,n] = alpha A[m,k] B[k,n] + beta C; C has row stride `stride_c`. With beta == 0, C may be
/// uninitialised. With bf16, A and B are rounded to it first (core/gemm_bf16.hpp). Called inside a
/// parallel_for it runs on the calling thread alone.
void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta = 0,
          real alpha = 1, Precision precision = Precision::f32);

/// C[m,n] = alpha sum_t A_t[m,k_t] B_t[k_t,n] + beta C. Without terms it is beta C.
struct Product {
  struct Term {
    size_t k;
    Matrix a, b;
  };
  size_t m, n;
  std::vector<Term> terms;
  real* c;
  size_t stride_c;
  real beta = 0, alpha = 1;
  const real* bias = nullptr;  ///< [n]: added to every row, in place of beta C
  real* row_sums = nullptr;    ///< [m]: += the sums of the rows of all A_t, which are never rounded
};

/// Several products in one parallel loop over all their tiles, with the bits of one after the
/// other. Those that write to the same numbers do run one after the other.
void gemm_all(std::vector<Product> products, Precision precision = Precision::f32);

/// Compares products of several shapes against a plain loop, through poisoned output, in both
/// precisions. Throws Error when the library returns wrong numbers in this environment.
/// Milliseconds.
void gemm_self_test();

}  // namespace gnomon
