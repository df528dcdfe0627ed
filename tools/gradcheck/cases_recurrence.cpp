// Rows of the gradient table: recurrences, and the functions that their gates and features are made
// of.
#include "core/ops/add.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/fixed_recurrence.hpp"
#include "core/ops/halting.hpp"
#include "core/ops/momentum_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softmax_scan.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/sum_last.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {
namespace {

// Of three states.
const Array kStep({3, 3}, {0.5, -0.3, 0.2, 0.1, 0.7, -0.4, -0.2, 0.3, 0.6});
const Array kInto({3}, {1, -2, 0.5});

}  // namespace

std::vector<OpCase> recurrence_gradient_cases() {
  using V = const std::vector<Var>&;
  const auto momentum = [](size_t window) {
    return [window](V v) {
      return momentum_recurrence(v[0], v[1], v[2], {v[3], v[4], v[5]}, window);
    };
  };
  const auto momentum_inputs = [](size_t B, size_t N, size_t H, size_t C, size_t P) {
    const Shape keys{B, N, H * C}, rates{B, N, H};
    return std::vector<Shape>{keys, keys, {B, N, H * P}, rates, rates, rates};
  };
  return {
      {"elu1", [](V v) { return elu1(v[0]); }, {{3, 7}}},
      {"fixed_recurrence", [](V v) { return fixed_recurrence(v[0], kStep, kInto); }, {{2, 5, 2}}},
      {"fixed_recurrence added",
       [](V v) {
         const Var m = fixed_recurrence(v[0], kStep, kInto);
         return fixed_recurrence(add(m, fixed_recurrence(v[0], kStep, kInto)), kStep, kInto);
       },
       {{1, 4, 1}}},
      {.name = "halting",
       .op = [](V v) { return halting(v[0]).weight; },
       .inputs = {{2, 4, 6}},
       .low = 0.1,
       .high = 0.5},
      {.name = "halting weight and ponder, added",
       .op =
           [](V v) {
             const auto [weight, ponder] = halting(v[0], 0.1);
             return add(sum_last(weight), add(ponder, sum_last(halting(v[0]).weight)));
           },
       .inputs = {{3, 5}},
       .low = 0.1,
       .high = 0.5},
      {.name = "momentum_recurrence",
       .op = momentum(1),
       .inputs = momentum_inputs(2, 5, 2, 3, 2),
       .low = -0.9,
       .high = 0.9},
      {.name = "momentum_recurrence over 40 tokens",
       .op = momentum(1),
       .inputs = momentum_inputs(1, 40, 1, 2, 2),
       .low = 0.1,
       .high = 0.6},
      {.name = "momentum_recurrence of a window",
       .op = momentum(3),
       .inputs = momentum_inputs(2, 6, 2, 2, 5),
       .low = -0.7,
       .high = 0.7},
      {.name = "momentum_recurrence of itself, added",
       .op =
           [](V v) {
             const Var o = momentum_recurrence(v[0], v[0], v[0], {v[1], v[1], v[1]}, 2);
             return add(o, momentum_recurrence(v[0], v[0], o, {v[1], v[1], v[1]}));
           },
       .inputs = {{1, 4, 4}, {1, 4, 2}},
       .low = -0.9,
       .high = 0.9},
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
