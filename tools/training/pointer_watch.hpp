// Where the pointers of a training step go, layer by layer: what metrics.jsonl says of them. Looks
// only, so a step has the same bits with and without; O(B N H K), a small part of what it looks at.
#pragma once

#include <vector>

#include "nn/pointer/pointing.hpp"

namespace gnomon {

/// Hops shorter than this are local, the others far: as the paper counts them.
constexpr size_t kFarHop = 16;

/// Of one layer, over its heads and the tokens of the whole batch that point at something.
struct PointerSummary {
  size_t layer = 0;      ///< counted from 1, as passes: a shared layer counts again
  double mean_hop = 0;   ///< of i - to_i
  double self = 0;       ///< share of hops of 0
  double far = 0;        ///< share of hops of kFarHop and more
  double soft_hard = 0;  ///< mean probability that softmax(logits / temperature) gives to other
                         ///< targets than the hard choice: their total variation distance
};

class PointerWatch {
 public:
  /// Of a model of so many layers, or passes of a shared one.
  explicit PointerWatch(size_t layers);
  /// Sets context.watch: what passes from now on is added up. Must outlive the passes.
  void look_through(Context& context);
  /// What the parts of a batch add up: five numbers a layer.
  const std::vector<double>& sums() const { return sums_; }
  /// Of the layers that pointed at all, in their order.
  static std::vector<PointerSummary> summaries(const std::vector<double>& sums);

 private:
  std::vector<double> sums_;
};

}  // namespace gnomon
