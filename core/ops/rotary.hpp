// rotary: rotates pairs of features by an angle that grows with the position (RoPE). The product of
// a rotated query and a rotated key then depends on the features and on how far they are apart.
//
//   y[b,n,h,c]       = x[b,n,h,c] cos(n w_c) - x[b,n,h,c + C/2] sin(n w_c)        c < C/2
//   y[b,n,h,c + C/2] = x[b,n,h,c + C/2] cos(n w_c) + x[b,n,h,c] sin(n w_c)
//   w_c = base^(-2c/C)
//   x [B,N,H C] (a head is a slice of the last axis), C even  ->  y [B,N,H C]
//   backward: dy rotated by the opposite angles
//   Su et al., "RoFormer", 2021, section 3.2.2, with the two halves of a head as the pairs.
#pragma once

#include <cmath>

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

/// `direction`: 1 or -1.
inline Array rotated(const Array& x, size_t heads, size_t first, double base, double direction) {
  const auto [B, N, D] = dims<3>(x, "rotary: x [B,N,D]");
  const size_t C = D / heads, half = C / 2;
  Array y(x.shape());
  parallel_for(N, 64, [&, B = B, N = N](size_t begin, size_t end) {
    // One exact angle at the first position of the piece; from there on a turn is a product.
    std::vector<double> cosine(half), sine(half), step_cosine(half), step_sine(half);
    for (size_t c = 0; c < half; ++c) {
      const double speed =
          direction * std::pow(base, -2.0 * static_cast<double>(c) / static_cast<double>(C));
      cosine[c] = std::cos(speed * static_cast<double>(first + begin));
      sine[c] = std::sin(speed * static_cast<double>(first + begin));
      step_cosine[c] = std::cos(speed);
      step_sine[c] = std::sin(speed);
    }
    std::vector<real> cos_n(half), sin_n(half);
    for (size_t n = begin; n < end; ++n) {
      std::copy(cosine.begin(), cosine.end(), cos_n.begin());
      std::copy(sine.begin(), sine.end(), sin_n.begin());
      for (size_t b = 0; b < B; ++b)
        for (size_t h = 0; h < heads; ++h) {
          const real* low = x.row(b * N + n) + h * C;
          real* to = y.row(b * N + n) + h * C;
          simd::map_range(
              half, to, [](auto u, auto v, auto c, auto s) { return u * c - v * s; }, low,
              low + half, cos_n.data(), sin_n.data());
          simd::map_range(
              half, to + half, [](auto u, auto v, auto c, auto s) { return v * c + u * s; }, low,
              low + half, cos_n.data(), sin_n.data());
        }
      for (size_t c = 0; c < half; ++c) {
        const double next = cosine[c] * step_cosine[c] - sine[c] * step_sine[c];
        sine[c] = sine[c] * step_cosine[c] + cosine[c] * step_sine[c];
        cosine[c] = next;
      }
    }
  });
  return y;
}

}  // namespace detail

/// `first`: the position of the first token, where x is not the whole sequence. Throws Error when
/// D is not divisible by the heads, or the width of a head is odd.
inline Var rotary(const Var& x, size_t heads, size_t first = 0, double base = 10000) {
  const auto [B, N, D] = dims<3>(x.value(), "rotary: x [B,N,D]");
  expect(heads > 0 && D % heads == 0 && D / heads % 2 == 0,
         "rotary: expected D divisible by H and an even C = D / H, got D = {}, H = {}", D, heads);
  return record("rotary", detail::rotated(x.value(), heads, first, base, 1), {x},
                [heads, first, base](const Array& dy, Inputs in) {
                  in.add(0, detail::rotated(dy, heads, first, base, -1));
                });
}

}  // namespace gnomon
