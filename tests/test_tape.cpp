#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "core/counters.hpp"
#include "core/ops/add.hpp"
#include "core/tape.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

/// y = a b, elementwise: written here so that these tests know exactly what it keeps.
Var times(const Var& a, const Var& b) {
  Array y = simd::mapped([](auto u, auto v) { return u * v; }, a.value(), b.value());
  return record("times", y, {a, b}, [a = a.value(), b = b.value()](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, simd::mapped([](auto u, auto v) { return u * v; }, dy, b));
    if (in.wants(1)) in.add(1, simd::mapped([](auto u, auto v) { return u * v; }, dy, a));
  });
}

/// y = f x with a derivative that need not be f: for provoking gradients that are not finite.
Var scaled(const Var& x, real f, real derivative) {
  Array y = simd::mapped([f](auto v) { return v * f; }, x.value());
  return record("scaled", y, {x}, [derivative](const Array& dy, Inputs in) {
    in.add(0, simd::mapped([derivative](auto v) { return v * derivative; }, dy));
  });
}

/// The same product through blend, which writes where others add.
Var times_blended(const Var& a, const Var& b) {
  Array y = simd::mapped([](auto u, auto v) { return u * v; }, a.value(), b.value());
  return record("times", y, {a, b}, [a = a.value(), b = b.value()](const Array& dy, Inputs in) {
    for (size_t i : {0, 1}) {
      const Array& other = i == 0 ? b : a;
      auto [dx, beta] = in.blend(i);
      for (size_t e = 0; e < dx.size(); ++e)
        dx.data()[e] = dy.data()[e] * other.data()[e] + (beta == 0 ? 0 : beta * dx.data()[e]);
    }
  });
}

/// y0 = 2 x, y1 = 3 x, y2 = 5 x; the rule counts which gradients arrived.
std::vector<Var> multiples(const Var& x, std::vector<bool>& arrived) {
  std::vector<Array> values;
  for (const real f : {2, 3, 5})
    values.push_back(simd::mapped([f](auto v) { return v * f; }, x.value()));
  return record_all("multiples", values, {x}, [&arrived](const Gradients& dy, Inputs in) {
    arrived.clear();
    for (size_t o = 0; o < dy.size(); ++o) {
      arrived.push_back(!dy[o].empty());
      const real f = std::array<real, 3>{2, 3, 5}[o];
      if (arrived[o]) in.add(0, simd::mapped([f](auto v) { return v * f; }, dy[o]));
    }
  });
}

}  // namespace

TEST_CASE("tape: an op of several outputs is one node, whose rule runs once with what arrived") {
  Var x = variable(Array({2}, {1, 10}));
  std::vector<bool> arrived;
  {
    Tape tape;
    const std::vector<Var> y = multiples(x, arrived);
    REQUIRE(y.size() == 3);
    CHECK(y[2].value()(1) == 50);
    CHECK(tape.size() == 1);
    const Var z = times(y[0], y[2]);  // 10 x^2
    std::ostringstream out;
    tape.print(out);
    CHECK(out.str() ==
          " node  op                    shape               bytes kept  inputs\n"
          "   %0  multiples             [2] [2] [2]                  0  leaf[2]\n"
          "   %1  times                 [2]                         16  %0.0 %0.2\n"
          "2 nodes, 16 bytes kept for the backward pass\n");
    tape.backward(z, ones({2}));
    CHECK(arrived == std::vector<bool>{true, false, true});
    CHECK(x.grad()(1) == 200);
  }
  x.grad() = Array();
  Tape tape;
  tape.backward(multiples(x, arrived)[1], ones({2}));  // from one of them
  CHECK(arrived == std::vector<bool>{false, true, false});
  CHECK(x.grad()(0) == 3);

  arrived.clear();
  Tape unread;
  const std::vector<Var> y = multiples(x, arrived);
  unread.backward(times(x, x), ones({2}));
  CHECK(arrived.empty());
  for (const Var& v : multiples(Array({1}, real(7)), arrived)) CHECK_FALSE(v.wants_grad());
}

