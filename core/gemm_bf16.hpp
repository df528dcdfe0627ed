// Matrix products of operands rounded to bf16, sums in float32; gemm() calls them. Where the
// processor multiplies bf16 (AVX-512 BF16, AMX) the matrix library does: tiles as in gemm(), the
// inner side in pieces of 1,024, one after the other, so that the bits do not depend on the number
// of threads. Elsewhere the rounded operands are multiplied in float32: the same products, and a
// little slower than without rounding.
#pragma once

#include "core/gemm.hpp"

namespace gnomon {

/// Whether this processor multiplies bf16, and oneDNN is there and knows (ONEDNN_MAX_CPU_ISA may
/// forbid it).
bool has_bf16();

/// A dense copy of a matrix of so many rows and columns in memory, rounded to bf16.
Array rounded_to_bf16(size_t rows, size_t columns, const real* data, size_t stride);

#ifdef GNOMON_ONEDNN
/// As gemm(), by the library's primitives for operands that are packed as T: uint16_t is bf16.
/// With T = float, for the tests alone, every processor can run this code.
/// Throws Error where the library has no such product.
template <class T>
void gemm_packed(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c,
                 real beta, real alpha);
#endif

}  // namespace gnomon
