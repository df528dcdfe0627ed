// Rows of the gradient table: recurrences, and the functions that their gates and features are made
// of.
#include "core/ops/add.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softmax_scan.hpp"
#include "core/ops/softplus.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {

std::vector<OpCase> recurrence_gradient_cases() {
  using V = const std::vector<Var>&;
  return {
      {"elu1", [](V v) { return elu1(v[0]); }, {{3, 7}}},
      {"relu", [](V v) { return relu(v[0]); }, {{3, 7}}},
      {"silu", [](V v) { return silu(v[0]); }, {{3, 7}}},
      {"softmax_scan", [](V v) { return softmax_scan(v[0], v[1]); }, {{2, 5, 2}, {2, 5, 6}}},
      {"softmax_scan added twice",
       [](V v) { return add(softmax_scan(v[0], v[1]), softmax_scan(v[0], v[1])); },
       {{1, 4, 1}, {1, 4, 3}}},
      {"softplus", [](V v) { return softplus(v[0]); }, {{3, 7}}},
  };
}

}  // namespace gnomon
