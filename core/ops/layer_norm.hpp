// layer_norm: every row to mean 0 and variance 1, then scaled and shifted.
//
//   y[r,d] = gain[d] h[r,d] + bias[d]      h[r,d] = (x[r,d] - mean_r) / sqrt(variance_r + eps)
//   x [...,D], gain [D], bias [D]  ->  y [...,D]; the variance divides by D
//   backward, with g = dy gain:   dx = (g - mean_d g - h mean_d(g h)) / sqrt(variance + eps)
//                                 dgain = sum_r dy h     dbias = sum_r dy
//   Keeps x and two numbers for every row. Ba, Kiros, Hinton, "Layer normalization" (2016).
#pragma once

#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when gain or bias is not of shape [D].
inline Var layer_norm(const Var& x, const Var& gain, const Var& bias, real eps = real(1e-5)) {
  expect(x.shape().rank() >= 1, "layer_norm: x [...,D]: expected at least one axis, got shape []");
  const size_t D = x.shape().last(), R = x.shape().rows();
  expect_shape(gain.value(), {D}, "layer_norm: gain [D]");
  expect_shape(bias.value(), {D}, "layer_norm: bias [D]");

  Array y(x.shape()), means({R}), inverses({R});  // inverse: 1 / sqrt(variance + eps)
  parallel_for(R, simd::row_grain(D), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* from = x.value().row(r);
      const real mean = simd::sum(from, D) / static_cast<real>(D);
      // A second look at a row in cache: the one-pass formula loses all digits at a large mean.
      const real variance = simd::sum_of(
                                D, [mean](auto v) { return (v - mean) * (v - mean); }, from) /
                            static_cast<real>(D);
      const real inverse = 1 / std::sqrt(variance + eps);
      means.data()[r] = mean;
      inverses.data()[r] = inverse;
      simd::map_range(
          D, y.row(r), [&](auto v, auto w, auto b) { return (v - mean) * inverse * w + b; }, from,
          gain.value().data(), bias.value().data());
    }
  });

  return record(
      "layer_norm", y, {x, gain, bias},
      [x = x.value(), gain = gain.value(), means, inverses](const Array& dy, Inputs in) {
        const size_t D = x.shape().last(), R = x.shape().rows();
        const real share = 1 / static_cast<real>(D);
        Array sums({2, D}, 0);  // dgain and dbias
        Array* dx = nullptr;
        real beta = 0;
        if (in.wants(0)) {
          const Inputs::Blend to = in.blend(0);
          dx = &to.dx, beta = to.beta;
        }
        simd::sum_rows(R, 2 * D, sums.data(), [&](size_t begin, size_t end, real* own) {
          for (size_t r = begin; r < end; ++r) {
            const real mean = means.data()[r], inverse = inverses.data()[r];
            const auto h = [&](auto v) { return (v - mean) * inverse; };
            const real *of_y = dy.row(r), *of_x = x.row(r);
            simd::map_range(
                D, own, [&](auto s, auto g, auto v) { return s + g * h(v); }, own, of_y, of_x);
            simd::add_to(own + D, of_y, D);
            if (!dx) continue;
            const real mean_g = share * simd::dot(of_y, gain.data(), D);
            const real mean_gh =
                share * simd::sum_of(
                            D, [&](auto g, auto w, auto v) { return g * w * h(v); }, of_y,
                            gain.data(), of_x);
            simd::blend_range(
                D, dx->row(r), beta,
                [&](auto g, auto w, auto v) { return (g * w - mean_g - h(v) * mean_gh) * inverse; },
                of_y, gain.data(), of_x);
          }
        });
        for (const size_t i : {1, 2})
          if (in.wants(i)) simd::add_to(in.grad(i).data(), sums.row(i - 1), D);
      });
}

}  // namespace gnomon
