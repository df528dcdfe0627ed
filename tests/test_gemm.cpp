#include <doctest/doctest.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "core/counters.hpp"
#include "tests/product.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr auto kFull = [](auto&&... arguments) { gemm(arguments...); };

}  // namespace

TEST_CASE("gemm: the self test passes") { CHECK_NOTHROW(gemm_self_test()); }

TEST_CASE("gemm: every transposition at ragged sizes around the tile, gaps between the rows") {
  every_product(
      {1, 127, 128, 257}, {1, 17, 129}, {1, 5, 131},
      [](size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b) {
        REQUIRE(wrong_elements(kFull, m, n, k, transpose_a, transpose_b, k % 2 ? 3 : 0, 0, 1) == 0);
      });
}

TEST_CASE("gemm: alpha and beta, and beta 0 does not read C") {
  for (const real beta : {real(0), real(1), real(-0.5)})
    for (const real alpha : {real(1), real(0), real(-2.5)})
      for (size_t m : {1, 130})
        for (const bool transposed : {false, true}) {
          CAPTURE(alpha);
          CAPTURE(beta);
          CAPTURE(m);
          CHECK(wrong_elements(kFull, m, 33, 20, transposed, !transposed, 5, beta, alpha) == 0);
        }
}

TEST_CASE("gemm: empty sides") {
  CHECK(wrong_elements(kFull, 3, 4, 0, false, false, 2, 0, 1) ==
        0);  // an empty sum is 0, also over poison
  CHECK(wrong_elements(kFull, 3, 4, 0, false, false, 2, real(0.5), 1) == 0);
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

TEST_CASE("gemm: counts its flops") {
  counters.reset();
  CHECK(wrong_elements(kFull, 5, 6, 7, false, false, 0, 0, 1) == 0);
  CHECK(counters.matrix_flops == 2 * 5 * 6 * 7);
}

#ifdef _OPENMP
TEST_CASE("gemm: leaves the number of OpenMP threads as it was") {
  const int before = omp_get_max_threads();
  CHECK(wrong_elements(kFull, 5, 6, 7, false, false, 0, 0, 1) == 0);
  CHECK(omp_get_max_threads() == before);
}
#endif
