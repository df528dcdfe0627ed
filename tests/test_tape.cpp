#include <doctest/doctest.h>

#include "core/ops/add.hpp"

using namespace gnomon;

TEST_CASE("tape: one array handed to two inputs is not shared once somebody adds to it") {
  Var a = variable(ones({2})), b = variable(ones({2}));
  Tape tape;
  const Var y = add(add(a, b), a);  // dy/da = 2, dy/db = 1
  tape.backward(y, ones({2}));
  CHECK(a.grad()(0) == 2);
  CHECK(b.grad()(0) == 1);
}
