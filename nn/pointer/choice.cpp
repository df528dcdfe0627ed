#include "nn/pointer/choice.hpp"

#include <cmath>

#include "core/parallel.hpp"

namespace gnomon {

Choice choose(const Array& logits, const Menu::Offer& offer, const Index& types) {
  constexpr real kInfinity = std::numeric_limits<real>::infinity();
  const auto [B, N, H, K] = dims<4>(logits, "pointer: logits [B,N,H,K]");
  const size_t share = B * N * H / offer.to.shape().rows();  // heads that share a row
  Index slot({B, N, H});
  Pointers p;
  p.to = Index({B, N, H});
  p.type = Index({B, N, H});
  p.score = Array({B, N, H});
  p.margin = Array({B, N, H});
  parallel_for(slot.size(), 256, [&, K = K](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const int32_t* candidate = offer.to.row(r / share);
      const real* logit = logits.row(r);
      int32_t won = -1;
      real best = -kInfinity, second = -kInfinity;
      bool bad = false;
      for (size_t k = 0; k < K; ++k) {
        if (candidate[k] < 0) continue;
        bad |= std::isnan(logit[k]);
        if (won < 0 || logit[k] > best)
          second = won < 0 ? second : best, best = logit[k], won = static_cast<int32_t>(k);
        else
          second = std::max(second, logit[k]);
      }
      expect(!bad, "pointer: logits {}: a logit of row {} is not a number", logits.shape(), r);
      slot.data()[r] = won;
      p.to.data()[r] = won < 0 ? -1 : offer.read.row(r / share)[won];
      p.type.data()[r] = won < 0 ? -1 : types.data()[won];
      p.score.data()[r] = best;
      p.margin.data()[r] = won < 0 ? 0 : best - second;
    }
  });
  return {slot, std::move(p)};
}

}  // namespace gnomon
