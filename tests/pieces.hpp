// tests/pieces.hpp
// Whole sequences beside the same sequences read in pieces, with a state.
#pragma once

#include <doctest/doctest.h>

#include "core/counters.hpp"
#include "core/ops/slice.hpp"
#include "core/precision.hpp"
#include "nn/encoder.hpp"

namespace gnomon {

/// The tokens [begin, end) of all sequences.
inline Index tokens_between(const Index& tokens, size_t begin, size_t end) {
  Index part({tokens.shape()[0], end - begin});
  for (size_t b = 0; b < tokens.shape()[0]; ++b)
    std::copy_n(tokens.row(b) + begin, end - begin, part.row(b));
  return part;
}

/// Sequence b of [B,...] alone.
template <class T>
Tensor<T> sequence(const Tensor<T>& all, size_t b) {
  Shape one = all.shape();
  one[0] = 1;
  Tensor<T> alone(one);
  std::copy_n(all.data() + b * alone.size(), alone.size(), alone.data());
  return alone;
}

/// The next tokens [first, end) of features [B,N,D].
inline Encoded read_piece(const Encoder& encoder, const Array& features, const Index& tokens,
                          size_t first, size_t end, State& state,
                          std::optional<size_t> iterations = {}) {
  Context context;
  context.tokens = tokens_between(tokens, first, end);
  context.iterations = iterations;
  return encoder(slice(features, 1, first, end), context, &state);
}

/// Lengths of pieces, used again and again until the sequence is read.
using Cut = std::vector<size_t>;
inline const std::vector<Cut> kCuts{{1}, {3}, {64}, {5, 1, 2, 13, 1, 1, 7}};

/// Reads features [B,N,D] in pieces and compares all features and pointers with those of `whole`.
inline void check_cut(const Encoder& encoder, const Array& features, const Index& tokens,
                      const Encoded& whole, const Cut& cut, double epsilon,
                      std::optional<size_t> iterations) {
  const auto [B, N, D] = dims<3>(features, "pieces: features [B,N,D]");
  const auto state = encoder.state(B, iterations);
  size_t first = 0;
  for (size_t piece = 0; first < N; ++piece) {
    const size_t end = std::min(N, first + cut[piece % cut.size()]), n_piece = end - first;
    const Encoded part = read_piece(encoder, features, tokens, first, end, *state, iterations);
    REQUIRE(Encoder::tokens_read(*state) == end);
    REQUIRE(part.pointers.size() == whole.pointers.size());
    for (size_t b = 0; b < B; ++b)
      for (size_t n = first; n < end; ++n) {
        CAPTURE(b);
        CAPTURE(n);
        const size_t row = b * N + n, own = b * n_piece + n - first;
        for (size_t layer = 0; layer < whole.pointers.size(); ++layer) {
          const Pointers &all = whole.pointers[layer], &now = part.pointers[layer];
          CAPTURE(layer);
          REQUIRE(all.empty() == now.empty());
          for (size_t h = 0; !all.empty() && h < all.to.shape()[2]; ++h) {
            REQUIRE(now.to.row(own)[h] == all.to.row(row)[h]);
            CHECK(now.type.row(own)[h] == all.type.row(row)[h]);
            if (now.to.row(own)[h] < 0) continue;
            CHECK(now.score.row(own)[h] ==
                  doctest::Approx(all.score.row(row)[h]).epsilon(10 * epsilon));
          }
        }
        for (size_t d = 0; d < D; ++d)
          REQUIRE(part.features.value().row(own)[d] ==
                  doctest::Approx(whole.features.value().row(row)[d]).epsilon(epsilon));
      }
    first = end;
  }
}

/// Sequences read whole, and in pieces of 1, 3, 64 and a mixture; all at once, and each alone.
inline void check_pieces(const Encoder& encoder, const Array& features, const Index& tokens,
                         std::optional<size_t> iterations = {}, double epsilon = 1e-5) {
  Context context;
  context.tokens = tokens;
  context.iterations = iterations;
  const Encoded whole = encoder(features, context);
  for (const Cut& cut : kCuts) {
    CAPTURE(fmt::format("{}", fmt::join(cut, ",")));
    check_cut(encoder, features, tokens, whole, cut, epsilon, iterations);
  }
  for (size_t b = 0; b < features.shape()[0]; ++b) {
    CAPTURE(b);
    const Array alone = sequence(features, b);
    context.tokens = sequence(tokens, b);
    const Encoded one = encoder(alone, context);
    for (const Cut& cut : {kCuts[0], kCuts[3]})
      check_cut(encoder, alone, context.tokens, one, cut, epsilon, iterations);
    for (size_t e = 0; e < alone.size(); ++e)
      REQUIRE(
          one.features.value().data()[e] ==
          doctest::Approx(whole.features.value().data()[b * alone.size() + e]).epsilon(epsilon));
  }
}

/// How many rows the step at each position of a sequence reads.
inline std::vector<uint64_t> rows_per_step(const Encoder& encoder, const Array& features,
                                           const Index& tokens) {
  std::vector<uint64_t> rows;
  const Array alone = sequence(features, 0);
  const auto state = encoder.state(1);
  for (size_t n = 0; n < alone.shape()[1]; ++n) {
    counters.reset();
    read_piece(encoder, alone, sequence(tokens, 0), n, n + 1, *state);
    rows.push_back(counters.rows_read);
  }
  return rows;
}

}  // namespace gnomon
