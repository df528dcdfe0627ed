// turn: rotates pairs of features by given angles. (rotary: by angles that the position says.)
//
//   y[b,n,h,c]       = x[b,n,h,c] cos(t) - x[b,n,h,c + C/2] sin(t)    t = angle[b,n,h,c]
//   y[b,n,h,c + C/2] = x[b,n,h,c + C/2] cos(t) + x[b,n,h,c] sin(t)          c < C/2
//   x [B,N,H C] (a head is a slice of the last axis), angle [B,N,H C/2]  ->  y [B,N,H C]
//   backward: dx is dy turned by -t;  dangle = dy[c + C/2] y[c] - dy[c] y[c + C/2], the product of
//   dy and y turned by a quarter.  Each token by itself: there is no state.
//   Keeps the angles and y. Used by CARoPE (Veisi et al., 2025, arXiv 2507.23083, section 3), whose
//   angles are sums of speeds that depend on the tokens.
#pragma once

#include "core/simd/map.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

/// Calls work(r, low, angles) for every row r of [B,N] and every head, `low` and `angles` being the
/// offsets of its C numbers and of its C / 2 angles.
template <class Work>
void each_turn(const Shape& x, size_t heads, Work&& work) {
  const size_t D = x.last(), C = D / heads;
  parallel_for(x.rows(), simd::row_grain(D), [&](size_t begin, size_t end) {
    for (size_t at = begin * heads; at < end * heads; ++at) work(at * C, at * (C / 2), C / 2);
  });
}

}  // namespace detail

/// Throws Error when shapes disagree or the width of a head is odd.
inline Var turn(const Var& x, const Var& angle, size_t heads) {
  const auto [B, N, D] = dims<3>(x.value(), "turn: x [B,N,H C]");
  expect(heads > 0 && D % heads == 0 && D / heads % 2 == 0,
         "turn: expected D divisible by H and an even C = D / H, got D = {}, H = {}", D, heads);
  expect_shape(angle.value(), {B, N, D / 2}, "turn: angle [B,N,H C/2]");
  Array y(x.shape());
  detail::each_turn(x.shape(), heads, [&](size_t at, size_t of_angle, size_t half) {
    const real* low = x.value().data() + at;
    const real* t = angle.value().data() + of_angle;
    real* to = y.data() + at;
    simd::map_range(
        half, to, [](auto u, auto v, auto a) { return u * xsimd::cos(a) - v * xsimd::sin(a); }, low,
        low + half, t);
    simd::map_range(
        half, to + half,
        [](auto u, auto v, auto a) { return v * xsimd::cos(a) + u * xsimd::sin(a); }, low,
        low + half, t);
  });
  return record(
      "turn", y, {x, angle}, [y, angle = angle.value(), heads](const Array& dy, Inputs in) {
        const auto blended = [&](size_t input, auto&& work) {
          if (!in.wants(input)) return;
          auto [dx, beta] = in.blend(input);
          detail::each_turn(
              dy.shape(), heads,
              [&, to = dx.data(), beta = beta](size_t at, size_t of_angle, size_t half) {
                work(to, beta, at, of_angle, half);
              });
        };
        blended(0, [&](real* dx, real beta, size_t at, size_t of_angle, size_t half) {
          const real *low = dy.data() + at, *t = angle.data() + of_angle;
          simd::blend_range(
              half, dx + at, beta,
              [](auto u, auto v, auto a) { return u * xsimd::cos(a) + v * xsimd::sin(a); }, low,
              low + half, t);
          simd::blend_range(
              half, dx + at + half, beta,
              [](auto u, auto v, auto a) { return v * xsimd::cos(a) - u * xsimd::sin(a); }, low,
              low + half, t);
        });
        blended(1, [&](real* dangle, real beta, size_t at, size_t of_angle, size_t half) {
          const real *low = dy.data() + at, *of_y = y.data() + at;
          simd::blend_range(
              half, dangle + of_angle, beta,
              [](auto u, auto v, auto of_low, auto of_high) { return v * of_low - u * of_high; },
              low, low + half, of_y, of_y + half);
        });
      });
}

}  // namespace gnomon
