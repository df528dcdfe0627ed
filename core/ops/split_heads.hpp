// split_heads, merge_heads: between tokens that hold all heads and heads that hold all tokens.
//
//   split:  x [B,N,H C]  ->  y [B,H,N,C]      y[b,h,n,:] = x[b,n,h C .. (h+1) C)
//   merge:  x [B,H,N,C]  ->  y [B,N,H C]      the inverse
#pragma once

#include "core/ops/reshape.hpp"
#include "core/simd/map.hpp"

namespace gnomon {
namespace detail {

/// x [B,I,J,C] -> [B,J,I,C], copying.
inline Array swapped(const Array& x) {
  const auto [B, I, J, C] = dims<4>(x, "split_heads: x [B,I,J,C]");
  Array y({B, J, I, C});
  const size_t grain = simd::kElementGrain / std::max<size_t>(1, I * C);
  parallel_for(B * J, grain, [&, I = I, J = J, C = C](size_t begin, size_t end) {
    for (size_t line = begin; line < end; ++line)
      for (size_t i = 0; i < I; ++i)
        std::copy_n(x.row((line / J * I + i) * J + line % J), C, y.row(line * I + i));
  });
  return y;
}

inline Var swap_heads(const Var& x) {
  return record("split_heads", swapped(x.value()), {x},
                [](const Array& dy, Inputs in) { in.add(0, swapped(dy)); });
}

}  // namespace detail

/// Throws Error when the width is not divisible by the heads.
inline Var split_heads(const Var& x, size_t heads) {
  const auto [B, N, D] = dims<3>(x.value(), "split_heads: x [B,N,D]");
  expect(heads > 0 && D % heads == 0,
         "split_heads: heads: expected a divisor of D = {}, got H = {}", D, heads);
  return detail::swap_heads(reshape(x, {B, N, heads, D / heads}));
}

/// The inverse of split_heads.
inline Var merge_heads(const Var& x) {
  const auto [B, H, N, C] = dims<4>(x.value(), "merge_heads: x [B,H,N,C]");
  return reshape(detail::swap_heads(x), {B, N, H * C});
}

}  // namespace gnomon
