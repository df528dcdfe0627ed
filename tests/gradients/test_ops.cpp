// The gradient table: complete, within tolerance, and able to fail.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "core/ops/gather_rows.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/straight_through.hpp"
#include "models/sequence_model.hpp"
#include "tools/gradcheck/cases.hpp"

using namespace gnomon;

namespace {

// softmax whose backward pass has the wrong sign before the mean.
Var softmax_flipped(const Var& x) {
  const Array y = softmax(x.value()).value();
  return record("softmax_flipped", y, {x}, [y](const Array& dy, Inputs in) {
    Array& dx = in.grad(0);
    const size_t K = y.shape().last();
    for (size_t r = 0; r < y.shape().rows(); ++r) {
      real mean = 0;
      for (size_t k = 0; k < K; ++k) mean += dy.row(r)[k] * y.row(r)[k];
      for (size_t k = 0; k < K; ++k) dx.row(r)[k] += y.row(r)[k] * (dy.row(r)[k] + mean);
    }
  });
}

// A gather whose backward pass keeps the last reader of a row only.
Var gather_losing(const Var& x, const Index& to) {
  return record("gather_losing", gather_rows(x.value(), to).value(), {x},
                [to](const Array& dy, Inputs in) {
                  Array& dx = in.grad(0);
                  for (size_t m = 0; m < to.size(); ++m)
                    if (to.data()[m] >= 0)
                      std::copy_n(dy.row(m), dy.shape().last(), dx.row(to.data()[m]));
                });
}

}  // namespace

TEST_CASE("backward equals finite differences") {
  for (const OpCase& c : gradient_cases()) {
    const GradcheckResult result = gradcheck(c);
    CAPTURE(c.name);
    CAPTURE(result.where);
    CHECK(result.worst < 1e-6);
  }
}

TEST_CASE("whole models: the slope of the loss along random directions") {
  const auto checks = model_checks();
  for (const std::string& model : registered_names<ModelKind>())
    CHECK(std::any_of(checks.begin(), checks.end(), [&](const ModelCheck& c) {
      return c.name.substr(0, c.name.find(' ')) == model;
    }));
  for (const ModelCheck& c : checks) {
    CAPTURE(c.name);
    CHECK(c.worst < 1e-6);
  }
}

TEST_CASE("every file in core/ops has a row in the gradient table, and every row a file") {
  std::set<std::string> files, rows;
  for (const auto& entry : std::filesystem::directory_iterator(GNOMON_SOURCE_DIR "/core/ops"))
    if (entry.path().extension() == ".hpp") files.insert(entry.path().stem());
  for (const OpCase& c : gradient_cases()) rows.insert(c.name.substr(0, c.name.find(' ')));
  for (const std::string& file : files) {
    CAPTURE(file);
    CHECK(rows.count(file) == 1);
  }
  for (const std::string& row : rows) {
    CAPTURE(row);
    CHECK(files.count(row) == 1);
  }
}

TEST_CASE("the rows of the gradient table have names of their own") {
  std::set<std::string> names;
  for (const OpCase& c : gradient_cases()) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
  }
}

TEST_CASE("gradcheck: wrong backward passes are caught") {
  using V = const std::vector<Var>&;
  const Index repeated({1, 5}, {0, 0, 2, -1, 2}), distinct({1, 5}, {4, 0, 2, -1, 1});
  const Shape x{1, 5, 3};
  const auto worst = [](const OpCase& c) { return gradcheck(c).worst; };
  CHECK(worst({"softmax", [](V v) { return softmax(v[0]); }, {{3, 7}}}) < 1e-6);
  CHECK(worst({"flipped", [](V v) { return softmax_flipped(v[0]); }, {{3, 7}}}) > 1e-2);
  CHECK(worst({"gather", [&](V v) { return gather_rows(v[0], repeated); }, {x}}) < 1e-6);
  CHECK(worst({"losing", [&](V v) { return gather_losing(v[0], repeated); }, {x}}) > 1e-2);
  // Without a repeated reader the same mistake cannot be seen: why the table repeats some.
  CHECK(worst({"losing", [&](V v) { return gather_losing(v[0], distinct); }, {x}}) < 1e-6);
}

TEST_CASE("straight_through: the gradient of its surrogate, not of itself") {
  using V = const std::vector<Var>&;
  const OpCase declared{"straight_through",
                        [](V v) {
                          return straight_through(softmax(v[0]), Index({3}, {1, 6, 0}));
                        },
                        {{3, 7}},
                        [](V v) { return softmax(v[0]); }};
  OpCase undeclared = declared;
  undeclared.surrogate = {};
  CHECK(gradcheck(declared).worst < 1e-6);
  CHECK(gradcheck(undeclared).worst > 1e-2);
}
