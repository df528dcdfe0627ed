// The row kernels beside the plainest loop that says the same, at sizes around the register width,
// starting anywhere, with guards before and behind that must stay as they were.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/random.hpp"
#include "core/simd/exp2.hpp"
#include "core/simd/row.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

constexpr size_t L = simd::kLanes;
constexpr size_t kGuard = 64;
constexpr real kNan = std::numeric_limits<real>::quiet_NaN();
constexpr real kInfinity = std::numeric_limits<real>::infinity();

std::vector<size_t> sizes() {
  return {0, 1, 2, L - 1, L, L + 1, 2 * L - 1, 2 * L, 2 * L + 1, 3 * L + 5, 67};
}

/// n random numbers that start `offset` elements behind an aligned address, between NaN guards: a
/// kernel that reads a guard returns NaN, one that writes it is found by intact().
struct Row {
  Row(size_t n, size_t offset, uint64_t seed)
      : n(n), all({kGuard + offset + n + kGuard}, kNan), first(kGuard + offset) {
    if (n) std::copy_n(Random(seed).normal({n}).data(), n, data());
    before = all.clone();
  }
  real* data() { return all.data() + first; }
  real operator[](size_t e) const { return all(first + e); }
  bool intact() const {
    return std::memcmp(all.data(), before.data(), first * sizeof(real)) == 0 &&
           std::memcmp(all.data() + first + n, before.data() + first + n, kGuard * sizeof(real)) ==
               0;
  }
  bool unchanged() const { return std::memcmp(all.data(), before.data(), all.bytes()) == 0; }
  size_t n;
  Array all, before;
  size_t first;
};

template <class Check>
void at_all_sizes_and_offsets(Check&& check) {
  for (size_t n : sizes())
    for (size_t offset : {size_t{0}, size_t{1}, size_t{3}, L - 1}) {
      CAPTURE(n);
      CAPTURE(offset);
      check(n, offset);
    }
}

bool near(real got, double expected, double size) {
  return std::abs(double{got} - expected) <= 1e-6 * (1 + size);
}

}  // namespace

TEST_CASE("simd: dot and sum_of equal the plain sum") {
  at_all_sizes_and_offsets([](size_t n, size_t offset) {
    Row x(n, offset, 1), y(n, offset / 2, 2);
    double dot = 0, sum = 0, size = 0;
    for (size_t e = 0; e < n; ++e) {
      dot += double{x[e]} * double{y[e]};
      sum += double{x[e]} + 1;  // f(0) = 1: lanes beyond the end would be seen
      size += std::abs(double{x[e]}) + std::abs(double{x[e]} * double{y[e]}) + 1;
    }
    CHECK(near(simd::dot(x.data(), y.data(), n), dot, size));
    CHECK(near(simd::sum_of(
                   n, [](auto v) { return v + real{1}; }, x.data()),
               sum, size));
    CHECK(near(simd::sum_of(
                   n, [](auto v, auto w) { return v * w; }, x.data(), y.data()),
               dot, size));
    CHECK(x.unchanged());
    CHECK(y.unchanged());
  });
}

TEST_CASE("simd: the bits of a sum do not depend on the alignment") {
  for (size_t n : sizes()) {
    real dot = 0, sum = 0;
    for (size_t offset : {size_t{0}, size_t{1}, size_t{2}, L - 1}) {
      Row x(n, offset, 1), y(n, L - offset, 2);
      const real d = simd::dot(x.data(), y.data(), n);
      const real s = simd::sum_of(
          n, [](auto v) { return v; }, x.data());
      if (offset == 0) dot = d, sum = s;
      CAPTURE(n);
      CAPTURE(offset);
      CHECK(std::memcmp(&d, &dot, sizeof(real)) == 0);
      CHECK(std::memcmp(&s, &sum, sizeof(real)) == 0);
    }
  }
}

TEST_CASE("simd: lanes_sum adds every lane") {
  for (size_t lane = 0; lane < L; ++lane) {
    Array x({L}, real{1});
    x(lane) = 100;
    CHECK(simd::lanes_sum(simd::Pack::load_unaligned(x.data())) == static_cast<real>(99 + L));
  }
}

TEST_CASE("simd: max of numbers and infinities, wherever the largest stands") {
  CHECK(simd::max(nullptr, 0) == -kInfinity);
  at_all_sizes_and_offsets([](size_t n, size_t offset) {
    Row x(n, offset, 3);
    real largest = -kInfinity;
    for (size_t e = 0; e < n; ++e) largest = std::max(largest, x[e]);
    CHECK(simd::max(x.data(), n) == largest);
    for (size_t e = 0; e < n; ++e) {
      const real at = x[e];
      x.data()[e] = 1000;
      CHECK(simd::max(x.data(), n) == 1000);
      x.data()[e] = kInfinity;
      CHECK(simd::max(x.data(), n) == kInfinity);
      x.data()[e] = -kInfinity;
      real rest = -kInfinity;
      for (size_t i = 0; i < n; ++i) rest = std::max(rest, x[i]);
      CHECK(simd::max(x.data(), n) == rest);
      x.data()[e] = at;
    }
    for (size_t e = 0; e < n; ++e) x.data()[e] = -kInfinity;
    CHECK(simd::max(x.data(), n) == -kInfinity);
    CHECK(x.intact());
  });
}

