// tests/candidates.hpp
// Two sequences of 37 tokens, features and pointers below: what menus are asked about.
#pragma once

#include "nn/pointer/menu.hpp"

namespace gnomon {

inline constexpr size_t kB = 2, kN = 37, kH = 3;

inline MixerPlace place(size_t layer, size_t layers) { return {12, kH, layer, layers, "none"}; }

struct Problem {
  Context context;
  Index& tokens = context.tokens;
  Var features = Random(8).normal({kB, kN, 12}), embedded = features;
  PreviousPointers below;
  SourceInput scene() {
    context.embedded = embedded;
    return {features, below, context, kH};
  }
  Problem() {
    tokens = Index({kB, kN});
    Random random(7);
    for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(5));
    below.to = Index({kB, kN, kH});
    for (size_t e = 0; e < below.to.size(); ++e) {  // any earlier position, sometimes none
      const uint32_t n = static_cast<uint32_t>(e / kH % kN);
      below.to.data()[e] = static_cast<int32_t>(random.below(n + 2)) - 1;
    }
  }
};

/// The candidates a menu of one source offers to token n of batch b and head h, none left out.
inline std::vector<int32_t> offered(const Index& to, size_t b, size_t n, size_t h) {
  const size_t G = to.shape()[2], K = to.shape()[3];
  const int32_t* row = to.data() + ((b * kN + n) * G + (G == 1 ? 0 : h)) * K;
  return {row, row + K};
}

}  // namespace gnomon
