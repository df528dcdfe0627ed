#include "nn/pointer/choice.hpp"

#include "core/argmax.hpp"

namespace gnomon {

Choice choose(const Array& logits, const Menu::Offer& offer, const Index& types) {
  constexpr real kInfinity = std::numeric_limits<real>::infinity();
  const Index slot = argmax(logits, offer.to);
  const size_t K = logits.shape().last();
  const size_t share = slot.size() / offer.to.shape().rows();  // heads that share a row
  Pointers p;
  p.to = Index(slot.shape());
  p.type = Index(slot.shape());
  p.score = Array(slot.shape());
  p.margin = Array(slot.shape());
  for (size_t r = 0; r < slot.size(); ++r) {
    const int32_t won = slot.data()[r];
    const int32_t* candidate = offer.to.row(r / share);
    real second = -kInfinity;
    for (size_t k = 0; k < K; ++k)
      if (candidate[k] >= 0 && static_cast<int32_t>(k) != won)
        second = std::max(second, logits.row(r)[k]);
    p.to.data()[r] = won < 0 ? -1 : offer.read.row(r / share)[won];
    p.type.data()[r] = won < 0 ? -1 : types.data()[won];
    p.score.data()[r] = won < 0 ? -kInfinity : logits.row(r)[won];
    p.margin.data()[r] = won < 0 ? 0 : p.score.data()[r] - second;
  }
  return {slot, std::move(p)};
}

}  // namespace gnomon
