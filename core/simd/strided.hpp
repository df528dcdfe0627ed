// A block of rows inside a wider array: what joining and cutting arrays along an axis consists of.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {

/// to[r to_stride + e] = beta to[..] + from[r from_stride + e] for r < rows, e < width, in
/// parallel; beta 0 (copies) or 1 (adds). The rows of `to` must not overlap.
inline void blend_strided(size_t rows, size_t width, real* to, size_t to_stride, real beta,
                          const real* from, size_t from_stride) {
  const size_t grain = std::max<size_t>(1, kElementGrain / std::max<size_t>(1, width));
  parallel_for(rows, grain, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      blend_range(
          width, to + r * to_stride, beta, [](auto v) { return v; }, from + r * from_stride);
  });
}

/// How an array lies around one axis: [outer, extent of the axis, inner].
struct Around {
  Around(const Shape& shape, size_t axis) {
    for (size_t a = 0; a < axis; ++a) outer *= shape[a];
    for (size_t a = axis + 1; a < shape.rank(); ++a) inner *= shape[a];
  }
  size_t outer = 1, inner = 1;
};

}  // namespace gnomon::simd
