// What the ops refuse, and what they say then: op, argument, what was expected, what came.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/ops/dropout.hpp"
#include "core/ops/embedding.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/log_softmax.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/split_heads.hpp"
#include "core/ops/straight_through.hpp"
#include "core/ops/sum_last.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {
Var x(Shape shape) { return zeros(shape); }
}  // namespace

#define SAYS(call, ...) CHECK(sentence([&] { call; }) == __VA_ARGS__)

TEST_CASE("ops: shapes that do not fit") {
  SAYS(add(x({2, 3}), x({3})), "add: b: expected shape [2,3], got [3]");
  SAYS(mul(x({2}), x({2, 1})), "mul: b: expected shape [2], got [2,1]");
  SAYS(affine(x({2, 3}), x({5, 4})),
       "affine: x [...,I]: expected I = 4 as in w [5,4], got shape [2,3]");
  SAYS(affine(x({2, 4}), x({5, 4}), x({4})), "affine: b [O]: expected shape [5], got [4]");
  SAYS(affine_all(x({2, 4}), {{x({5, 4})}, {x({5, 3})}}),
       "affine: x [...,I]: expected I = 3 as in w [5,3], got shape [2,4]");
  SAYS(affine_all(x({2, 4}), {{x({6, 4}), x({2}), 3}}),
       "affine: b [O]: expected shape [6], got [2]");
  for (const size_t parts : {0, 4})
    SAYS(affine_all(x({2, 4}), {{x({6, 4}), {}, parts}}),
         fmt::format("affine: parts: expected a divisor of the 6 rows of w, got {}", parts));
  SAYS(matmul(x({2, 3, 4}), x({3, 4, 5})),
       "matmul: a [..,M,K], b [..,K,N]: expected equal leading axes, got [2,3,4] and [3,4,5]");
  SAYS(matmul(x({3}), x({3})),
       "matmul: a [..,M,K], b [..,K,N]: expected equal leading axes, got [3] and [3]");
  SAYS(matmul(x({3, 4}), x({5, 4})),
       "matmul: a [..,M,K], b [..,K,N]: expected K = 4 as in a [3,4], got K = 5 in b [5,4]");
  SAYS(layer_norm(x({2, 3}), x({2}), x({3})), "layer_norm: gain [D]: expected shape [3], got [2]");
  SAYS(layer_norm(x({2, 3}), x({3}), x({1, 3})),
       "layer_norm: bias [D]: expected shape [3], got [1,3]");
  SAYS(rms_norm(x({2, 3}), x({2})), "rms_norm: gain [D]: expected shape [3], got [2]");
  SAYS(rms_norm(x({}), x({1})), "rms_norm: x [...,D]: expected at least one axis, got shape []");
  SAYS(sum_last(x({})), "sum_last: x [...,K]: expected at least one axis, got shape []");
  SAYS(reshape(x({2, 3}), {4}), "reshape: expected 6 elements as in [2,3], got shape [4]");
  SAYS(split_heads(x({1, 2, 6}), 4), "split_heads: heads: expected a divisor of D = 6, got H = 4");
  SAYS(split_heads(x({1, 2, 6}), 0), "split_heads: heads: expected a divisor of D = 6, got H = 0");
  SAYS(split_heads(x({2, 6}), 2), "split_heads: x [B,N,D]: expected 3 axes, got shape [2,6]");
  SAYS(merge_heads(x({2, 6})), "merge_heads: x [B,H,N,C]: expected 4 axes, got shape [2,6]");
  SAYS(concat({}, 0), "concat: inputs: expected at least one array, got none");
  SAYS(concat({x({2, 3}), x({2, 4})}, 0),
       "concat: inputs (equal but for the axis): expected shape [2,3], got [2,4]");
  SAYS(concat({x({2, 3}), x({3})}, 0),
       "concat: inputs (equal but for the axis): expected shape [2,3], got [3]");
  SAYS(concat({x({2, 3})}, 2), "concat: axis: expected an axis of shape [2,3], got 2");
  SAYS(slice(x({2, 3}), 2, 0, 1), "slice: axis: expected an axis of shape [2,3], got 2");
  SAYS(slice(x({2, 3}), 1, 2, 4),
       "slice: [begin,end): expected a part of [0,3) with at least one element, got [2,4)");
  SAYS(slice(x({2, 3}), 1, 2, 2),
       "slice: [begin,end): expected a part of [0,3) with at least one element, got [2,2)");
  SAYS(softmax(x({4, 3}), Index({3, 3}, 0)),
       "softmax: mask [...,K]: expected K = 3 and a divisor of 4 rows, got shape [3,3]");
  SAYS(log_softmax(x({4, 3}), Index({4, 2}, 0)),
       "log_softmax: mask [...,K]: expected K = 3 and a divisor of 4 rows, got shape [4,2]");
  SAYS(cross_entropy(x({2, 3, 5}), Index({6}, 0)),
       "cross_entropy: targets [...]: expected shape [2,3], got [6]");
  SAYS(gather_rows(x({2, 3, 5}), Index({1, 3}, 0)), "gather_rows: to [B,M]: expected B = 2, got 1");
  SAYS(select_columns(x({2, 3}), Index({1, 1}, 0)),
       "select_columns: columns [K]: expected 1 axes, got shape [1,1]");
  const Targets to(Index({1, 2, 3, 4}, 0), 1, 2, "to");
  SAYS(gathered_dot(x({1, 2, 6}), x({1, 2, 6}), to, 2, 1),
       "gathered_dot: expected D divisible by H and G = 1 or H, got D = 6, H = 2, G = 3");
  SAYS(gathered_sum(x({1, 2, 2, 4}), x({1, 2, 6}), to),
       "gathered_sum: expected D divisible by H and G = 1 or H, got D = 6, H = 2, G = 3");
}

