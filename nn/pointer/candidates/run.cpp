// nn/pointer/candidates/run.cpp
// run         token i may point one past where its left neighbour points in this very layer:
//             to[i-1] + 1 (up to i).           cost N per head; serial in i, parallel over B and H
// The heart of copying: once a head has found the beginning, every next token reads the next place.
// Scored form: the neighbour's choice must be known first, so each head walks its sequence once,
// comparing the run's logit with that of the best other candidate. ("gated" needs no such walk.)
#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "nn/pointer/candidates/chain.hpp"

namespace gnomon {
namespace {

class Run final : public CandidateSource {
 public:
  std::vector<std::string> types() const override { return {"run"}; }
  bool per_head() const override { return true; }
  bool scans() const override { return true; }

  Var offer(const Scene& scene, const Columns& columns) const override {
    const Scores& scores = *scene.scores;
    const auto [B, N, H, K] = dims<4>(columns.to, "run: to [B,N,H,K]");
    const size_t C = scores.query.shape().last() / H, run = columns.first;
    const Fresh fresh = fresh_choices(columns, scores);
    counters.rows_read += B * N * H;
    // A head's walk waits for each of its own steps: several heads side by side fill the waiting.
    constexpr size_t kSideBySide = 4;
    parallel_for(B * H, kSideBySide, [&, N = N, H = H, K = K](size_t begin, size_t end) {
      std::array<int32_t, kSideBySide> before;  // to[i-1] of each
      before.fill(-1);
      for (size_t n = 0; n < N; ++n)
        for (size_t pair = begin; pair < end; ++pair) {
          const size_t b = pair / H, h = pair % H, row = (b * N + n) * H + h;
          int32_t& latest = before[pair - begin];
          int32_t& to = columns.to.data()[row * K + run];
          real& dot = scores.dots.data()[row * K + run];
          to = continued(latest);
          dot = 0;
          latest = fresh.to.data()[row];
          if (to < 0) continue;
          dot =
              scores.scale * simd::dot(scores.query.row(b * N + n) + h * C,
                                       scores.key.row(b * N + static_cast<size_t>(to)) + h * C, C);
          if (dot + scores.bias.data()[row * K + run] > fresh.logit.data()[row]) latest = to;
        }
    });
    return {};
  }
  SourceStep stepper() const override { return continuing(); }
};

const Registration<CandidateSource> kRun{
    "run", "one past where the left neighbour points in the same layer",
    [] { return std::make_unique<Run>(); }};

}  // namespace
}  // namespace gnomon
