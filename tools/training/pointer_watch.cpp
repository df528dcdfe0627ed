#include "tools/training/pointer_watch.hpp"

#include <array>
#include <cmath>

#include "core/parallel.hpp"

namespace gnomon {
namespace {

/// Of one layer, as they stand in sums().
enum Sum : size_t { pointing, hops, self, far, elsewhere, kSums };
using LayerSums = std::array<double, kSums>;

/// The probability of the candidates that read `to`: softmax of K logits / temperature.
double probability(const real* logit, const int32_t* candidate, const int32_t* read, size_t K,
                   int32_t to, real temperature) {
  real top = -std::numeric_limits<real>::infinity();
  for (size_t k = 0; k < K; ++k)
    if (candidate[k] >= 0) top = std::max(top, logit[k]);
  real chosen = 0, all = 0;
  for (size_t k = 0; k < K; ++k) {
    if (candidate[k] < 0) continue;
    const real mass = std::exp((logit[k] - top) / temperature);
    all += mass;
    if (read[k] == to) chosen += mass;
  }
  return double{chosen} / double{all};
}

LayerSums sums_of(const Pointing& seen, double temperature) {
  const auto [B, N, H] = dims<3>(seen.to, "pointer watch: to [B,N,H]");
  const size_t G = seen.candidates.shape()[2], K = seen.candidates.shape()[3];
  std::vector<LayerSums> of_sequence(B);  // added up in order: equal bits on any number of threads
  parallel_for(B, 1, [&, N = N, H = H](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b)
      for (size_t n = 0; n < N; ++n)
        for (size_t h = 0; h < H; ++h) {
          const size_t token = b * N + n, row = token * G + (G == 1 ? 0 : h);
          const int32_t to = seen.to.row(token)[h];
          if (to < 0) continue;
          const size_t hop = n - static_cast<size_t>(to);
          LayerSums& s = of_sequence[b];
          s[pointing] += 1, s[hops] += static_cast<double>(hop);
          s[self] += hop == 0, s[far] += hop >= kFarHop;
          s[elsewhere] +=
              1 - probability(seen.logits.row(token * H + h), seen.candidates.row(row),
                              seen.read.row(row), K, to, static_cast<real>(temperature));
        }
  });
  LayerSums all{};
  for (const LayerSums& s : of_sequence)
    for (size_t i = 0; i < kSums; ++i) all[i] += s[i];
  return all;
}

}  // namespace

PointerWatch::PointerWatch(size_t layers) : sums_(layers * kSums) {}

void PointerWatch::look_through(Context& context) {
  context.watch = [this, &context](const Pointing& seen) {
    const LayerSums more = sums_of(seen, context.temperature);
    for (size_t i = 0; i < kSums; ++i) sums_.at(context.layer * kSums + i) += more[i];
  };
}

std::vector<PointerSummary> PointerWatch::summaries(const std::vector<double>& sums) {
  std::vector<PointerSummary> all;
  for (size_t at = 0; at < sums.size(); at += kSums) {
    const double* s = &sums[at];
    if (const double count = s[pointing]; count > 0)
      all.push_back(
          {at / kSums + 1, s[hops] / count, s[self] / count, s[far] / count, s[elsewhere] / count});
  }
  return all;
}

}  // namespace gnomon
