// Repeated measurements of one thing, and whether they can be trusted.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace gnomon {

/// The median of repeated measurements, and the quartiles: with few of them the nearest ones that
/// lie further out.
struct Spread {
  double median = 0, low = 0, high = 0;

  Spread() = default;
  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    median = values[static_cast<size_t>(0.5 * last)];
    low = values[static_cast<size_t>(0.25 * last)];
    high = values[static_cast<size_t>(std::ceil(0.75 * last))];
  }
  /// Something else ran meanwhile: the quartiles lie apart by more than a fifth of the median.
  bool noisy() const { return high - low > median / 5; }
};

/// Calls measure(), which says whether what it found is noisy, until it is not, at most `most`
/// times.
template <class Measure>
void measure_again(size_t most, Measure&& measure) {
  while (most-- > 0 && measure()) {
  }
}

}  // namespace gnomon
