// What a layer computes on each token by itself: out to F features, a nonlinearity, and back.
#pragma once

#include "core/ops/gelu.hpp"
#include "nn/linear.hpp"

namespace gnomon {

/// down(gelu(up(x)))   (Vaswani et al., "Attention is all you need", 2017, section 3.3, with the
/// GELU of Hendrycks and Gimpel, 2016, in place of the ReLU). Parts: up [F,D], down [D,F].
class FeedForward final : public Module {
 public:
  FeedForward(size_t width, size_t feed_forward)
      : up_(part<Linear>("up", width, feed_forward)),
        down_(part<Linear>("down", feed_forward, width)) {}

  /// x [...,D] -> [...,D]
  Var operator()(const Var& x) const { return down_(gelu(up_(x))); }

 private:
  const Linear &up_, &down_;
};

}  // namespace gnomon
