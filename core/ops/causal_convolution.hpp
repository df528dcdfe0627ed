// causal_convolution: every feature mixes its own last k values.
//
//   y[b,n,d] = bias[d] + sum_j w[j,d] x[b,n-j,d]        j < k, nothing before the first token
//   x [B,N,D], w [k,D], bias [D]  ->  y [B,N,D]
//   backward: dx[b,n,d] = sum_j w[j,d] dy[b,n+j,d]      dbias[d] = sum_bn dy[b,n,d]
//             dw[j,d] = sum_bn dy[b,n,d] x[b,n-j,d]
#pragma once

#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree.
inline Var causal_convolution(const Var& x, const Var& w, const Var& bias) {
  const auto [B, N, D] = dims<3>(x.value(), "causal_convolution: x [B,N,D]");
  const auto [k, Dw] = dims<2>(w.value(), "causal_convolution: w [k,D]");
  expect(Dw == D, "causal_convolution: w [k,D]: expected D = {}, got {}", D, Dw);
  expect_shape(bias.value(), {D}, "causal_convolution: bias [D]");
  static constexpr auto multiply_add = [](auto sum, auto a, auto b) {
    return xsimd::fma(a, b, sum);
  };

  Array y(x.shape());
  parallel_for(B * N, 32, [&, N = N, D = D, k = k](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      std::copy_n(bias.value().data(), D, y.row(r));
      for (size_t j = 0; j < k && j <= r % N; ++j)
        simd::map_range(D, y.row(r), multiply_add, y.row(r), w.value().row(j),
                        x.value().row(r - j));
    }
  });

  return record("causal_convolution", y, {x, w, bias},
                [x = x.value(), w = w.value()](const Array& dy, Inputs in) {
                  const auto [B, N, D] = dims<3>(x, "causal_convolution: x [B,N,D]");
                  const size_t k = w.shape()[0];
                  if (in.wants(0)) {
                    Array& dx = in.grad(0);
                    parallel_for(B * N, 32, [&, N = N, D = D](size_t begin, size_t end) {
                      for (size_t r = begin; r < end; ++r)
                        for (size_t j = 0; j < k && r % N + j < N; ++j)
                          simd::map_range(D, dx.row(r), multiply_add, dx.row(r), w.row(j),
                                          dy.row(r + j));
                    });
                  }
                  if (in.wants(1))
                    simd::sum_rows(B * N, k * D, in.grad(1).data(),
                                   [&, N = N, D = D](size_t begin, size_t end, real* own) {
                                     for (size_t r = begin; r < end; ++r)
                                       for (size_t j = 0; j < k && j <= r % N; ++j)
                                         simd::map_range(D, own + j * D, multiply_add, own + j * D,
                                                         dy.row(r), x.row(r - j));
                                   });
                  if (in.wants(2)) simd::column_sums(dy.data(), B * N, D, in.grad(2).data());
                });
}

}  // namespace gnomon
