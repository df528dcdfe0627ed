#include <doctest/doctest.h>

#include <thread>

#include "core/ops/add.hpp"
#include "core/ops/mul.hpp"
#include "core/profile.hpp"

using namespace gnomon;
using Phase = Profile::Phase;

TEST_CASE("profile: ops forward and backward, and work that is no op, each with its time") {
  const Var x = variable(ones({100}));
  Profile profile;
  {
    Tape tape;
    const Var y = add(mul(x, x), mul(x, x));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    profile_lap("a rest");
    tape.backward(y, ones({100}));
  }
  const Profile::Lines& lines = profile.lines();
  CHECK(lines.at({"mul", Phase::forward}).calls == 2);
  CHECK(lines.at({"mul", Phase::forward}).bytes == 2 * 100 * sizeof(real));
  CHECK(lines.at({"mul", Phase::backward}).calls == 2);
  CHECK(lines.at({"add", Phase::forward}).calls == 1);
  CHECK(lines.at({"add", Phase::backward}).calls == 1);
  CHECK(lines.at({"a rest", Phase::other}).seconds >= 0.02);
  CHECK(lines.at({"add", Phase::forward}).seconds < lines.at({"a rest", Phase::other}).seconds);
}

TEST_CASE("profile: only while it lives, the innermost one, and without a tape too") {
  const Var x = ones({3});
  CHECK(Profile::current() == nullptr);
  Profile outer;
  add(x, x);
  {
    const Profile inner;
    add(x, x);
    add(x, x);
    CHECK(inner.lines().at({"add", Phase::forward}).calls == 2);
  }
  CHECK(outer.lines().at({"add", Phase::forward}).calls == 1);
  CHECK(Profile::current() == &outer);
}
