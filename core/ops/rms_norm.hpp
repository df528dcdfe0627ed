// rms_norm: every row to mean square 1, then scaled.
//
//   y[r,d] = gain[d] x[r,d] / m_r      m_r = sqrt(mean_d x[r,d]^2 + eps)
//   x [...,D], gain [D]  ->  y [...,D]
//   backward, with g = dy gain and h = x / m:   dx = (g - h mean_d(g h)) / m     dgain = sum_r dy h
//   Keeps x and one number for every row. Zhang, Sennrich, "Root mean square layer normalization"
//   (2019).
#pragma once

#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when gain is not of shape [D].
inline Var rms_norm(const Var& x, const Var& gain, real eps = real(1e-5)) {
  expect(x.shape().rank() >= 1, "rms_norm: x [...,D]: expected at least one axis, got shape []");
  const size_t D = x.shape().last(), R = x.shape().rows();
  expect_shape(gain.value(), {D}, "rms_norm: gain [D]");

  Array y(x.shape()), inverses({R});  // 1 / m_r
  parallel_for(R, simd::row_grain(D), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* from = x.value().row(r);
      const real inverse = 1 / std::sqrt(simd::dot(from, from, D) / static_cast<real>(D) + eps);
      inverses.data()[r] = inverse;
      simd::map_range(
          D, y.row(r), [inverse](auto v, auto w) { return v * inverse * w; }, from,
          gain.value().data());
    }
  });

  return record(
      "rms_norm", y, {x, gain},
      [x = x.value(), gain = gain.value(), inverses](const Array& dy, Inputs in) {
        const size_t D = x.shape().last(), R = x.shape().rows();
        Array dgain({D}, 0);
        Array* dx = nullptr;
        real beta = 0;
        if (in.wants(0)) {
          const Inputs::Blend to = in.blend(0);
          dx = &to.dx, beta = to.beta;
        }
        simd::sum_rows(R, D, dgain.data(), [&](size_t begin, size_t end, real* own) {
          for (size_t r = begin; r < end; ++r) {
            const real inverse = inverses.data()[r];
            const real *of_y = dy.row(r), *of_x = x.row(r);
            simd::map_range(
                D, own, [&](auto s, auto g, auto v) { return s + g * v * inverse; }, own, of_y,
                of_x);
            if (!dx) continue;
            const real mean_gh =
                simd::sum_of(
                    D, [](auto g, auto w, auto v) { return g * w * v; }, of_y, gain.data(), of_x) *
                inverse / static_cast<real>(D);
            simd::blend_range(
                D, dx->row(r), beta,
                [&](auto g, auto w, auto v) { return (g * w - v * inverse * mean_gh) * inverse; },
                of_y, gain.data(), of_x);
          }
        });
        in.add(1, dgain);
      });
}

}  // namespace gnomon
