// One tile of a matrix product, on the calling thread, by the library there is: oneDNN, or Eigen
// (GNOMON_ONEDNN=OFF; equal within rounding). In double, where gradients are proved, by definition.
#pragma once

#include "core/gemm.hpp"

namespace gnomon {

/// C[m,n] = alpha A[m,k] B[k,n] + beta C, by the library. With beta == 0, C may be uninitialised.
void multiply(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
              real alpha);

/// The same as a loop over its definition, with sums in double.
void multiply_plainly(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c,
                      real beta, real alpha);

}  // namespace gnomon
