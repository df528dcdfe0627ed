#include "tools/training/shards.hpp"

#include "core/simd/map.hpp"

namespace gnomon {
namespace {

Index rows_of(const Index& x, size_t first, size_t count) {
  Index part({count, x.shape().last()});
  std::copy(x.row(first), x.row(first + count), part.begin());
  return part;
}

}  // namespace

Batch part_of(const Batch& batch, size_t p, size_t shards) {
  const size_t B = batch.tokens.shape()[0], rows = B / shards;
  expect(B % shards == 0, "shards: batch [B,N]: expected a multiple of {} sequences, got {}",
         shards, batch.tokens.shape());
  return {rows_of(batch.tokens, p * rows, rows), rows_of(batch.targets, p * rows, rows)};
}

size_t scored_tokens(const Batch& batch) {
  return static_cast<size_t>(std::count_if(batch.targets.begin(), batch.targets.end(),
                                           [](int32_t target) { return target >= 0; }));
}

Sums& Sums::operator+=(const Sums& other) {
  loss += other.loss;
  scored += other.scored;
  right += other.right;
  for (size_t i = 0; i < pointers.size(); ++i) pointers[i] += other.pointers[i];
  add_to(gradient.data(), other.gradient.data(), gradient.size());
  return *this;
}

void add_to(real* x, const real* y, size_t n) {
  parallel_for(n, simd::kElementGrain, [&](size_t begin, size_t end) {
    simd::map_range(
        end - begin, x + begin, [](const simd::Pack& a, const simd::Pack& b) { return a + b; },
        x + begin, y + begin);
  });
}

}  // namespace gnomon
