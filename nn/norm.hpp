// Normalisation of each token's features, in two forms behind one interface.
#pragma once

#include <memory>
#include <string>

#include "nn/module.hpp"

namespace gnomon {

/// x [...,D] -> [...,D], every row brought to a common size, then scaled by a learned gain.
class Norm : public Module {
 public:
  virtual Var operator()(const Var& x) const = 0;
};

/// "layer" or "rms"; throws Error(Fault::option) for another kind.
std::unique_ptr<Norm> make_norm(const std::string& kind, size_t width);

}  // namespace gnomon
