#include <iostream>

#include "nn/pointer/chain_encoder.hpp"
using namespace gnomon;

int main() {  // two layers of one head, untrained: who points where, and why
  PointerChainEncoder encoder({.layers = 2, .width = 16, .heads = 1, .feed_forward = 16},
                              {.sources = "window:2,match:1 / previous:1,jump,run"});
  encoder.initialise(1);
  Context context;
  context.tokens = Index({1, 6}, {3, 1, 4, 3, 1, 4});
  const Encoded e = encoder(Random(2).normal({1, 6, 16}), context);
  for (size_t layer = 0; layer < 2; ++layer) {
    const auto types = encoder.types(layer);
    std::cout << "layer " << layer << ":";
    for (size_t n = 0; n < 6; ++n)
      std::cout << fmt::format("  {}->{} {}", n, e.pointers[layer].to(0, n, 0),
                               types[e.pointers[layer].type(0, n, 0)]);
    std::cout << "\n";
  }
}
