// signed_power: positive and negative numbers apart, each raised to the power of its row.
//
//   y[r,c] = max(x[r,c], 0)^p[r]      y[r,C+c] = max(-x[r,c], 0)^p[r]
//   x [...,C], p [...] > 1  ->  y [...,2C]
//   backward, with t = |x|^p, s the sign of x and g the gradient of its half:
//     dx = s p t / |x| g      dp = sum_c t log|x| g      both 0 where x is 0
// Features of linear attention that keep apart what points in opposite directions: Meng et al.,
// "NaLaFormer" (2025, arXiv 2506.21137), section 3.
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error unless p has one number for each row of x. For p <= 1 the gradient is not finite
/// near 0.
inline Var signed_power(const Var& x, const Var& p) {
  const size_t C = x.shape().last(), R = x.shape().rows();
  expect(x.shape().rank() >= 1 &&
             p.shape() == Shape(std::vector<size_t>(x.shape().begin(), x.shape().end() - 1)),
         "signed_power: p [...]: expected one number for each row of x {}, got {}", x.shape(),
         p.shape());
  using simd::Pack;
  static constexpr real kLeast = std::numeric_limits<real>::min();  // smaller counts as 0
  Array y(x.shape().with_last(2 * C));
  parallel_for(R, simd::row_grain(4 * C), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const Pack power(p.value().data()[r]);
      for (const real sign : {real{1}, real{-1}})
        simd::map_range(
            C, y.row(r) + (sign > 0 ? 0 : C),
            [&](const Pack& v) {
              const Pack size = sign * v;
              return xsimd::select(size < kLeast, Pack(real{0}),
                                   xsimd::exp(power * xsimd::log(xsimd::max(size, Pack(kLeast)))));
            },
            x.value().row(r));
    }
  });
  return record("signed_power", y, {x, p},
                [x = x.value(), p = p.value(), y, C, R](const Array& dy, Inputs in) {
                  Array dx(x.shape()), dp(p.shape());
                  parallel_for(R, simd::row_grain(4 * C), [&](size_t begin, size_t end) {
                    for (size_t r = begin; r < end; ++r) {
                      const Pack power(p.data()[r]), zero(real{0});
                      const real *of_x = x.row(r), *t = y.row(r), *g = dy.row(r);
                      simd::map_range(
                          C, dx.row(r),
                          [&](const Pack& v, const Pack& up, const Pack& g_up, const Pack& down,
                              const Pack& g_down) {
                            const Pack slope = power * (g_up * up + g_down * down) / v;
                            return xsimd::select(xsimd::abs(v) < kLeast, zero, slope);
                          },
                          of_x, t, g, t + C, g + C);
                      dp.data()[r] = simd::sum_of(
                          C,
                          [&](const Pack& v, const Pack& up, const Pack& g_up, const Pack& down,
                              const Pack& g_down) {
                            const Pack size = xsimd::max(xsimd::abs(v), Pack(kLeast));
                            return (g_up * up + g_down * down) * xsimd::log(size);
                          },
                          of_x, t, g, t + C, g + C);
                    }
                  });
                  in.add(0, dx);
                  in.add(1, dp);
                });
}

}  // namespace gnomon