TEST_CASE("tape: one array handed to two inputs is not shared once somebody adds to it") {
  Var a = variable(ones({2})), b = variable(ones({2}));
  Tape tape;
  const Var y = add(add(a, b), a);  // dy/da = 2, dy/db = 1
  tape.backward(y, ones({2}));
  CHECK(a.grad()(0) == 2);
  CHECK(b.grad()(0) == 1);
}

TEST_CASE("tape: leaves that received one array can be scaled in place one by one") {
  Var a = variable(ones({2})), b = variable(ones({2}));
  Array cotangent({2}, real{1});
  Tape tape;
  tape.backward(add(a, b), cotangent);
  a.grad()(0) = 10;
  b.grad()(1) = 20;
  CHECK(a.grad()(1) == 1);
  CHECK(b.grad()(0) == 1);
  CHECK(cotangent(0) == 1);
  CHECK(cotangent(1) == 1);
}

TEST_CASE("tape: a variable used twice, by one op and by several") {
  for (const auto& product : {times, times_blended}) {
    Var x = variable(Array({3}, {2, -3, 5}));
    Tape tape;
    const Var square = product(x, x);
    tape.backward(product(square, x), ones({3}));  // d x^3 / dx = 3 x^2
    CHECK(x.grad()(0) == 12);
    CHECK(x.grad()(1) == 27);
    CHECK(x.grad()(2) == 75);
  }
}

TEST_CASE("tape: fifty squarings of squares take one visit each") {
  Var x = variable(ones({1}));
  Tape tape;
  Var y = x;
  for (int i = 0; i < 50; ++i) y = times(y, y);  // 2^50 paths
  tape.backward(y);
  CHECK(x.grad().item() == std::ldexp(real{1}, 50));
}

TEST_CASE("tape: an output nobody reads sends nothing, and its rule does not run") {
  Var x = variable(Array({}, real{3}));
  int runs = 0;
  Tape tape;
  const Var unread = record("unread", ones({}), {x}, [&runs](const Array&, Inputs) { ++runs; });
  const Var y = times(x, x);
  const Var after = record("after", ones({}), {y}, [&runs](const Array&, Inputs) { ++runs; });
  tape.backward(y);
  CHECK(runs == 0);
  CHECK(x.grad().item() == 6);
}

TEST_CASE("tape: constants receive nothing and are not recorded") {
  const Var c = Array({2}, real{3});
  Var x = variable(ones({2}));
  Tape tape;
  const Var constant = times(c, c);
  CHECK_FALSE(constant.wants_grad());
  CHECK(tape.size() == 0);
  const Var y = times(x, c);
  CHECK(y.wants_grad());
  CHECK(tape.size() == 1);
  tape.backward(y, ones({2}));
  CHECK(x.grad()(1) == 3);
  CHECK(c.grad().empty());
  CHECK(sentence([] {
          Var constant = Array({2}, real{3});
          constant.grad();
        }) == "grad: a constant of shape [2] has no gradient");
}

TEST_CASE("tape: the newer of two tapes records, the older goes on when it ends") {
  Var x = variable(Array({}, real{3}));
  Tape outer;
  const Var y = times(x, x);
  {
    Tape inner;
    CHECK(Tape::current() == &inner);
    const Var z = times(x, y);  // y comes from the outer tape: there it is a leaf
    CHECK(inner.size() == 1);
    inner.backward(z);
    CHECK(x.grad().item() == 9);
    CHECK(sentence([&] { outer.backward(z); }) == "backward: the output is not on this tape");
  }
  CHECK(Tape::current() == &outer);
  CHECK(outer.size() == 1);
  x.grad() = Array();
  Var w = times(y, x);
  CHECK(outer.size() == 2);
  outer.backward(w);
  // The inner tape left dz/dy = x in y; from there and from w: dy/dx (x + x) + y = 2 x 2 x + x x.
  CHECK(x.grad().item() == 45);
}

