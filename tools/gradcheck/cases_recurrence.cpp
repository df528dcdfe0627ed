// Rows of the gradient table: recurrences, and the functions that their gates and features are made
// of.
#include "core/ops/add.hpp"
#include "core/ops/divide_by_last.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/relu.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/signed_power.hpp"
#include "core/ops/silu.hpp"
#include "core/ops/softplus.hpp"
#include "core/ops/tanh.hpp"
#include "core/ops/taylor_features.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {
namespace {

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
  return {
      {"divide_by_last", [](V v) { return divide_by_last(v[0], 0.5); }, {{2, 3, 19}}, {}, 0.5, 2},
      {"divide_by_last added",
       [](V v) { return add(divide_by_last(v[0], 0.5), divide_by_last(v[0], 1)); },
       {{3, 4}},
       {},
       0.5,
       2},
      {"elu1", [](V v) { return elu1(v[0]); }, {{3, 7}}},
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
      {"softplus", [](V v) { return softplus(v[0]); }, {{3, 7}}},
      {"tanh", [](V v) { return tanh(v[0]); }, {{3, 7}}},
      {"taylor_features", [](V v) { return taylor_features(v[0]); }, {{2, 3, 11}}},
      {"taylor_features of one number", [](V v) { return taylor_features(v[0]); }, {{3, 1}}},
  };
}

}  // namespace gnomon
