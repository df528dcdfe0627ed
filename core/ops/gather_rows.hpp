// gather_rows: reader m reads the row it points at.
//
//   y[b,m,:] = x[b, to[b,m], :]          0 where to is -1 (reads nothing)
//   x [B,R,D], to [B,M] in [-1,R)  ->  y [B,M,D]        cost: B M rows, never M R
//   backward: a row with many readers gets the sum.  dx[b,j,:] = sum of dy[b,m,:] for to[b,m] = j
//   `to` is discrete and receives no gradient.
#pragma once

#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"
#include "core/targets.hpp"

namespace gnomon {

/// Throws Error when shapes disagree or an entry of `to` is outside [-1, R).
inline Var gather_rows(const Var& x, const Index& to) {
  const auto [B, R, D] = dims<3>(x.value(), "gather_rows: x [B,R,D]");
  const auto [Bt, M] = dims<2>(to, "gather_rows: to [B,M]");
  expect(Bt == B, "gather_rows: to [B,M]: expected B = {}, got {}", B, Bt);
  const Targets targets(to, B, R, "gather_rows: to [B,M]");
  counters.rows_read += B * M;

  Array y({B, M, D});
  parallel_for(B * M, simd::row_grain(D), [&, R = R, M = M, D = D](size_t begin, size_t end) {
    for (size_t m = begin; m < end; ++m) {
      const int32_t j = to.data()[m];
      if (j < 0)
        std::fill_n(y.row(m), D, real{0});
      else
        std::copy_n(x.value().row(m / M * R + j), D, y.row(m));
    }
  });

  return record("gather_rows", y, {x}, [targets](const Array& dy, Inputs in) {
    auto [dx, beta] = in.blend(0);
    const auto [B, R, D] = dims<3>(dx, "gather_rows: dx [B,R,D]");
    const size_t M = targets.readers_per_group();
    const Readers& readers = targets.readers();
    counters.rows_written += B * M;
    parallel_for(B * R, simd::row_grain(D),
                 [&, &dx = dx, beta = beta, R = R, D = D](size_t begin, size_t end) {
                   for (size_t row = begin; row < end; ++row) {
                     auto m = readers.begin(row / R, row % R);
                     const auto last = readers.end(row / R, row % R);
                     if (beta == 0 && m == last) std::fill_n(dx.row(row), D, real{0});
                     if (beta == 0 && m != last)
                       std::copy_n(dy.row(row / R * M + *m++), D, dx.row(row));
                     for (; m != last; ++m) simd::add_to(dx.row(row), dy.row(row / R * M + *m), D);
                   }
                 });
  });
}

}  // namespace gnomon