TEST_CASE("tape: nothing is recorded while paused, or without a tape") {
  Var x = variable(ones({}));
  CHECK(Tape::current() == nullptr);
  CHECK_FALSE(times(x, x).wants_grad());
  Tape tape;
  {
    const PauseTape pause;
    CHECK_FALSE(times(x, x).wants_grad());
    { const PauseTape again; }
    CHECK(Tape::current() == nullptr);
  }
  CHECK(tape.size() == 0);
  CHECK(times(x, x).wants_grad());
  CHECK(tape.size() == 1);
}

TEST_CASE("tape: a rule does not record") {
  Var x = variable(ones({}));
  Tape tape;
  bool recording = true;
  const Var y =
      record("y", ones({}), {x}, [&](const Array&, Inputs) { recording = Tape::current(); });
  tape.backward(y);
  CHECK_FALSE(recording);
  CHECK(Tape::current() == &tape);
}

TEST_CASE("tape: what backward refuses") {
  Var x = variable(ones({2}));
  Tape tape;
  const Var y = times(x, x);
  CHECK(sentence([&] { tape.backward(y); }) == "backward: start from a scalar loss, got shape [2]");
  CHECK(sentence([&] { tape.backward(x, ones({2})); }) ==
        "backward: the output is not on this tape");
  CHECK(sentence([&] { tape.backward(Var(ones({}))); }) ==
        "backward: the output is not on this tape");
  CHECK(sentence([&] { tape.backward(y, ones({3})); }) ==
        "backward: cotangent: expected shape [2], got [3]");
  CHECK(sentence([&] { tape.backward(y, Array()); }) ==
        "backward: cotangent: expected shape [2], got [0]");
  CHECK_NOTHROW(tape.backward(y, ones({2})));  // a refused call does not use the tape up
  CHECK(sentence([&] { tape.backward(y, ones({2})); }) ==
        "backward: this tape was already walked; record the forward pass again");
  CHECK(x.grad()(0) == 2);

  Tape wrong;
  const Var bad =
      record("bad", ones({2}), {x}, [](const Array&, Inputs in) { in.add(0, ones({5})); });
  CHECK(sentence([&] { wrong.backward(bad, ones({2})); }) ==
        "backward: gradient of an input: expected shape [2], got [5]");
}

TEST_CASE("tape: gradients of leaves add up over tapes until cleared, those inside do not stay") {
  Var x = variable(Array({}, real{5}));
  for (int pass = 1; pass <= 3; ++pass) {
    Tape tape;
    const Var y = times(x, x), z = times(y, y);
    tape.backward(z);
    CHECK(x.grad().item() == pass * 500);  // d x^4 / dx = 4 x^3
    CHECK(y.grad().empty());
    CHECK(z.grad().empty());
  }
  x.grad() = Array();
  CHECK(std::as_const(x).grad().empty());
}

TEST_CASE("tape: print shows ops, shapes, inputs and bytes kept, exactly") {
  Var x = variable(ones({2, 3}));
  const Var c = ones({2, 3});
  Tape tape;
  const Var y = times(x, c), z = add(y, x);
  CHECK(tape.bytes_kept() == 2 * 6 * sizeof(real));  // `times` captures both sides, `add` nothing
  std::ostringstream out;
  tape.print(out);
  CHECK(out.str() ==
        " node  op                    shape               bytes kept  inputs\n"
        "   %0  times                 [2,3]                       48  leaf[2,3] constant\n"
        "   %1  add                   [2,3]                        0  %0 leaf[2,3]\n"
        "2 nodes, 48 bytes kept for the backward pass\n");
}

