#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/counters.hpp"
#include "core/gemm.hpp"
#include "core/random.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

const real kPoison = std::numeric_limits<real>::quiet_NaN();

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

/// Computes one product in poisoned (beta 0) or random C and counts the elements that differ from
/// the definition, and the numbers between the rows of C that were touched.
size_t wrong_elements(size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b, size_t gap,
                      real beta, real alpha) {
  const Operand a(m, k, transpose_a, gap, 1), b(k, n, transpose_b, gap, 2);
  const Array start = Random(3).normal({m, n + gap});
  Array c = start.clone();
  if (beta == 0)
    for (size_t i = 0; i < m; ++i) std::fill_n(c.row(i), n, kPoison);
  gemm(m, n, k, a.matrix(), b.matrix(), c.data(), n + gap, beta, alpha);
  size_t wrong = 0;
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0, size = 0;
      for (size_t l = 0; l < k; ++l) {
        const double product = a.at(i, l) * b.at(l, j);
        sum += product;
        size += std::abs(product);
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

}  // namespace

TEST_CASE("gemm: the self test passes") { CHECK_NOTHROW(gemm_self_test()); }

TEST_CASE("gemm: every transposition at ragged sizes around the tile, gaps between the rows") {
  for (size_t m : {1, 127, 128, 257})
    for (size_t n : {1, 17, 129})
      for (size_t k : {1, 5, 131})
        for (const bool transpose_a : {false, true})
          for (const bool transpose_b : {false, true}) {
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            CAPTURE(transpose_a);
            CAPTURE(transpose_b);
            REQUIRE(wrong_elements(m, n, k, transpose_a, transpose_b, k % 2 ? 3 : 0, 0, 1) == 0);
          }
}

TEST_CASE("gemm: alpha and beta; beta 0 does not read C") {
  for (const real beta : {real(0), real(1), real(-0.5)})
    for (const real alpha : {real(1), real(0), real(-2.5)})
      for (size_t m : {1, 130})
        for (const bool transposed : {false, true}) {
          CAPTURE(alpha);
          CAPTURE(beta);
          CAPTURE(m);
          CHECK(wrong_elements(m, 33, 20, transposed, !transposed, 5, beta, alpha) == 0);
        }
}

TEST_CASE("gemm: empty sides") {
  CHECK(wrong_elements(3, 4, 0, false, false, 2, 0, 1) ==
        0);  // an empty sum is 0, also over poison
  CHECK(wrong_elements(3, 4, 0, false, false, 2, real(0.5), 1) == 0);
  real untouched = 7;
  gemm(0, 1, 5, {nullptr, 5}, {nullptr, 1}, &untouched, 1);
  gemm(1, 0, 5, {nullptr, 5}, {nullptr, 1}, &untouched, 1);
  CHECK(untouched == 7);
}

TEST_CASE("gemm: equal bits on 1 to 4 threads, and inside parallel_for") {
  const size_t m = 300, n = 70, k = 96;
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      const Operand a(m, k, transpose_a, 0, 1), b(k, n, transpose_b, 0, 2);
      std::vector<Array> results;
      for (int count : {1, 2, 3, 4})
        with_threads(count, [&] {
          Array c({m, n}, kPoison);
          gemm(m, n, k, a.matrix(), b.matrix(), c.data(), n);
          results.push_back(c);
          std::vector<Array> nested(4);
          parallel_for(4, 1, [&](size_t begin, size_t) {
            nested[begin] = Array({m, n}, kPoison);
            gemm(m, n, k, a.matrix(), b.matrix(), nested[begin].data(), n);
          });
          results.insert(results.end(), nested.begin(), nested.end());
        });
      for (const Array& c : results)
        CHECK(std::memcmp(c.data(), results[0].data(), c.bytes()) == 0);
    }
}

TEST_CASE("gemm: leaves the number of OpenMP threads as it was, and counts its flops") {
  const int before = omp_get_max_threads();
  counters.reset();
  CHECK(wrong_elements(5, 6, 7, false, false, 0, 0, 1) == 0);
  CHECK(omp_get_max_threads() == before);
  CHECK(counters.matrix_flops == 2 * 5 * 6 * 7);
}