TEST_CASE("ops: an index that points outside") {
  SAYS(embedding(x({5, 2}), Index({2, 2}, {0, 4, 5, 0})),
       "embedding: tokens [...]: expected values in [0,5), got 5 at element 2 of shape [2,2]");
  SAYS(embedding(x({5, 2}), Index({1}, -1)),
       "embedding: tokens [...]: expected values in [0,5), got -1 at element 0 of shape [1]");
  SAYS(cross_entropy(x({2, 5}), Index({2}, {-2, 0})),
       "cross_entropy: targets [...]: expected values in [-1,5), got -2 at element 0 of shape [2]");
  SAYS(cross_entropy(x({2, 5}), Index({2}, {-1, 5})),
       "cross_entropy: targets [...]: expected values in [-1,5), got 5 at element 1 of shape [2]");
  SAYS(gather_rows(x({1, 5, 2}), Index({1, 2}, {5, 0})),
       "gather_rows: to [B,M]: expected values in [-1,5), got 5 at element 0 of shape [1,2]");
  SAYS(select_columns(x({2, 3}), Index({2}, {0, 3})),
       "select_columns: columns [K]: expected values in [0,3), got 3 at element 1 of shape [2]");
  SAYS(select_columns(x({2, 3}), Index({1}, -1)),
       "select_columns: columns [K]: expected values in [0,3), got -1 at element 0 of shape [1]");
}

TEST_CASE("ops: numbers that make no sense") {
  Random random(1);
  SAYS(dropout(x({2}), 1, random), "dropout: rate: expected a number in [0,1), got 1");
  SAYS(dropout(x({2}), -0.5, random), "dropout: rate: expected a number in [0,1), got -0.5");
  SAYS(dropout(x({2}), std::nan(""), random), "dropout: rate: expected a number in [0,1), got nan");
  SAYS(softmax(x({2}), {}, 0), "softmax: tau: expected a positive temperature, got 0");
  SAYS(softmax(x({2}), {}, std::nanf("")),
       "softmax: tau: expected a positive temperature, got nan");
  SAYS(cross_entropy(x({2, 5}), Index({2}, -1)),
       "cross_entropy: targets [...]: expected at least one scored row, got 2 times -1");
  const Array nan({2, 3}, {0, 1, 2, 3, std::nanf(""), 5});
  const auto decide = [&] { argmax(nan); };
  CHECK(sentence(decide) == "argmax: x [2,3]: element 1 of row 1 is not a number");
  CHECK(fault_of(decide) == Fault::diverged);
  SAYS(straight_through(nan, Index({3}, 0)),
       "straight_through: chosen [...]: expected one for each row of p [2,3], got shape [3]");
}
