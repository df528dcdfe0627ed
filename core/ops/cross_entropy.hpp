// cross_entropy: how surprised the logits are by the targets, in nats, averaged.
//
//   y = 1/S sum_r (log sum_v exp(logits[r,v]) - logits[r, targets[r]])     over the S rows scored
//   logits [...,V], targets [...] in [-1,V), -1: the row is not scored  ->  y [] (a scalar)
//   backward: dlogits[r,v] = dy / S (softmax(logits[r,:])[v] - [v = targets[r]]); else 0
//   Keeps the logits and one number for every row.
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree, a target is outside [-1,V), or no row has a target.
inline Var cross_entropy(const Var& logits, const Index& targets) {
  expect(logits.shape().rank() >= 1,
         "cross_entropy: logits [...,V]: expected at least one axis, got shape []");
  const size_t V = logits.shape().last(), R = logits.shape().rows();
  expect_shape(targets,
               Shape(std::vector<size_t>(logits.shape().begin(), logits.shape().end() - 1)),
               "cross_entropy: targets [...]");
  expect_below(targets, V, "cross_entropy: targets [...]", -1);
  const auto scored = static_cast<size_t>(
      std::count_if(targets.begin(), targets.end(), [](auto t) { return t >= 0; }));
  expect(scored > 0,
         "cross_entropy: targets [...]: expected at least one scored row, got {} times -1", R);

  Array log_sums({R}, 0), losses({R}, 0);
  parallel_for(R, simd::row_grain(V), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      if (targets.data()[r] < 0) continue;
      const real* from = logits.value().row(r);
      const real top = simd::max(from, V);
      const real log_sum = std::log(simd::sum_of(
          V, [top](auto v) { return xsimd::exp(v - top); }, from));
      log_sums.data()[r] = top + log_sum;
      losses.data()[r] = (top - from[targets.data()[r]]) + log_sum;
    }
  });
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  Array y({}, static_cast<real>(loss / static_cast<double>(scored)));

  return record("cross_entropy", y, {logits},
                [logits = logits.value(), targets, log_sums, scored](const Array& dy, Inputs in) {
                  const size_t V = logits.shape().last(), R = logits.shape().rows();
                  const real share = dy.item() / static_cast<real>(scored);
                  auto [dx, beta] = in.blend(0);
                  parallel_for(
                      R, simd::row_grain(V), [&, &dx = dx, beta = beta](size_t begin, size_t end) {
                        for (size_t r = begin; r < end; ++r) {
                          const int32_t t = targets.data()[r];
                          if (t >= 0) {
                            const auto slope = [share, log_sum = log_sums.data()[r]](auto v) {
                              return share * xsimd::exp(v - log_sum);
                            };
                            simd::blend_range(V, dx.row(r), beta, slope, logits.row(r));
                            dx.row(r)[t] -= share;
                          } else if (beta == 0) {
                            std::fill_n(dx.row(r), V, real{0});
                          }
                        }
                      });
                });
}

}  // namespace gnomon
