#include <iostream>

#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/softmax.hpp"
#include "core/random.hpp"
using namespace gnomon;

int main() {  // B = 1 sequence, N = 4 tokens, D = 8, H = 1 head, K = 2 candidates for each token
  const Var x = variable(Random(1).normal({1, 4, 8}));
  const Targets to(Index({1, 4, 1, 2}, {0, -1, 1, 0, 2, 0, 3, 1}), 1, 4, "candidates");

  Tape tape;                                               // from here on, ops are recorded
  const Var score = gathered_dot(x, x, to, 1, real{0.5});  // s[n,k] = 0.5 x[n] . x[to[n,k]]
  const Var weight = softmax(score, to.index());
  const Var read = gathered_sum(weight, x, to);  // token n reads the tokens that it points at
  tape.backward(read, ones(read.shape()));       // x.grad() is now there
  tape.print(std::cout);
}
