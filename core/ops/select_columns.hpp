// select_columns: the same columns of every row.
//
//   y[...,k] = x[..., columns[k]]      x [...,T], columns [K] in [0,T)  ->  y [...,K]
//   backward: dx[...,t] = sum of dy[...,k] over the k with columns[k] = t
#pragma once

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when `columns` has not one axis or an entry is outside [0,T).
inline Var select_columns(const Var& x, const Index& columns) {
  const auto [K] = dims<1>(columns, "select_columns: columns [K]");
  expect(x.shape().rank() >= 1,
         "select_columns: x [...,T]: expected at least one axis, got shape []");
  expect_below(columns, x.shape().last(), "select_columns: columns [K]");
  Array y(x.shape().with_last(K));
  parallel_for(x.shape().rows(), 256, [&, K = K](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      for (size_t k = 0; k < K; ++k) y.row(r)[k] = x.value().row(r)[columns.data()[k]];
  });
  return record("select_columns", y, {x}, [columns](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    parallel_for(dy.shape().rows(), 256, [&](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r)
        for (size_t k = 0; k < columns.size(); ++k) dx.row(r)[columns.data()[k]] += dy.row(r)[k];
    });
  });
}

}  // namespace gnomon
