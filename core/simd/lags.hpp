// Tables of what belongs to a lag i - j, met by blocks of pairs of a query i and a key j that stand
// as [keys, queries]: a row of pairs sees neighbouring lags, so the entries of a block are first
// laid out by its diagonals, and a row reads them as they lie.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {

/// A block of kKeys x kQueries pairs (of the keys, the first may be all that there are).
template <size_t kKeys, size_t kQueries>
class LagBlock {
 public:
  /// Of query 0 and key 0 at these positions; a table has `lags` entries, of which the last serves
  /// all longer lags, and the first those of keys after their query.
  LagBlock(size_t lags, size_t query, size_t key) : lags_(lags), query_(query), key_(key) {}

  /// s[j, i] += scale table[lag]
  void add(const real* table, real scale, size_t keys, real* s) const {
    const Diagonals by(*this, table, scale);
    for (size_t j = 0; j < keys; ++j)
      map_range(
          kQueries, s + j * kQueries, [](auto v, auto t) { return v + t; }, s + j * kQueries,
          by.row(j));
  }
  /// s[j, i] *= table[lag]
  void multiply(const real* table, size_t keys, real* s) const {
    const Diagonals by(*this, table, 1);
    for (size_t j = 0; j < keys; ++j)
      map_range(
          kQueries, s + j * kQueries, [](auto v, auto t) { return v * t; }, s + j * kQueries,
          by.row(j));
  }
  /// Softmax weights p that a factor f[lag] multiplies afterwards, backwards. In: p, ds = p (g - m)
  /// as it is without factors, and m [queries]. Out: f p, and ds = p (f g - m). To dbias[lag] is
  /// added what its pairs have of ds, to dfactor[lag] what they have of p g.
  void backward(const real* factor, const real* m, size_t keys, real* p, real* ds, real* dbias,
                real* dfactor) const {
    const Diagonals by(*this, factor, 1);
    Diagonals of_bias, of_factor;
    for (size_t j = 0; j < keys; ++j)
      for (size_t i = 0; i < kQueries; i += kLanes) {
        const size_t e = j * kQueries + i;
        const Pack weight = Pack::load_aligned(p + e), f = Pack::load_unaligned(by.row(j) + i);
        const Pack mean = weight * Pack::load_aligned(m + i),
                   pg = Pack::load_aligned(ds + e) + mean;
        const Pack slope = f * pg - mean;
        slope.store_aligned(ds + e);
        (f * weight).store_aligned(p + e);
        for (const auto& [sums, part] : {std::pair{&of_bias, &slope}, {&of_factor, &pg}}) {
          real* const at = sums->row(j) + i;
          (Pack::load_unaligned(at) + *part).store_unaligned(at);
        }
      }
    for (size_t d = 0; d < Diagonals::kCount; ++d) {
      dbias[lag(d)] += of_bias.each[d];
      dfactor[lag(d)] += of_factor.each[d];
    }
  }

 private:
  /// One number for each diagonal: query i and key j meet on diagonal kKeys - 1 - j + i.
  struct Diagonals {
    static constexpr size_t kCount = kKeys + kQueries;
    Diagonals() = default;
    Diagonals(const LagBlock& block, const real* table, real scale) {
      for (size_t d = 0; d < kCount; ++d) each[d] = scale * table[block.lag(d)];
    }
    const real* row(size_t j) const { return each + (kKeys - 1 - j); }
    real* row(size_t j) { return each + (kKeys - 1 - j); }
    real each[kCount] = {};
  };
  size_t lag(size_t diagonal) const {
    const size_t query = query_ + diagonal, key = key_ + kKeys - 1;
    return query <= key ? 0 : std::min(query - key, lags_ - 1);
  }
  size_t lags_, query_, key_;
};

}  // namespace gnomon::simd
