// nn/pointer/candidates/run.cpp
// run         token i may point one past where its left neighbour points in this very layer:
//             to[i-1] + 1 (up to i).           cost N per head; serial in i, parallel over B and H
// The heart of copying: once a head has found the beginning, every next token reads the next place.
// Scored form: the neighbour's choice must be known first, so each head walks its sequence once,
// comparing the run's logit with the best of the other candidates.
#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// One past where the left neighbour points, if that is no later than token n.
int32_t continued(int32_t before, int64_t n) { return before >= 0 && before < n ? before + 1 : -1; }

class Run final : public CandidateSource {
 public:
  std::vector<std::string> types() const override { return {"run"}; }
  bool per_head() const override { return true; }
  bool scans() const override { return true; }

  Var offer(const Scene& scene, const Columns& columns) const override {
    const Scores& scores = *scene.scores;
    const auto [B, N, H, K] = dims<4>(columns.to, "run: to [B,N,H,K]");
    const size_t C = scores.query.shape().last() / H, run = columns.first;
    counters.rows_read += B * N * H;
    parallel_for(B * H, 1, [&, N = N, H = H, K = K](size_t begin, size_t end) {
      for (size_t pair = begin; pair < end; ++pair) {
        const size_t b = pair / H, h = pair % H;
        int32_t before = -1;  // to[i-1]
        for (size_t n = 0; n < N; ++n) {
          const size_t row = (b * N + n) * H + h;
          int32_t* to = columns.to.data() + row * K;
          real* dots = scores.dots.data() + row * K;
          const real* bias = scores.bias.data() + row * K;
          int32_t best = -1;
          for (size_t k = 0; k < run; ++k)
            if (to[k] >= 0 && (best < 0 || dots[k] + bias[k] > dots[best] + bias[best]))
              best = static_cast<int32_t>(k);
          to[run] = continued(before, static_cast<int64_t>(n));
          dots[run] = 0;
          before = best < 0 ? -1 : to[best];
          if (to[run] < 0) continue;
          dots[run] = scores.scale * simd::dot(scores.query.row(b * N + n) + h * C,
                                               scores.key.row(b * N + to[run]) + h * C, C);
          if (best < 0 || dots[run] + bias[run] > dots[best] + bias[best]) before = to[run];
        }
      }
    });
    return {};
  }
  /// One token at a time, the neighbour's choice is known.
  SourceStep stepper() const override {
    return [](const Var&, const Moment& moment, const Columns& columns) {
      columns.fill([&](size_t, int64_t, size_t h, int64_t) {
        return moment.n > 0 ? continued(moment.own(moment.n - 1, h), moment.n) : -1;
      });
      return Var();
    };
  }
};

const Registration<CandidateSource> kRun{
    "run", "one past where the left neighbour points in the same layer",
    [] { return std::make_unique<Run>(); }};

}  // namespace
}  // namespace gnomon
