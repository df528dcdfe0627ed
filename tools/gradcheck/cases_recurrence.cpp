// Rows of the gradient table: recurrences, and the functions that their gates and features are made
// of.
#include "core/ops/add.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/linear_recurrence.hpp"
#include "core/ops/mode_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/selective_scan.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softplus.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {
namespace {

/// u, dt, A, in, out and perhaps skip, of any signs: the steps are made positive, the rates
/// negative.
Var scan(const std::vector<Var>& v, ScanState* state = nullptr) {
  return selective_scan(v[0], softplus(v[1]), scale(exp(v[2]), -1), v[3], v[4],
                        v.size() > 5 ? v[5] : Var(), state);
}

Var filter(const std::vector<Var>& v, ModeState* state = nullptr) {
  return mode_recurrence(v[0], {v[1], v[2], v[3], v[4], v[5], v[6]}, state);
}

Var walk(const Var& u, std::vector<std::vector<real>>* state = nullptr) {
  const Array A({3, 3}, {real(0.5), -1, real(0.25), 1, real(0.5), 0, real(-0.5), 2, real(0.75)});
  return linear_recurrence(u, A, Array({3}, {1, -1, real(0.5)}), state);
}

}  // namespace

std::vector<OpCase> recurrence_gradient_cases() {
  using V = const std::vector<Var>&;
  return {
      {"elu1", [](V v) { return elu1(v[0]); }, {{3, 7}}},
      {"linear_recurrence", [](V v) { return walk(v[0]); }, {{6, 5}}},
      {"linear_recurrence after a state, added",
       [](V v) {
         std::vector<std::vector<real>> state{{1, -2, 3}};
         return add(walk(v[0], &state), walk(v[0]));
       },
       {{1, 4}}},
      {"mode_recurrence",
       [](V v) { return filter(v); },
       {{2, 5, 3}, {3}, {9}, {9}, {3, 3}, {3, 3}, {3}}},
      {"mode_recurrence in blocks and slices",
       [](V v) { return filter(v); },
       {{1, 67, 18}, {18}, {36}, {36}, {18, 2}, {18, 2}, {18}}},
      {"mode_recurrence after a state",
       [](V v) {
         ModeState state{{1, -2, 3, -4, 5, -6, 7, -8}};
         return filter(v, &state);
       },
       {{1, 66, 2}, {2}, {4}, {4}, {2, 2}, {2, 2}, {2}}},
      {"mode_recurrence of the same twice",
       [](V v) {
         const std::vector<Var> all{v[0], v[1], v[2], v[2], v[3], v[3], v[1]};
         return add(filter(all), filter(all));
       },
       {{2, 4, 2}, {2}, {4}, {2, 2}}},
      {"relu", [](V v) { return relu(v[0]); }, {{3, 7}}},
      {"selective_scan",
       [](V v) { return scan(v); },
       {{2, 19, 3}, {2, 19, 3}, {3, 5}, {2, 19, 5}, {2, 19, 5}}},
      {"selective_scan with a skip, in several slices",
       [](V v) { return scan(v); },
       {{2, 3, 18}, {2, 3, 18}, {18, 2}, {2, 3, 2}, {2, 3, 2}, {18}}},
      {"selective_scan after a state",
       [](V v) {
         ScanState state{{1, -2, 3, -4}};
         return scan(v, &state);
       },
       {{1, 18, 2}, {1, 18, 2}, {2, 2}, {1, 18, 2}, {1, 18, 2}}},
      {"selective_scan of the same twice",
       [](V v) {
         return add(scan({v[0], v[0], v[1], v[2], v[2], v[3]}),
                    scan({v[0], v[0], v[1], v[2], v[2], v[3]}));
       },
       {{2, 4, 2}, {2, 3}, {2, 4, 3}, {2}}},
      {"silu", [](V v) { return silu(v[0]); }, {{3, 7}}},
      {"softplus", [](V v) { return softplus(v[0]); }, {{3, 7}}},
  };
}

}  // namespace gnomon
