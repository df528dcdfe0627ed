// A table with one learned row for every symbol (or every position).
#pragma once

#include "core/ops/embedding.hpp"
#include "nn/module.hpp"

namespace gnomon {

/// Parameter: weight [V,D].
class Embedding final : public Module {
 public:
  /// Every number starts as normal(0, deviation); 1 is PyTorch's nn.Embedding.
  Embedding(size_t vocabulary, size_t width, double deviation = 1)
      : weight_(param("weight", {vocabulary, width}, init::normal(deviation))) {}

  /// tokens [...] in [0,V) -> [...,D]
  Var operator()(const Index& tokens) const { return embedding(weight_, tokens); }
  /// [V,D], for a head that is tied to the table.
  const Var& weight() const { return weight_; }

 private:
  const Var& weight_;
};

}  // namespace gnomon