TEST_CASE("simd: max is NaN wherever a NaN stands, also beside infinities") {
  at_all_sizes_and_offsets([](size_t n, size_t offset) {
    Row x(n, offset, 4);
    for (size_t e = 0; e < n; ++e) {
      const real at = x[e], other = x[n - 1 - e];
      x.data()[e] = kNan;
      CHECK(std::isnan(simd::max(x.data(), n)));
      if (n - 1 - e != e) {
        x.data()[n - 1 - e] = kInfinity;
        CHECK(std::isnan(simd::max(x.data(), n)));
        x.data()[n - 1 - e] = other;
      }
      x.data()[e] = at;
    }
  });
}

TEST_CASE("simd: fast_exp2 is 2^x to rounding, 1 at 0, finite beyond the ends, and NaN of NaN") {
  const auto at = [](real x) {
    alignas(64) real lane[L];
    simd::fast_exp2(simd::Pack(x)).store_aligned(lane);
    return lane[L - 1];
  };
  double worst = 0;
  for (double x = -126; x <= 127; x += 0.00317)
    worst = std::max(
        worst,
        std::abs(double{at(static_cast<real>(x))} / std::exp2(double{static_cast<real>(x)}) - 1));
  CHECK(worst < 2e-7);
  CHECK(at(0) == 1);
  CHECK(at(real(-1e-6)) < 1);
  CHECK(at(-kInfinity) == real(std::exp2(-126)));
  CHECK(at(1000) == real(std::exp2(127)));
  CHECK(std::isnan(at(std::numeric_limits<real>::quiet_NaN())));
}

TEST_CASE("simd: add_to, add_scaled and map_range equal the plain loop, also in place") {
  at_all_sizes_and_offsets([](size_t n, size_t offset) {
    Row x(n, offset, 5), added(n, offset / 2, 6), scaled(n, L - 1 - offset, 6), mapped(n, 2, 6);
    simd::add_to(added.data(), x.data(), n);
    simd::add_scaled(scaled.data(), real(-1.5), x.data(), n);
    simd::map_range(
        n, mapped.data(), [](auto v, auto w) { return v * w - v; }, mapped.data(), x.data());
    const Row y(n, 0, 6);
    size_t wrong = 0;
    for (size_t e = 0; e < n; ++e) {
      wrong += added[e] != y[e] + x[e];
      wrong += !near(scaled[e], double{y[e]} - 1.5 * double{x[e]}, std::abs(double{x[e]}));
      wrong += !near(mapped[e], double{y[e]} * double{x[e]} - double{y[e]}, std::abs(double{x[e]}));
    }
    CHECK(wrong == 0);
    CHECK(added.intact());
    CHECK(scaled.intact());
    CHECK(mapped.intact());
    CHECK(x.unchanged());
  });
}

TEST_CASE("simd: an element's bits do not depend on where in the row it stands") {
  const auto f = [](auto v, auto w) { return xsimd::exp(v) * w + v; };
  for (size_t n : sizes()) {
    Array x({n + 1}, real(0.37)), w({n + 1}, real(-1.21)), y({n + 1});
    simd::map_range(n, y.data(), f, x.data(), w.data());
    for (size_t e = 0; e < n; ++e) CHECK(std::memcmp(&y(e), &y(0), sizeof(real)) == 0);
  }
}

TEST_CASE("simd: whole arrays, across pieces of parallel work") {
  const size_t n = 2 * simd::kElementGrain + 13;
  const Array a = Random(1).normal({n}), b = Random(2).normal({n});
  Array y = simd::mapped([](auto v, auto w) { return v - w; }, a, b);
  size_t wrong = 0;
  for (size_t e = 0; e < n; ++e) wrong += y.data()[e] != a.data()[e] - b.data()[e];
  simd::map(
      y, [](auto v, auto w) { return v + w; }, y, b);  // in place
  for (size_t e = 0; e < n; ++e) wrong += y.data()[e] != (a.data()[e] - b.data()[e]) + b.data()[e];
  CHECK(wrong == 0);
  CHECK(sentence([&] {
          simd::map(
              y, [](auto v) { return v; }, Array({3}, real{0}));
        }) == fmt::format("map: expected an argument of {} elements, got shape [3]", n));
}
