// tests/allclose.hpp
// Arrays against a twin computed in double by the plainest loop.
#pragma once

#include <cmath>
#include <string>

#include "core/array.hpp"

namespace gnomon {

/// "" when |found - expected| <= tolerance (1 + |expected|) everywhere, equal infinities and NaNs
/// included; else the first element that differs. `expected(e)` is element e of the twin.
template <class Expected>
std::string differs(const Array& found, Expected&& expected, double tolerance = 2e-6) {
  for (size_t e = 0; e < found.size(); ++e) {
    const double f = double{found.data()[e]}, x = static_cast<double>(expected(e));
    const bool same = std::isfinite(x) ? std::abs(f - x) <= tolerance * (1 + std::abs(x))
                                       : f == x || (std::isnan(f) && std::isnan(x));
    if (!same)
      return fmt::format("element {} of {}: expected {:.9g}, got {:.9g}", e, found.shape().text(),
                         x, f);
  }
  return "";
}

}  // namespace gnomon
