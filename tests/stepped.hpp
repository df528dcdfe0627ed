// tests/stepped.hpp
// Whole sequences beside the same sequences one token at a time.
#pragma once

#include <doctest/doctest.h>

#include "core/counters.hpp"
#include "nn/encoder.hpp"

namespace gnomon {

/// Every token of features [B,N,D], stepped, gives the features and pointers of the whole pass, to
/// the rounding of sums over one token or over many.
inline void check_stepped(const Encoder& encoder, const Array& features, const Index& tokens,
                          std::optional<size_t> iterations = {}) {
  const auto [B, N, D] = dims<3>(features, "stepped: features [B,N,D]");
  Pass pass;
  pass.tokens = tokens;
  pass.iterations = iterations;
  const Encoded whole = encoder(features, pass);
  for (size_t b = 0; b < B; ++b) {
    Encoder::Memory memory(encoder, iterations);
    for (size_t n = 0; n < N; ++n) {
      const size_t row = b * N + n;
      Array next({1, 1, D});
      std::copy_n(features.row(row), D, next.data());
      const Encoded one = memory.step(next, tokens.data()[row]);
      CAPTURE(n);
      REQUIRE(memory.length() == n + 1);
      REQUIRE(one.pointers.size() == whole.pointers.size());
      for (size_t layer = 0; layer < whole.pointers.size(); ++layer) {
        const Pointers &all = whole.pointers[layer], &now = one.pointers[layer];
        CAPTURE(layer);
        REQUIRE(all.empty() == now.empty());
        for (size_t h = 0; h < now.to.size(); ++h) {
          REQUIRE(now.to.data()[h] == all.to.row(row)[h]);
          CHECK(now.type.data()[h] == all.type.row(row)[h]);
          if (now.to.data()[h] < 0) continue;
          CHECK(now.score.data()[h] == doctest::Approx(all.score.row(row)[h]).epsilon(1e-4));
        }
      }
      for (size_t d = 0; d < D; ++d)
        REQUIRE(one.features.value().data()[d] ==
                doctest::Approx(whole.features.value().row(row)[d]).epsilon(1e-5));
    }
  }
}

/// How many rows a step reads at each position of a sequence.
inline std::vector<uint64_t> rows_per_step(const Encoder& encoder, const Array& features,
                                           const Index& tokens) {
  const auto [B, N, D] = dims<3>(features, "stepped: features [B,N,D]");
  std::vector<uint64_t> rows;
  Encoder::Memory memory(encoder);
  for (size_t n = 0; n < N; ++n) {
    Array next({1, 1, D});
    std::copy_n(features.row(n), D, next.data());
    counters.reset();
    memory.step(next, tokens.data()[n]);
    rows.push_back(counters.rows_read);
  }
  return rows;
}

}  // namespace gnomon
