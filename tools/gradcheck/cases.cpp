#include "tools/gradcheck/cases.hpp"

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/softmax.hpp"

namespace gnomon {
namespace {

// Readers that share a target, rows that nobody reads, and readers that read nothing (-1).
// Two batches of three tokens: shared by the heads [2,3,1,4], and one per head [2,3,2,2].
const Index kShared({2, 3, 1, 4}, {0, 0, 2, -1, 1, 1, 1, 1, 0, 2, 2, -1,  //
                                   0, 0, -1, -1, 1, 1, 0, 0, 0, 0, 0, 0});
const Index kPerHead({2, 3, 2, 2}, {0, 0, 2, -1, 1, 1, 1, 1, 0, 2, 2, -1,  //
                                    0, 0, -1, -1, 1, 1, 0, 0, 0, 0, 0, 0});
Targets to_three_rows(const Index& to) { return Targets(to, 2, 3, "gradcheck: to"); }

}  // namespace

std::vector<OpCase> gradient_cases() {
  using V = const std::vector<Var>&;
  return {
      {"add", [](V v) { return add(v[0], v[1]); }, {{2, 3}, {2, 3}}},
      {"add to itself", [](V v) { return add(v[0], v[0]); }, {{2, 3}}},
      {"affine", [](V v) { return affine(v[0], v[1], v[2]); }, {{2, 3, 4}, {5, 4}, {5}}},
      {"affine no bias", [](V v) { return affine(v[0], v[1]); }, {{3, 4}, {5, 4}}},
      {"gather_rows", [](V v) { return gather_rows(v[0], Index({1, 5}, {0, 0, 2, -1, 2})); }, {{1, 5, 3}}},
      {"gathered_dot", [](V v) { return gathered_dot(v[0], v[1], to_three_rows(kShared), 2, 0.5); },
       {{2, 3, 6}, {2, 3, 6}}},
      {"gathered_dot per head",
       [](V v) { return gathered_dot(v[0], v[1], to_three_rows(kPerHead), 2, 0.5); },
       {{2, 3, 6}, {2, 3, 6}}},
      {"gathered_sum", [](V v) { return gathered_sum(v[0], v[1], to_three_rows(kShared)); },
       {{2, 3, 2, 4}, {2, 3, 6}}},
      {"gathered_sum per head", [](V v) { return gathered_sum(v[0], v[1], to_three_rows(kPerHead)); },
       {{2, 3, 2, 2}, {2, 3, 6}}},
      {"softmax", [](V v) { return softmax(v[0], {}, real(0.7)); }, {{3, 19}}},
      {"softmax masked", [](V v) { return softmax(v[0], kShared); }, {{2, 3, 2, 4}}},
  };
}

}  // namespace gnomon
