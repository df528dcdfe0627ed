// tests/product.hpp
// Matrix products against their definition.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/gemm.hpp"
#include "core/random.hpp"

namespace gnomon {

inline const real kPoison = std::numeric_limits<real>::quiet_NaN();

/// A random matrix of `rows` x `columns` as seen after transposing, with `gap` poisoned numbers
/// between its rows in memory.
struct Operand {
  Operand(size_t rows, size_t columns, bool transposed, size_t gap, uint64_t seed)
      : stride((transposed ? rows : columns) + gap), transposed(transposed) {
    const size_t height = transposed ? columns : rows, width = stride - gap;
    const Array drawn = Random(seed).normal({height, width});
    numbers = Array({height, stride}, kPoison);
    for (size_t r = 0; r < height; ++r) std::copy_n(drawn.row(r), width, numbers.row(r));
  }
  double at(size_t i, size_t j) const {
    return double{numbers.data()[transposed ? j * stride + i : i * stride + j]};
  }
  Matrix matrix() const { return {numbers.data(), stride, transposed}; }
  Array numbers;
  size_t stride;
  bool transposed;
};

/// Computes one product, `gemm` or another with its arguments, in poisoned (beta 0) or random C and
/// counts the elements that differ from the definition, and the numbers between the rows of C that
/// were touched.
template <class Product>
size_t wrong_elements(Product&& product, size_t m, size_t n, size_t k, bool transpose_a,
                      bool transpose_b, size_t gap, real beta, real alpha, bool round = false) {
  const Operand a(m, k, transpose_a, gap, 1), b(k, n, transpose_b, gap, 2);
  const Array start = Random(3).normal({m, n + gap});
  Array c = start.clone();
  if (beta == 0)
    for (size_t i = 0; i < m; ++i) std::fill_n(c.row(i), n, kPoison);
  product(m, n, k, a.matrix(), b.matrix(), c.data(), n + gap, beta, alpha);
  const auto seen = [&](double x) {
    return round ? double{from_bf16(to_bf16(static_cast<float>(x)))} : x;
  };
  size_t wrong = 0;
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0, size = 0;
      for (size_t l = 0; l < k; ++l) {
        const double term = seen(a.at(i, l)) * seen(b.at(l, j));
        sum += term;
        size += std::abs(term);
      }
      const double expected =
          double{alpha} * sum + (beta == 0 ? 0 : double{beta} * double{start(i, j)});
      wrong +=
          !(std::abs(double{c(i, j)} - expected) <= 1e-6 * (1 + std::abs(double{alpha}) * size));
    }
    wrong += std::memcmp(c.row(i) + n, start.row(i) + n, gap * sizeof(real)) != 0;
  }
  return wrong;
}

/// act(m, n, k, transpose_a, transpose_b) for all of them.
template <class Act>
void every_product(std::initializer_list<size_t> ms, std::initializer_list<size_t> ns,
                   std::initializer_list<size_t> ks, Act&& act) {
  for (const size_t m : ms)
    for (const size_t n : ns)
      for (const size_t k : ks)
        for (const bool transpose_a : {false, true})
          for (const bool transpose_b : {false, true}) {
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            CAPTURE(transpose_a);
            CAPTURE(transpose_b);
            act(m, n, k, transpose_a, transpose_b);
          }
}

}  // namespace gnomon
