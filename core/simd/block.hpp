// A small matrix product on blocks that live in the first cache, for ops that fuse several products
// and cannot afford a library call on each. On a core with 32 wide registers it runs at the speed
// of a large library product, at 64 x 64 x 32, where the library reaches 0.6 to 0.8 of that.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {

/// A matrix read one number at a time: element (m, k) at data[m * row + k * column].
struct Scalars {
  const real* data;
  size_t row, column;
};

namespace detail {

// Rows of the register tile; it is two registers wide, so 2 kTileRows sums are under way at once.
// With them, two registers of x and a factor, six rows fill 16 registers and eight most of the 32
// that the widest instruction set has.
constexpr size_t kTileRows = sizeof(Pack) == 64 ? 8 : 6;

template <bool add, size_t rows, size_t packs>
[[gnu::always_inline]] inline void tile_product(size_t K, Scalars a, const real* x, size_t stride_x,
                                                real* y, size_t stride_y) {
  Pack sum[rows][packs];
#pragma GCC unroll 8
  for (size_t r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (size_t p = 0; p < packs; ++p)
      sum[r][p] = add ? Pack::load_aligned(y + r * stride_y + p * kLanes) : Pack(real{0});
  for (size_t k = 0; k < K; ++k) {
    Pack b[packs];
#pragma GCC unroll 8
    for (size_t p = 0; p < packs; ++p) b[p] = Pack::load_aligned(x + k * stride_x + p * kLanes);
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; ++r) {
      const Pack factor(a.data[r * a.row + k * a.column]);
#pragma GCC unroll 8
      for (size_t p = 0; p < packs; ++p) sum[r][p] = xsimd::fma(factor, b[p], sum[r][p]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (size_t p = 0; p < packs; ++p) sum[r][p].store_aligned(y + r * stride_y + p * kLanes);
}

/// All M rows: full tiles first, then tiles of half the height for what is left.
template <bool add, size_t rows, size_t packs>
void tile_rows(size_t M, size_t K, Scalars a, const real* x, size_t stride_x, real* y,
               size_t stride_y) {
  for (; M >= rows; M -= rows, a.data += rows * a.row, y += rows * stride_y)
    tile_product<add, rows, packs>(K, a, x, stride_x, y, stride_y);
  if constexpr (rows > 1)
    if (M > 0) tile_rows<add, rows / 2, packs>(M, K, a, x, stride_x, y, stride_y);
}

}  // namespace detail

/// y[m, e] = (add ? y[m, e] : 0) + sum_k a(m, k) x[k, e]          for m < M, k < K, e < width
/// On the calling thread. x and y are aligned to a register and so are their strides; width is a
/// multiple of kLanes. Sums run over k in order: an element's bits depend on nothing else.
template <bool add>
void block_product(size_t M, size_t K, size_t width, Scalars a, const real* x, size_t stride_x,
                   real* y, size_t stride_y) {
  size_t e = 0;
  for (; e + 2 * kLanes <= width; e += 2 * kLanes)
    detail::tile_rows<add, detail::kTileRows, 2>(M, K, a, x + e, stride_x, y + e, stride_y);
  if (e < width)
    detail::tile_rows<add, detail::kTileRows, 1>(M, K, a, x + e, stride_x, y + e, stride_y);
}

}  // namespace gnomon::simd
