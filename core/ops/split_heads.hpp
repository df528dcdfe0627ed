// core/ops/split_heads.hpp
// split_heads, merge_heads: between tokens that hold all heads and heads that hold all tokens.
//
//   split:  x [B,N,H C]  ->  y [B,H,N,C]      y[b,h,n,:] = x[b,n,h C .. (h+1) C)
//   merge:  x [B,H,N,C]  ->  y [B,N,H C]      the inverse
#pragma once

#include "core/ops/reshape.hpp"
#include "core/ops/swap_axes.hpp"

namespace gnomon {

/// Throws Error when the width is not divisible by the heads.
inline Var split_heads(const Var& x, size_t heads) {
  const auto [B, N, D] = dims<3>(x.value(), "split_heads: x [B,N,D]");
  expect(heads > 0 && D % heads == 0,
         "split_heads: heads: expected a divisor of D = {}, got H = {}", D, heads);
  return swap_axes(reshape(x, {B, N, heads, D / heads}), 1, 2);
}

/// The inverse of split_heads.
inline Var merge_heads(const Var& x) {
  const auto [B, H, N, C] = dims<4>(x.value(), "merge_heads: x [B,H,N,C]");
  return reshape(swap_axes(x, 1, 2), {B, N, H * C});
}

}  // namespace gnomon
