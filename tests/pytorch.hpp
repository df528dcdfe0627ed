// tests/pytorch.hpp
// Our numbers beside PyTorch's: how far they may be apart.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/array.hpp"

namespace gnomon {

/// The largest |got - expected|, each divided by what `unit` says of the expected number.
template <class Unit>
double worst(const Array& got, const Array& expected, Unit unit) {
  REQUIRE(got.shape().text() == expected.shape().text());
  double worst = 0;
  for (size_t e = 0; e < got.size(); ++e) {
    const double want = double{expected.data()[e]}, error = std::abs(double{got.data()[e]} - want);
    if (!(error / unit(want) <= worst)) worst = error / unit(want);
  }
  return worst;
}

/// Within so much of max(1, |expected|).
inline void check_values(const std::string& name, const Array& got, const Array& expected,
                         double within) {
  INFO(name);
  CHECK(worst(got, expected, [](double x) { return std::max(1.0, std::abs(x)); }) < within);
}

/// Within 1e-4 of that, and of the largest number of the gradient.
inline void check_gradient(const std::string& name, const Array& got, const Array& expected) {
  check_values(name, got, expected, 1e-4);
  double largest = 0;
  for (const real g : expected) largest = std::max(largest, std::abs(double{g}));
  INFO(name);
  CHECK(worst(got, expected, [&](double) { return largest; }) < 1e-4);
}

}  // namespace gnomon
