// prefix_sum: counts along the tokens.
//
//   y[b,n,:] = sum over m <= n of x[b,m,:]          x [B,N,D]  ->  y [B,N,D]
//   backward: dx[b,m,:] = sum over n >= m of dy[b,n,:]
//   Sums run in double, one sequence after the other: a count over a million tokens stays exact.
//   With a period, sums that differ by it are the same: angles keep all their digits however often
//   they have turned, and lie in [0,period).
#pragma once

#include <cmath>

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

namespace detail {

/// y[b,n,:] = the sums over the rows from the first, or backwards from the last, to n: calls
/// put(row, column, sum). A piece of work is a few columns of a sequence, which lie side by side.
template <class Put>
void running_sums(const Array& x, bool backwards, double period, std::vector<double>* carry,
                  Put&& put) {
  const auto [B, N, D] = dims<3>(x, "prefix_sum: x [B,N,D]");
  constexpr size_t kColumns = 16;
  const size_t groups = (D + kColumns - 1) / kColumns;
  parallel_for(B * groups, 1, [&, N = N, D = D](size_t piece, size_t) {
    const size_t b = piece / groups, first = piece % groups * kColumns;
    const size_t count = std::min(kColumns, D - first);
    double sum[kColumns] = {};
    double* const known = carry ? carry->data() + b * D + first : nullptr;
    if (known) std::copy_n(known, count, sum);
    for (size_t n = 0; n < N; ++n) {
      const size_t row = b * N + (backwards ? N - 1 - n : n);
      for (size_t c = 0; c < count; ++c) sum[c] += double{x.row(row)[first + c]};
      if (period > 0)
        for (size_t c = 0; c < count; ++c) sum[c] -= period * std::floor(sum[c] / period);
      for (size_t c = 0; c < count; ++c) put(row, first + c, sum[c]);
    }
    if (known) std::copy_n(sum, count, known);
  });
}

}  // namespace detail

/// `carry`: null, or the B D sums of the tokens before, which are brought forward (no gradient
/// flows into them). `period`: 0 for none. Throws Error when x has not three axes.
inline Var prefix_sum(const Var& x, std::vector<double>* carry = nullptr, double period = 0) {
  const auto [B, N, D] = dims<3>(x.value(), "prefix_sum: x [B,N,D]");
  expect(!carry || carry->size() == B * D, "prefix_sum: carry: expected B D = {} sums, got {}",
         B * D, carry ? carry->size() : 0);
  expect(period >= 0, "prefix_sum: period: expected a positive number, or 0 for none, got {}",
         period);
  Array y(x.shape());
  detail::running_sums(x.value(), false, period, carry, [&](size_t row, size_t column, double sum) {
    y.row(row)[column] = static_cast<real>(sum);
  });
  return record("prefix_sum", y, {x}, [](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    detail::running_sums(dy, true, 0, nullptr, [&](size_t row, size_t column, double sum) {
      dx.row(row)[column] += static_cast<real>(sum);
    });
  });
}

}  // namespace gnomon
