// core/ops/scatter_add_rows.hpp
// scatter_add_rows: row m is added to the row it points at; the adjoint of gather_rows.
//
//   y[b,j,:] = sum of x[b,m,:] over the m with to[b,m] = j         -1 in `to` goes nowhere
//   x [B,M,D], to [B,M] in [-1,rows)  ->  y [B,rows,D]             cost: B M rows
//   backward: dx[b,m,:] = dy[b, to[b,m], :], 0 where to is -1
//   Every row sums its sources in their order, by the inverse index: the same bits on any number of
//   threads.
#pragma once

#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"
#include "core/targets.hpp"

namespace gnomon {

/// Throws Error when shapes disagree or an entry of `to` is outside [-1, rows).
inline Var scatter_add_rows(const Var& x, const Index& to, size_t rows) {
  const auto [B, M, D] = dims<3>(x.value(), "scatter_add_rows: x [B,M,D]");
  expect_shape(to, {B, M}, "scatter_add_rows: to [B,M]");
  const Targets targets(to, B, rows, "scatter_add_rows: to [B,M]");
  counters.rows_written += B * M;

  Array y({B, rows, D}, 0);
  const Readers& sources = targets.readers();
  parallel_for(B * rows, 64, [&, M = M, D = D](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row)
      for (auto m = sources.begin(row / rows, row % rows); m != sources.end(row / rows, row % rows);
           ++m)
        simd::add_to(y.row(row), x.value().row(row / rows * M + *m), D);
  });

  return record("scatter_add_rows", y, {x}, [to, rows](const Array& dy, Inputs in) {
    const size_t M = to.shape()[1], D = dy.shape().last();
    counters.rows_read += to.size();
    auto [dx, beta] = in.blend(0);
    parallel_for(to.size(), 64, [&, &dx = dx, beta = beta](size_t begin, size_t end) {
      for (size_t m = begin; m < end; ++m) {
        const int32_t j = to.data()[m];
        if (j >= 0)
          simd::blend_range(
              D, dx.row(m), beta, [](auto g) { return g; }, dy.row(m / M * rows + j));
        else if (beta == 0)
          std::fill_n(dx.row(m), D, real{0});
      }
    });
  });
}

}  // namespace gnomon
