// embedding: every token looks up its row of a table.
//
//   y[...,:] = table[tokens[...], :]      table [V,D], tokens [...] in [0,V)  ->  y [...,D]
//   backward: a row of the table gets the sum over the tokens that looked it up.
#pragma once

#include "core/ops/gather_rows.hpp"
#include "core/ops/reshape.hpp"

namespace gnomon {

/// Throws Error when a token lies outside the table.
inline Var embedding(const Var& table, const Index& tokens) {
  const auto [V, D] = dims<2>(table.value(), "embedding: table [V,D]");
  expect_below(tokens, V, "embedding: tokens [...]");
  std::vector<size_t> shape(tokens.shape().begin(), tokens.shape().end());
  shape.push_back(D);
  const Var rows = gather_rows(reshape(table, {1, V, D}), tokens.reshaped({1, tokens.size()}));
  return reshape(rows, Shape(shape));
}

}  // namespace gnomon
