// log_softmax over the last axis, with a mask.
//
//   y[r,k] = x[r,k] - log sum_l exp(x[r,l])      over the k that are not masked
//   x [...,K]  ->  y [...,K]; masked entries are the lowest finite number: exp gives 0 for it, and
//   so does a product with 0, where minus infinity would give NaN
//   backward: dx = dy - exp(y) sum_l dy_l        over the k that are not masked; 0 elsewhere
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// The mask is that of softmax: entry k of a row takes part unless mask[.., k] is negative; each of
/// its rows serves equally many neighbouring rows of x. Throws Error on other shapes.
inline Var log_softmax(const Var& x, const Index& mask = {}) {
  static constexpr real kMasked = std::numeric_limits<real>::lowest();
  const size_t K = x.shape().last(), R = x.shape().rows();
  expect(mask.empty() || (mask.shape().last() == K && R % mask.shape().rows() == 0),
         "log_softmax: mask [...,K]: expected K = {} and a divisor of {} rows, got shape {}", K, R,
         mask.shape());
  const size_t share = mask.empty() ? 1 : R / mask.shape().rows();

  const auto mask_out = [K](real* row, const int32_t* allowed) {
    for (size_t k = 0; k < K; ++k) row[k] = allowed[k] < 0 ? kMasked : row[k];
  };
  Array y(x.shape());
  parallel_for(R, simd::row_grain(K), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const int32_t* allowed = mask.empty() ? nullptr : mask.row(r / share);
      real* to = y.row(r);
      std::copy_n(x.value().row(r), K, to);
      if (allowed) mask_out(to, allowed);
      const real top = simd::max(to, K);
      if (top <= kMasked) continue;  // no entry is left
      const real log_sum = std::log(simd::sum_of(
          K, [top](auto v) { return xsimd::exp(v - top); }, to));
      // Not v - (top + log_sum): at large logits the sum would round away what is asked for.
      simd::map_range(
          K, to, [top, log_sum](auto v) { return (v - top) - log_sum; }, to);
      if (allowed) mask_out(to, allowed);
    }
  });

  return record("log_softmax", y, {x}, [y](const Array& dy, Inputs in) {
    const size_t K = y.shape().last();
    auto [dx, beta] = in.blend(0);
    parallel_for(y.shape().rows(), simd::row_grain(K),
                 [&, &dx = dx, beta = beta](size_t begin, size_t end) {
                   for (size_t r = begin; r < end; ++r) {
                     const simd::Pack masked(std::numeric_limits<real>::lowest()), zero(real{0});
                     const real sum = simd::sum_of(
                         K, [&](auto g, auto u) { return xsimd::select(u > masked, g, zero); },
                         dy.row(r), y.row(r));
                     simd::blend_range(
                         K, dx.row(r), beta,
                         [&](auto g, auto u) {
                           return xsimd::select(u > masked, g - xsimd::exp(u) * sum, zero);
                         },
                         dy.row(r), y.row(r));
                   }
                 });
  });
}

}  // namespace gnomon
