// A batch cut in S parts of consecutive sequences, each with a tape of its own: less memory, and
// work for several machines. The loss is the mean over the scored tokens of the whole batch:
//
//   loss = sum_p m_p/m loss_p     gradient = sum_p m_p/m d loss_p     m_p of the m tokens scored
//
// (A mean of the parts' means would weigh tokens by who their neighbours are.) Both sums go up a
// binary tree over the parts, ((0 + 1) + (2 + 3)) + ..., so that S decides the bits, and never who
// did which part.
#pragma once

#include "tasks/batch.hpp"

namespace gnomon {

/// Sequences p B/S to (p + 1) B/S - 1, padded as the whole batch is. S divides B.
Batch part_of(const Batch& batch, size_t p, size_t shards);

/// How many tokens have a target.
size_t scored_tokens(const Batch& batch);

/// Of one part, or of all parts of a branch.
struct Sums {
  double loss = 0;               ///< in nats, over the scored tokens
  double scored = 0, right = 0;  ///< tokens; how many of them were predicted
  std::vector<double> pointers;  ///< where they go: pointer_watch.hpp
  Array gradient;                ///< all parameters' numbers, one after the other; empty: not kept
  Sums& operator+=(const Sums& other);
};

/// x[0..n) += y[0..n), in parallel.
void add_to(real* x, const real* y, size_t n);

/// leaf(first) + ... + leaf(first + count - 1), as a binary tree; count is a power of two.
template <class Leaf>
Sums sum_of_branch(size_t first, size_t count, const Leaf& leaf) {
  if (count == 1) return leaf(first);
  Sums sum = sum_of_branch(first, count / 2, leaf);
  return sum += sum_of_branch(first + count / 2, count / 2, leaf);
}

}  // namespace gnomon
