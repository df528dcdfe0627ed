// What recurrences with a state for every channel are made of: a few registers of channels side by
// side (a slice), and blocks of their rows close together. The ops are core/ops/selective_scan.hpp
// and core/ops/mode_recurrence.hpp.
#pragma once

#include "core/simd/map.hpp"

namespace gnomon::simd {

constexpr size_t kSlicePacks = 2;
constexpr size_t kSlice = kSlicePacks * kLanes;  ///< channels of a slice

/// How many slices hold `channels` channels; those beyond the last are zeros.
constexpr size_t slices(size_t channels) { return (channels + kSlice - 1) / kSlice; }
/// How many channels of `channels` lie in a slice.
constexpr size_t slice_channels(size_t channels, size_t slice) {
  return std::min(kSlice, channels - slice * kSlice);
}

/// Copies the part of a row that lies in a slice: a few registers where that is whole, which takes
/// less than a call.
inline void copy_slice(const real* from, size_t channels, real* to) {
  if (channels == kSlice)
    std::copy_n(from, kSlice, to);
  else
    std::copy_n(from, channels, to);
}

/// Up to `rows` rows of a slice, from and to arrays [...,channels].
template <size_t rows>
struct SliceRows {
  alignas(64) real at[rows][kSlice] = {};
  void load(const Array& x, size_t first, size_t slice, size_t count) {
    const size_t W = x.shape().last(), channels = slice_channels(W, slice);
    for (size_t r = 0; r < count; ++r)
      copy_slice(x.row(first + r) + slice * kSlice, channels, at[r]);
  }
  void store(Array& x, size_t first, size_t slice, size_t count) const {
    const size_t W = x.shape().last(), channels = slice_channels(W, slice);
    for (size_t r = 0; r < count; ++r)
      copy_slice(at[r], channels, x.row(first + r) + slice * kSlice);
  }
};

/// `count` rows of a slice in registers.
template <size_t count>
struct SliceRegisters {
  Pack of[count][kSlicePacks];
  /// From and to rows that lie kSlice apart, aligned to a register.
  void load(const real* from) {
    each(
        [&](size_t i, size_t p) { of[i][p] = Pack::load_aligned(from + i * kSlice + p * kLanes); });
  }
  void store(real* to) const {
    each([&](size_t i, size_t p) { of[i][p].store_aligned(to + i * kSlice + p * kLanes); });
  }
  void fill(real value) {
    each([&](size_t i, size_t p) { of[i][p] = Pack(value); });
  }
  void add_to(real* to) const {
    each([&](size_t i, size_t p) {
      real* const at = to + i * kSlice + p * kLanes;
      (Pack::load_aligned(at) + of[i][p]).store_aligned(at);
    });
  }
  /// work(i, p) for every register, unrolled.
  template <class Work>
  static void each(Work&& work) {
#pragma GCC unroll 8
    for (size_t i = 0; i < count; ++i)
#pragma GCC unroll 8
      for (size_t p = 0; p < kSlicePacks; ++p) work(i, p);
  }
};

}  // namespace gnomon::simd
