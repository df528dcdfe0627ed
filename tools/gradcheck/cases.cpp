#include "tools/gradcheck/cases.hpp"

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/count_fit.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/dropout.hpp"
#include "core/ops/embedding.hpp"
#include "core/ops/exp.hpp"
#include "core/ops/gate.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/gathered_attention.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/gelu.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/log.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/logistic_noise.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_by.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/scatter_weights.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/shift_square.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/split_heads.hpp"
#include "core/ops/straight_through.hpp"
#include "core/ops/sum_last.hpp"
#include "core/ops/tree_recurrence.hpp"

namespace gnomon {
namespace {

// Readers that share a target, rows that nobody reads, and readers that read nothing (-1).
// Two batches of three tokens: shared by the heads [2,3,1,4], and one per head [2,3,2,2].
const Index kShared({2, 3, 1, 4}, {0, 0, 2,  -1, 1, 1, 1, 1, 0, 2, 2, -1,  //
                                   0, 0, -1, -1, 1, 1, 0, 0, 0, 0, 0, 0});
const Index kPerHead({2, 3, 2, 2}, {0, 0, 2,  -1, 1, 1, 1, 1, 0, 2, 2, -1,  //
                                    0, 0, -1, -1, 1, 1, 0, 0, 0, 0, 0, 0});
// Of kShared, slot 0 is not scored, and slot 1 is the choice to read nothing.
const Index kScored({2, 3, 1, 4}, {-1, 0, 2,  -1, -1, 1, 1, 1, -1, 2, 2, -1,  //
                                   -1, 0, -1, -1, -1, 1, 0, 0, -1, 0, 0, 0});
const Index kRead({2, 3, 1, 4}, {0, -1, 2,  -1, 1, -1, 1, 1, 0, -1, 2, -1,  //
                                 0, -1, -1, -1, 1, -1, 0, 0, 0, -1, 0, 0});
const Array kAllowed({2, 3, 1, 4}, {1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0,  //
                                    1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1});
// Earlier tokens only: some twice, some never.
const Index kEarlier({2, 4, 2}, {-1, -1, 0, -1, 0, 0, 1, 2,  //
                                 -1, -1, -1, 0, -1, -1, 1, 1});
// Of rows of numbers: which class is right, what is read, what is decided; -1: none.
const Index kClasses({2, 3}, {4, -1, 0, 2, 2, -1}), kTokens({2, 3}, {0, 3, 3, 1, 0, 3});
const Index kSome({3}, {4, -1, 0}), kOthers({3}, {-1, 3, 3}), kColumns({4}, {2, 0, 2, 1});
const Index kRows({1, 5}, {0, 0, 2, -1, 2}), kDecided({3}, {2, -1, 6});
const Index kWithoutHeads = kShared.reshaped({2, 3, 4});

/// The same in every call, as differences need.
Random& fresh_noise() {
  static Random noise(7);
  return noise = Random(7);
}

Targets to_three_rows(const Index& to) { return Targets(to, 2, 3, "gradcheck: to"); }

}  // namespace

std::vector<OpCase> gradient_cases() {
  using V = const std::vector<Var>&;
  std::vector<OpCase> cases{
      {"add", [](V v) { return add(v[0], v[1]); }, {{2, 3}, {2, 3}}},
      {"add to itself", [](V v) { return add(v[0], v[0]); }, {{2, 3}}},
      {"affine", [](V v) { return affine(v[0], v[1], v[2]); }, {{2, 3, 4}, {5, 4}, {5}}},
      {"affine no bias", [](V v) { return affine(v[0], v[1]); }, {{3, 4}, {5, 4}}},
      {"affine of itself", [](V v) { return affine(v[0], v[0]); }, {{3, 4}}},
      {"affine several weights",
       [](V v) {
         return concat(affine_all(v[0], {{v[1], v[2], 3}, {v[3]}, {v[4], v[5]}}), 2);
       },
       {{2, 3, 4}, {6, 4}, {6}, {3, 4}, {1, 4}, {1}}},
      {"affine several weights, some unused",
       [](V v) {
         const auto y = affine_all(v[0], {{v[1], v[2], 3}, {v[3], v[4]}});
         return mul(y[0], y[2]);
       },
       {{3, 4}, {6, 4}, {6}, {5, 4}, {5}}},
      {"affine one weight and one bias twice",
       [](V v) {
         return concat(affine_all(v[0], {{v[1], v[2]}, {v[1], v[2]}, {v[3], v[2]}}), 1);
       },
       {{3, 4}, {5, 4}, {5}, {5, 4}}},
      {"concat",
       [](V v) {
         return concat({v[0], v[1], v[0]}, 1);
       },
       {{2, 3, 2}, {2, 1, 2}}},
      {"concat last axis",
       [](V v) {
         return concat({v[0], v[1]}, 1);
       },
       {{3, 17}, {3, 2}}},
      {"cross_entropy", [](V v) { return cross_entropy(v[0], kClasses); }, {{2, 3, 5}}},
      {"cross_entropy added",
       [](V v) { return add(cross_entropy(v[0], kSome), cross_entropy(v[0], kOthers)); },
       {{3, 19}}},
      {"dropout", [](V v) { return dropout(v[0], 0.4, fresh_noise()); }, {{3, 19}}},
      {"embedding", [](V v) { return embedding(v[0], kTokens); }, {{5, 3}}},
      {"exp", [](V v) { return exp(v[0]); }, {{3, 7}}},
      {"gather_rows", [](V v) { return gather_rows(v[0], kRows); }, {{1, 5, 3}}},
      {"gate", [](V v) { return gate(v[0], v[1], v[2]); }, {{3, 7}, {3, 7}, {3, 7}}},
      {"gate of itself", [](V v) { return gate(v[0], v[0], v[0]); }, {{3, 7}}},
      {"gathered_attention",
       [](V v) {
         return gathered_attention(v[0], v[1], v[2], v[3], {kShared, kShared, kShared}, 0.5, 0.7);
       },
       {{2, 3, 10}, {2, 3, 10}, {2, 3, 10}, {2, 3, 2, 4}}},
      {"gathered_attention per head",
       [](V v) {
         return gathered_attention(v[0], v[1], v[2], v[3], {kPerHead, kPerHead, kPerHead}, 0.5);
       },
       {{2, 3, 8}, {2, 3, 8}, {2, 3, 8}, {2, 3, 2, 2}}},
      {"gathered_attention with slots that are not scored, or read nothing",
       [](V v) {
         return gathered_attention(v[0], v[1], v[2], v[3], {kShared, kScored, kRead}, 0.5);
       },
       {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}, {2, 3, 2, 4}}},
      {"gathered_attention of more keys than queries",
       [](V v) {
         return gathered_attention(v[0], v[1], v[2], v[3], {kShared, kShared, kShared}, 0.5, 0.7);
       },
       {{2, 3, 4}, {2, 5, 4}, {2, 5, 4}, {2, 3, 2, 4}}},
      {"count_fit",
       [](V v) { return count_fit(exp(v[0]), v[1], v[2], v[3], kPerHead); },
       {{2, 3, 2}, {2, 3, 2}, {2, 3, 2}, {1, 1}}},
      {"gathered_dot",
       [](V v) { return gathered_dot(v[0], v[1], to_three_rows(kShared), 2, 0.5); },
       {{2, 3, 6}, {2, 3, 6}}},
      {"gathered_dot per head",
       [](V v) { return gathered_dot(v[0], v[1], to_three_rows(kPerHead), 2, 0.5); },
       {{2, 3, 6}, {2, 3, 6}}},
      {"gathered_sum",
       [](V v) { return gathered_sum(v[0], v[1], to_three_rows(kShared)); },
       {{2, 3, 2, 4}, {2, 3, 6}}},
      {"gathered_sum per head",
       [](V v) { return gathered_sum(v[0], v[1], to_three_rows(kPerHead)); },
       {{2, 3, 2, 2}, {2, 3, 6}}},
      {"gelu", [](V v) { return gelu(v[0]); }, {{3, 19}}},
      {"gumbel", [](V v) { return gumbel(v[0], fresh_noise()); }, {{3, 7}}},
      {"layer_norm", [](V v) { return layer_norm(v[0], v[1], v[2]); }, {{2, 3, 19}, {19}, {19}}},
      {"layer_norm added",
       [](V v) { return add(v[0], layer_norm(v[0], v[1], v[1])); },
       {{70, 3}, {3}}},
      {"log", [](V v) { return log(v[0]); }, {{3, 7}}, {}, 0.5, 2},
      {"logistic_noise", [](V v) { return logistic_noise(v[0], fresh_noise()); }, {{3, 7}}},
      {"log_softmax", [](V v) { return log_softmax(v[0]); }, {{3, 19}}},
      // The masked entries, enormous by design, are multiplied by 0.
      {"log_softmax masked",
       [](V v) { return mul(log_softmax(v[0], kShared), kAllowed); },
       {{2, 3, 1, 4}}},
      {"matmul", [](V v) { return matmul(v[0], v[1]); }, {{2, 2, 3, 4}, {2, 2, 4, 5}}},
      {"matmul transposed a", [](V v) { return matmul(v[0], v[1], true); }, {{2, 4, 3}, {2, 4, 5}}},
      {"matmul transposed b",
       [](V v) { return matmul(v[0], v[1], false, true); },
       {{2, 3, 4}, {2, 5, 4}}},
      {"matmul transposed both",
       [](V v) { return matmul(v[0], v[1], true, true); },
       {{4, 3}, {5, 4}}},
      {"matmul by itself", [](V v) { return matmul(v[0], v[0]); }, {{2, 3, 3}}},
      {"mul", [](V v) { return mul(v[0], v[1]); }, {{3, 7}, {3, 7}}},
      {"mul by itself", [](V v) { return mul(v[0], v[0]); }, {{3, 7}}},
      {"prefix_sum", [](V v) { return prefix_sum(v[0]); }, {{2, 5, 3}}},
      {"prefix_sum of many columns", [](V v) { return prefix_sum(v[0]); }, {{2, 3, 18}}},
      {"prefix_sum added",
       [](V v) { return mul(prefix_sum(v[0]), prefix_sum(mul(v[0], v[0]))); },
       {{1, 4, 2}}},
      {"reshape",
       [](V v) {
         return reshape(v[0], Shape{3, 4});
       },
       {{2, 6}}},
      {"rms_norm", [](V v) { return rms_norm(v[0], v[1]); }, {{2, 3, 19}, {19}}},
      {"rms_norm added", [](V v) { return add(v[0], rms_norm(v[0], v[1])); }, {{70, 3}, {3}}},
      {"scale", [](V v) { return scale(v[0], real(-0.3)); }, {{3, 7}}},
      {"scale_by", [](V v) { return scale_by(v[0], v[1]); }, {{3, 7}, {1, 1}}},
      {"scale_by itself", [](V v) { return scale_by(v[0], v[0]); }, {{1}}},
      {"scale_rows", [](V v) { return scale_rows(v[0], v[1]); }, {{2, 3, 19}, {2, 3}}},
      {"scale_rows added",
       [](V v) { return scale_rows(v[0], sum_last(mul(v[0], v[0]))); },
       {{2, 3, 5}}},
      {"scatter_weights", [](V v) { return scatter_weights(v[0], kWithoutHeads); }, {{2, 3, 4}}},
      {"select_columns", [](V v) { return select_columns(v[0], kColumns); }, {{2, 3, 5}}},
      {"shift_square", [](V v) { return shift_square(v[0], 1, 1); }, {{2, 5, 5}}},
      {"shift_square columns",
       [](V v) { return mul(v[0], shift_square(v[0], 0, 2)); },
       {{2, 5, 5}}},
      {"sigmoid", [](V v) { return sigmoid(v[0]); }, {{3, 7}}},
      {"slice", [](V v) { return mul(slice(v[0], 1, 1, 3), slice(v[0], 1, 0, 2)); }, {{2, 4, 3}}},
      {"softmax", [](V v) { return softmax(v[0], {}, real(0.7)); }, {{3, 19}}},
      {"softmax masked", [](V v) { return softmax(v[0], kShared); }, {{2, 3, 2, 4}}},
      {"split_heads", [](V v) { return split_heads(v[0], 3); }, {{2, 4, 6}}},
      {"split_heads merged", [](V v) { return merge_heads(v[0]); }, {{2, 3, 4, 2}}},
      {"straight_through",
       [](V v) { return straight_through(v[0], kDecided); },
       {{3, 7}},
       [](V v) { return v[0]; }},
      {"sum_last", [](V v) { return sum_last(v[0]); }, {{2, 3, 19}}},
      {"sum_last added",
       [](V v) { return mul(sum_last(v[0]), sum_last(mul(v[0], v[0]))); },
       {{3, 5}}},
      {"tree_recurrence",
       [](V v) {
         return tree_recurrence(v[0], kEarlier, {v[1], v[2], v[3]});
       },
       {{2, 4, 5}, {5, 6}, {12, 5}, {12}}},
  };
  for (auto* const part : {attention_gradient_cases, recurrence_gradient_cases})
    for (OpCase& c : part()) cases.push_back(std::move(c));
  std::stable_sort(cases.begin(), cases.end(),
                   [](const OpCase& a, const OpCase& b) { return a.name < b.name; });
  return cases;
}

}  // namespace gnomon
