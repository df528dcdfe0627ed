// How much of what was read is let in, decided for each feature by the token and by what it read.
//
//   g = sigmoid(W_g a + W_z z + b_g)       out = g * (W_o z)       a, z [B,N,D] -> out [B,N,D]
//   ("Pointer", arXiv 2508.02631, section 3.) Parameters: gate.weight W_g, gate.bias b_g, ones: the
//   gate starts three quarters open, so that what is read counts from the first step;
//   gate_read.weight W_z, output.weight W_o, all [D,D].
#pragma once

#include <cmath>

#include "core/ops/add.hpp"
#include "core/ops/gate.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/linear.hpp"

namespace gnomon {

class ReadGate final : public Module {
 public:
  explicit ReadGate(size_t width)
      : weight_(param("gate.weight", {width, width},
                      init::uniform(1 / std::sqrt(static_cast<double>(width))))),
        bias_(param("gate.bias", {width}, init::constant(1))),
        read_(part<Linear>("gate_read", width, width, false)),
        output_(part<Linear>("output", width, width, false)) {}

  /// W_g and b_g: their product with a, `own`, is made beside the layer's other products with it.
  Weight weight() const { return {weight_, bias_}; }
  Var operator()(const Var& own, const Var& z) const {
    const std::vector<Var> of_z = affine_all(z, {read_.weight(), output_.weight()});
    return gate(own, of_z[0], of_z[1]);
  }
  size_t width() const { return bias_.shape()[0]; }
  /// g alone, for those who watch.
  Array opening(const Var& own, const Var& z) const { return sigmoid(add(own, read_(z))).value(); }

 private:
  const Var &weight_, &bias_;
  const Linear &read_, &output_;
};

}  // namespace gnomon
