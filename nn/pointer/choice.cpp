#include "nn/pointer/choice.hpp"

#include <cmath>

#include "core/counters.hpp"
#include "core/simd/row.hpp"

namespace gnomon {
namespace {

constexpr real kInfinity = std::numeric_limits<real>::infinity();

/// What a logit must lie above to beat this one.
real beaten_above(real logit) { return logit + std::max(real{1}, std::abs(logit)) / 65536; }

/// Walks along the sequences, after the best of the other slots is in `choice`.
void walk(Array& logits, CandidateSet& set, const ChainScores& by, Choice& choice) {
  const auto [B, N, H, K] = dims<4>(logits, "pointer: logits [B,N,H,K]");
  const size_t M = by.key.shape()[1], C = by.query.shape().last() / H, last = K - 1;
  Index &to = set.index.to, &scored = set.index.scored, &read = set.index.read;
  const bool by_key = set.chain->form.scored == SourceForm::Scored::by_key;
  if (by_key) counters.rows_read += B * N * H;
  // A head's walk waits for each of its own steps: several heads side by side fill the waiting.
  constexpr size_t kSideBySide = 4;
  parallel_for(B * H, kSideBySide, [&, N = N, H = H](size_t begin, size_t end) {
    std::array<int32_t, kSideBySide> latest;  // to[i-1] of each
    for (size_t pair = begin; pair < end; ++pair)
      latest[pair - begin] = by.latest ? (*by.latest)[pair / H][pair % H] : -1;
    for (size_t n = 0; n < N; ++n)
      for (size_t pair = begin; pair < end; ++pair) {
        const size_t b = pair / H, h = pair % H, row = (b * N + n) * H + h;
        Pointers& p = choice.pointers;
        int32_t& before = latest[pair - begin];
        const int32_t next = before < 0 || !set.chain->offered(h) ? -1 : before + 1;
        before = p.to.data()[row];
        if (next < 0) continue;
        to.row(row)[last] = next;
        if (by_key) scored.row(row)[last] = next;
        read.row(row)[last] = next;
        real& logit = logits.row(row)[last];
        if (by_key)
          logit += by.scale * simd::dot(by.query.row(b * N + n) + h * C,
                                        by.key.row(b * M + static_cast<size_t>(next)) + h * C, C);
        expect_finite(!std::isnan(logit), "pointer: logits {}: a logit of row {} is not a number",
                      logits.shape(), row);
        real &best = p.score.data()[row], &margin = p.margin.data()[row];
        if (p.to.data()[row] < 0 || logit > beaten_above(best)) {
          margin = logit - best;
          best = logit;
          before = p.to.data()[row] = next;
          choice.slot.data()[row] = static_cast<int32_t>(last);
          p.type.data()[row] = set.types.data()[last];
        } else {
          margin = std::max(real{0}, std::min(margin, best - logit));
        }
      }
    for (size_t pair = begin; by.latest && pair < end; ++pair)
      (*by.latest)[pair / H][pair % H] = latest[pair - begin];
  });
}

}  // namespace

Choice choose(Array& logits, CandidateSet& set, const ChainScores& chain) {
  const auto [B, N, H, K] = dims<4>(logits, "pointer: logits [B,N,H,K]");
  const Index &to = set.index.to, &read = set.index.read;
  const size_t share = B * N * H / to.shape().rows();  // heads that share a row
  Choice choice{Index({B, N, H}),
                {Index({B, N, H}), Index({B, N, H}), Array({B, N, H}), Array({B, N, H}), {}}};
  Pointers& p = choice.pointers;
  parallel_for(choice.slot.size(), 256, [&, K = K](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const int32_t* candidate = to.row(r / share);
      const real* logit = logits.row(r);
      int32_t won = -1;
      real best = -kInfinity, second = -kInfinity;
      bool bad = false;
      for (size_t k = 0; k < K; ++k) {
        if (candidate[k] < 0) continue;
        bad |= std::isnan(logit[k]);
        if (won < 0 || logit[k] > beaten_above(best))
          second = std::max(second, best), best = logit[k], won = static_cast<int32_t>(k);
        else
          second = std::max(second, logit[k]);
      }
      expect_finite(!bad, "pointer: logits {}: a logit of row {} is not a number", logits.shape(),
                    r);
      choice.slot.data()[r] = won;
      p.to.data()[r] = won < 0 ? -1 : read.row(r / share)[won];
      p.type.data()[r] = won < 0 ? -1 : set.types.data()[won];
      p.score.data()[r] = best;
      p.margin.data()[r] = won < 0 ? 0 : std::max(real{0}, best - second);
    }
  });
  if (set.chain) walk(logits, set, chain, choice);
  return choice;
}

}  // namespace gnomon
