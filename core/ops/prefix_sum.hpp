// prefix_sum: counts along the tokens.
//
//   y[b,n,:] = sum over m <= n of x[b,m,:]          x [B,N,D]  ->  y [B,N,D]
//   backward: dx[b,m,:] = sum over n >= m of dy[b,n,:]
//   Sums run in double, one sequence after the other: a count over a million tokens stays exact.
#pragma once

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// `carry`: null, or the B D sums of the tokens before, which are brought forward (no gradient
/// flows into them). Throws Error when x has not three axes.
inline Var prefix_sum(const Var& x, std::vector<double>* carry = nullptr) {
  const auto [B, N, D] = dims<3>(x.value(), "prefix_sum: x [B,N,D]");
  expect(!carry || carry->size() == B * D, "prefix_sum: carry: expected B D = {} sums, got {}",
         B * D, carry ? carry->size() : 0);
  Array y(x.shape());
  parallel_for(B * D, 1, [&, N = N, D = D](size_t begin, size_t end) {
    for (size_t column = begin; column < end; ++column) {
      const size_t first = column / D * N * D + column % D;
      double sum = carry ? (*carry)[column] : 0;
      for (size_t n = 0; n < N; ++n)
        y.data()[first + n * D] = static_cast<real>(sum += double{x.value().data()[first + n * D]});
      if (carry) (*carry)[column] = sum;
    }
  });
  return record("prefix_sum", y, {x}, [](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    const auto [B, N, D] = dims<3>(dy, "prefix_sum: dy [B,N,D]");
    parallel_for(B * D, 1, [&, N = N, D = D](size_t begin, size_t end) {
      for (size_t column = begin; column < end; ++column) {
        const size_t first = column / D * N * D + column % D;
        double sum = 0;
        for (size_t n = N; n-- > 0;)
          dx.data()[first + n * D] += static_cast<real>(sum += double{dy.data()[first + n * D]});
      }
    });
  });
}

}  // namespace gnomon
