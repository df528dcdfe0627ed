// Rows of the gradient table: recurrences, and the functions that their gates and features are made
// of.
#include "core/ops/add.hpp"
#include "core/ops/divide_by_last.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/fixed_recurrence.hpp"
#include "core/ops/halting.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mode_recurrence.hpp"
#include "core/ops/momentum_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_columns.hpp"
#include "core/ops/selective_scan.hpp"
#include "core/ops/signed_power.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softmax_scan.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/sum_last.hpp"
#include "core/ops/tanh.hpp"
#include "core/ops/taylor_features.hpp"
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
// Of three states.
const Array kStep({3, 3}, {0.5, -0.3, 0.2, 0.1, 0.7, -0.4, -0.2, 0.3, 0.6});
const Array kInto({3}, {1, -2, 0.5});

/// Two heads of C = 3 and P = 2 (or `wide`: more columns than registers take at once), two
/// sequences of five tokens; log w of so many numbers a token, if any.
OpCase matrices(const char* variation, size_t fading, size_t removing, bool wide = false) {
  const Shape of_q{2, 5, 6}, of_v{2, 5, wide ? size_t{2 * 43} : 4}, of_w{2, 5, fading};
  std::vector<Shape> inputs{of_q, of_q, of_v};
  if (fading > 0) inputs.push_back(of_w);
  inputs.insert(inputs.end(), removing, of_q);
  return {fmt::format("matrix_recurrence {}", variation),
          [=](const std::vector<Var>& v) {
            const size_t next = fading > 0 ? 4 : 3;
            MatrixSteps x{.q = v[0], .k = v[1], .v = v[2]};
            if (fading > 0) x.log_w = v[3];
            if (removing > 0) x.e = v[next];
            if (removing > 1) x.b = v[next + 1];
            return matrix_recurrence(x, 2);
          },
          inputs};
}

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
      {"divide_by_last", [](V v) { return divide_by_last(v[0], 0.5); }, {{2, 3, 19}}, {}, 0.5, 2},
      {"divide_by_last added",
       [](V v) { return add(divide_by_last(v[0], 0.5), divide_by_last(v[0], 1)); },
       {{3, 4}},
       {},
       0.5,
       2},
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
      {"scale_columns", [](V v) { return scale_columns(v[0], v[1]); }, {{2, 4, 3}, {3}}},
      {"scale_columns and a sum",
       [](V v) { return scale_columns(v[0], v[1], v[1]); },
       {{2, 4, 3}, {3}}},
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
      matrices("keeping all", 0, 0),
      matrices("heads fade", 2, 0),
      matrices("channels fade", 6, 0),
      matrices("removal at k", 0, 1),
      matrices("removal at k, heads fade", 2, 1),
      matrices("removal at k, channels fade", 6, 1),
      matrices("removal at b", 0, 2),
      matrices("removal at b, heads fade", 2, 2),
      matrices("removal at b, channels fade", 6, 2),
      matrices("many columns", 6, 0, true),
      matrices("many columns, removal at k", 0, 1, true),
      matrices("many columns, removal at b", 2, 2, true),
      {"matrix_recurrence many channels",
       [](V v) {
         return matrix_recurrence(
             {.q = v[0], .k = v[1], .v = v[2], .log_w = v[3], .e = v[4], .b = v[5]}, 1);
       },
       {{1, 4, 19}, {1, 4, 19}, {1, 4, 3}, {1, 4, 19}, {1, 4, 19}, {1, 4, 19}},
       {},
       -0.5,
       0.5},
      {"matrix_recurrence shared q and k",
       [](V v) {
         return matrix_recurrence({.q = v[0], .k = v[1], .v = v[2], .log_w = v[3], .shared = true},
                                  2);
       },
       {{2, 5, 3}, {2, 5, 3}, {2, 5, 4}, {2, 5, 2}}},
      {"matrix_recurrence shared q and k, of itself",
       [](V v) { return matrix_recurrence({.q = v[0], .k = v[0], .v = v[1], .shared = true}, 2); },
       {{2, 5, 3}, {2, 5, 4}}},
      {"matrix_recurrence of itself",
       [](V v) {
         const Var x = scale(v[0], 0.5);
         return matrix_recurrence({.q = x, .k = x, .v = x, .log_w = x, .e = x, .b = x}, 2);
       },
       {{2, 4, 6}}},
      {"matrix_recurrence with constants beside",
       [](V v) {
         const Array fixed = Random(3).normal({1, 5, 4});
         return matrix_recurrence({.q = fixed, .k = v[0], .v = fixed, .log_w = fixed, .e = fixed},
                                  2);
       },
       {{1, 5, 4}}},
      {"relu", [](V v) { return relu(v[0]); }, {{3, 7}}},
      {"signed_power",
       [](V v) {
         return signed_power(v[0], add(softplus(v[1]), Array({2, 3}, 2)));
       },
       {{2, 3, 19}, {2, 3}}},
      {"silu", [](V v) { return silu(v[0]); }, {{3, 7}}},
      {"softmax_scan", [](V v) { return softmax_scan(v[0], v[1]); }, {{2, 5, 2}, {2, 5, 6}}},
      {"softmax_scan added twice",
       [](V v) { return add(softmax_scan(v[0], v[1]), softmax_scan(v[0], v[1])); },
       {{1, 4, 1}, {1, 4, 3}}},
      {"softplus", [](V v) { return softplus(v[0]); }, {{3, 7}}},
      {"tanh", [](V v) { return tanh(v[0]); }, {{3, 7}}},
      {"taylor_features", [](V v) { return taylor_features(v[0]); }, {{2, 3, 11}}},
      {"taylor_features of one number", [](V v) { return taylor_features(v[0]); }, {{3, 1}}},
  };
}

}  // namespace gnomon
