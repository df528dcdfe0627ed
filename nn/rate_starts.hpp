// Where the rates of fading memories start: as Mamba's, which its followers have taken over.
#pragma once

#include <cmath>

#include "nn/module.hpp"

namespace gnomon::init {

/// The logarithms of rates uniform in (1, 16). (From 0 on, as some have it, one may be -infinity.)
inline Init log_rates() {
  return [](Array& x, Random& random) {
    const Array drawn = random.uniform(x.shape());
    for (size_t e = 0; e < x.size(); ++e)
      x.data()[e] = static_cast<real>(std::log(1 + 15 * double{drawn.data()[e]}));
  };
}

/// Biases inside a softplus, which then gives steps log-uniform in (0.001, 0.1).
inline Init step_biases() {
  return [](Array& x, Random& random) {
    const Array drawn = random.uniform(x.shape());
    for (size_t e = 0; e < x.size(); ++e) {
      const double step = 0.001 * std::pow(100, double{drawn.data()[e]});
      x.data()[e] = static_cast<real>(step + std::log(-std::expm1(-step)));
    }
  };
}

}  // namespace gnomon::init
