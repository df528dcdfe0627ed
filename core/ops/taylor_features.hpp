// taylor_features: rows whose products are 1 + q.k / sqrt(C) + (q.k)^2 / (2 C), the beginning of
// the exponential of q.k / sqrt(C).
//
//   y[r,:] = [1, x_i / C^(1/4) for all i, x_i x_j s_ij for all i <= j]
//   x [...,C]  ->  y [...,F], F = 1 + C + C (C + 1) / 2      s_ii = 1 / sqrt(2 C), else 1 / sqrt(C)
//   backward: dx_i = dy_i / C^(1/4) + sum_j s_ij x_j dy_ij + s_ii x_i dy_ii
// Arora et al., "Simple linear attention language models balance the recall-throughput tradeoff"
// (Based, 2024, arXiv 2402.18668, section 4.1) has all C^2 pairs; here each stands once.
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

inline Var taylor_features(const Var& x) {
  expect(x.shape().rank() >= 1,
         "taylor_features: x [...,C]: expected at least one axis, got shape []");
  const size_t C = x.shape().last(), R = x.shape().rows(), F = 1 + C + C * (C + 1) / 2;
  const auto root = std::sqrt(static_cast<double>(C));
  const real once = static_cast<real>(1 / std::sqrt(root)), twice = static_cast<real>(1 / root);
  const real square = static_cast<real>(1 / (std::sqrt(2.0) * root));
  Array y(x.shape().with_last(F));
  parallel_for(R, simd::row_grain(F), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* from = x.value().row(r);
      real* to = y.row(r);
      *to++ = 1;
      const auto scaled = [&](real factor, size_t first) {
        simd::map_range(
            C - first, to, [factor](auto v) { return v * factor; }, from + first);
        to += C - first;
      };
      scaled(once, 0);
      for (size_t i = 0; i < C; ++i) {
        real& diagonal = *to;
        scaled(from[i] * twice, i);
        diagonal = from[i] * from[i] * square;
      }
    }
  });
  return record("taylor_features", y, {x},
                [x = x.value(), C, R, F, once, twice, square](const Array& dy, Inputs in) {
                  Array dx(x.shape());
                  parallel_for(R, simd::row_grain(F), [&](size_t begin, size_t end) {
                    for (size_t r = begin; r < end; ++r) {
                      const real *from = x.row(r), *g = dy.row(r) + 1;
                      real* const to = dx.row(r);
                      simd::map_range(
                          C, to, [once](auto v) { return v * once; }, g);
                      g += C;
                      for (size_t i = 0; i < C; g += C - i, ++i) {
                        to[i] += 2 * square * from[i] * g[0];
                        if (i + 1 == C) break;
                        to[i] += twice * simd::dot(g + 1, from + i + 1, C - i - 1);
                        simd::add_scaled(to + i + 1, twice * from[i], g + 1, C - i - 1);
                      }
                    }
                  });
                  in.add(0, dx);
                });
}

}  // namespace gnomon