TEST_CASE("tape: bytes kept are those of the arrays a rule captured") {
  Var x = variable(ones({100}));
  const Array big({1000}, real{0});
  const Index index({50}, 0);
  Tape tape;
  const Var none = record("none", ones({}), {x}, [](const Array&, Inputs) {});
  CHECK(tape.bytes_kept() == 0);
  const Var one = record("one", ones({}), {x}, [big](const Array&, Inputs) {});
  CHECK(tape.bytes_kept() == 1000 * sizeof(real));
  const Var two = record("two", ones({}), {x}, [x = x.value(), index](const Array&, Inputs) {});
  CHECK(tape.bytes_kept() == 1100 * sizeof(real) + 50 * sizeof(int32_t));
  // Storage that is kept already costs nothing: of the same node, of another, in another shape.
  const Var again = record("again", ones({}), {x}, [big, index](const Array&, Inputs) {});
  const Array small({3}, real{0});
  const Var views = record("views", ones({}), {x},
                           [small, same = small, view = small.reshaped({3, 1}),
                            older = big.reshaped({10, 100})](const Array&, Inputs) {});
  CHECK(tape.bytes_kept() == 1103 * sizeof(real) + 50 * sizeof(int32_t));
}

TEST_CASE("tape: check_finite names the op whose value or gradient is the first not finite") {
  const real infinity = std::numeric_limits<real>::infinity();
  Var x = variable(Array({2}, {1, 2}));
  const auto run = [&](real factor, real derivative, bool check) {
    Tape tape;
    tape.check_finite(check);
    const Var y = add(scaled(times(x, x), factor, derivative), x);
    tape.backward(y, ones({2}));
  };
  CHECK(sentence([&] { run(infinity, 1, true); }) == "scaled: the value [2] is not finite");
  CHECK(fault_of([&] { run(infinity, 1, true); }) == Fault::diverged);
  CHECK(sentence([&] { run(1, infinity, true); }) ==
        "scaled: the gradient of input 0 [2] is not finite");
  CHECK(fault_of([&] { run(1, -infinity, true); }) == Fault::diverged);
  counters.reset();
  CHECK_NOTHROW(run(1, 1, true));
  CHECK(counters.finite_checks == 3 + 1 + 5);  // values, the cotangent, gradients of inputs
  counters.reset();
  CHECK_NOTHROW(run(infinity, infinity, false));
  CHECK(counters.finite_checks == 0);

  // The last rule of all sends to a leaf: nobody reads that gradient again, but it is examined.
  Tape tape;
  tape.check_finite(true);
  const Var y = scaled(x, 1, infinity);
  CHECK(sentence([&] { tape.backward(y, ones({2})); }) ==
        "scaled: the gradient of input 0 [2] is not finite");
  Tape another;
  another.check_finite(true);
  const Var z = scaled(x, 1, 1);
  CHECK(sentence([&] { another.backward(z, Array({2}, infinity)); }) ==
        "backward: the cotangent [2] is not finite");
}

TEST_CASE("tape: what the rules kept returns to the pool during backward") {
  Var x = variable(ones({1000}));
  x.grad() = zeros({1000});
  const size_t before = pool::use().in_use;
  Tape tape;
  {
    Var y = x;
    for (int i = 0; i < 10; ++i) y = times(y, x);
    const Var later = times(y, x);  // not part of the loss: its rule goes as well
    CHECK(pool::use().in_use > before + 10 * 1000 * sizeof(real));
    tape.backward(y, ones({1000}));
  }
  CHECK(pool::use().in_use == before);
  CHECK(x.grad()(999) == 11);
}

TEST_CASE("tape: a thousand steps do not grow the pool") {
  Var x = variable(ones({100}));
  const auto step = [&] {
    Tape tape;
    tape.backward(add(times(x, x), times(x, add(x, x))), ones({100}));
    x.grad() = Array();
  };
  step();
  const MemoryUse before = pool::use();
  for (int i = 0; i < 1000; ++i) step();
  CHECK(pool::use().system_calls == before.system_calls);
  CHECK(pool::use().in_use == before.in_use);
}
