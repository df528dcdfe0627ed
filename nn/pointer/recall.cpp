#include "nn/pointer/recall.hpp"

#include <cmath>

#include "core/parallel.hpp"
#include "core/simd/row.hpp"

namespace gnomon {
namespace {

constexpr size_t kQueries = 32, kKeys = 256;  // a block of keys is read from memory once a block
                                              // of queries

/// best[n] = max over j <= n of query[b,n,h] . key[b,j,h], for N tokens of one sequence and head.
std::vector<real> dense_best(const Pointing& pointing, size_t b, size_t h, size_t C) {
  const size_t N = pointing.to.shape()[1];
  std::vector<real> best(N, -std::numeric_limits<real>::infinity());
  parallel_for((N + kQueries - 1) / kQueries, 1, [&](size_t begin, size_t end) {
    for (size_t first = begin * kQueries; first < std::min(N, end * kQueries); first += kQueries) {
      const size_t last = std::min(N, first + kQueries);
      for (size_t keys = 0; keys < last; keys += kKeys)
        for (size_t n = first; n < last; ++n)
          for (size_t j = keys; j < std::min(n + 1, keys + kKeys); ++j)
            best[n] = std::max(best[n], simd::dot(pointing.query.row(b * N + n) + h * C,
                                                  pointing.key.row(b * N + j) + h * C, C));
    }
  });
  return best;
}

}  // namespace

void Recall::watch(Context& context, const Index& targets) {
  expect_shape(targets, context.tokens.shape(), "recall: targets [B,N]");
  context.watch = [this, &targets, layer = size_t{0}](const Pointing& pointing) mutable {
    heads_.resize(std::max(heads_.size(), layer + 1));
    count(pointing, targets, heads_[layer++]);
  };
}

void Recall::count(const Pointing& pointing, const Index& targets, std::vector<Head>& heads) const {
  const auto [B, N, H] = dims<3>(pointing.to, "recall: to [B,N,H]");
  if (N > kLongest)
    fail(Fault::option,
         "recall: tokens [B,N]: expected at most {} tokens, since each is compared with all before "
         "it, got {}",
         kLongest, N);
  const size_t C = pointing.query.shape().last() / H, G = pointing.candidates.shape()[2],
               K = pointing.candidates.shape()[3];
  heads.resize(H);
  for (size_t b = 0; b < B; ++b)
    for (size_t h = 0; h < H; ++h) {
      const std::vector<real> best = dense_best(pointing, b, h, C);
      for (size_t n = 0; n < N; ++n) {
        const auto is_best = [&, N = N](int32_t j) {
          if (j < 0) return false;
          const real* q = pointing.query.row(b * N + n) + h * C;
          const real score =
              simd::dot(q, pointing.key.row(b * N + static_cast<size_t>(j)) + h * C, C);
          return score >= best[n] - real(1e-5) * std::max<real>(1, std::abs(best[n]));
        };
        const int32_t* offered = pointing.read.row((b * N + n) * G + (G == 1 ? 0 : h));
        const bool recalled = std::any_of(offered, offered + K, is_best);
        const bool chosen = is_best(pointing.to.row(b * N + n)[h]);
        Head& head = heads[h];
        ++head.tokens, head.recalled += recalled, head.chosen += chosen;
        if (targets.row(b)[n] >= 0)
          ++head.scored, head.scored_recalled += recalled, head.scored_chosen += chosen;
      }
    }
}

}  // namespace gnomon
