// How a run is watched and paced: pure functions of what came before.
#include "tools/training/course.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/folder.hpp"
#include "tools/training/run_state.hpp"

using namespace gnomon;

namespace {

struct Watched {
  ValidationConfig validation = [] {
    ValidationConfig watched;
    watched.every = 10;
    return watched;
  }();
  StopConfig stop;
  Standing standing;
  size_t step = 0;
  /// Whether it was the best.
  bool see(double value) { return standing.add(step += 10, value, validation, stop); }
  std::string reason() const { return standing.reason(stop); }
};

}  // namespace

TEST_CASE("course: the best is the first of equals, and never NaN") {
  Watched w;
  CHECK(!w.see(NAN));
  CHECK(!w.standing.best);
  CHECK(w.see(0.5));
  CHECK(!w.see(0.5));
  CHECK(!w.see(NAN));
  CHECK(!w.see(0.4));
  CHECK(w.standing.best_step == 20);
  CHECK(w.see(0.6));
  CHECK(w.standing.best == 0.6);
  CHECK(w.standing.best_step == 60);

  Watched loss;
  loss.validation.watch = "loss";
  CHECK(loss.see(2));
  CHECK(!loss.see(INFINITY));
  CHECK(!loss.see(2));
  CHECK(loss.see(1.5));
}

TEST_CASE("course: patience counts validations that are not better by more than the delta") {
  Watched w;
  w.stop.patience = 2, w.stop.patience_delta = 0.125;
  w.see(0.5);
  CHECK(w.see(0.625));  // the best, but not by more than the delta
  CHECK(w.standing.without == 1);
  w.see(0.6875);  // better than 0.5 by more: small steps add up
  CHECK(w.standing.without == 0);
  w.see(NAN);
  CHECK(w.reason() == "");
  w.see(0.6875);
  CHECK(w.reason() == "patience");

  Watched late;
  late.stop.patience = 1, late.stop.patience_from = 40;
  for (const double value : {0.5, 0.4, 0.3}) late.see(value);
  CHECK(late.reason() == "");
  late.see(0.45);
  CHECK(late.reason() == "patience");
}

TEST_CASE("course: a target must be reached so many times in a row") {
  Watched w;
  w.stop.target = "0.9";
  for (const double value : {0.9, 0.89, 0.95, double{NAN}, 0.91}) w.see(value);
  CHECK(w.reason() == "");
  w.see(1);
  CHECK(w.reason() == "target");

  Watched loss;
  loss.validation.watch = "loss";
  loss.stop.target = "0.1", loss.stop.target_times = 1;
  loss.see(0.2);
  CHECK(loss.reason() == "");
  loss.see(0.1);
  CHECK(loss.reason() == "target");
}

TEST_CASE("course: what a run has come to passes through the metadata of a checkpoint") {
  Watched w;
  w.stop.patience = 9, w.stop.target = "0.25";
  for (const double value : {0.3, 1. / 3, 0.1, 0.3}) w.see(value);
  RunState state{.tokens = 12345, .standing = w.standing, .stop = "seconds"};
  state.origin = {600, {1e-4 / 3, 0.1}};
  Metadata metadata;
  state.write(metadata);
  CHECK(metadata.at("stop") == "seconds");
  const RunState read = RunState::of(metadata, "a file");
  CHECK(read.tokens == 12345);
  CHECK(read.standing.best == 1. / 3);
  CHECK(read.standing.best_step == 20);
  CHECK(read.standing.reference == 1. / 3);
  CHECK(read.standing.without == 2);
  CHECK(read.standing.reached == 1);
  CHECK(read.origin.step == 600);
  CHECK(read.origin.pace == state.origin.pace);
  // Of an earlier version: nothing but the step.
  CHECK(!RunState::of({{"step", "5"}}, "a file").standing.best);
  CHECK(problem(
            [] {
              RunState::of({{"best", "much"}}, "a file");
            },
            Fault::data)
            .starts_with("a file: best: "));
}

TEST_CASE("course: a schedule taken up as a whole, over the rest, or held") {
  const ScheduleConfig schedule{.learning_rate = 1, .warmup = 10};
  const TemperatureConfig temperature;
  const Origin origin{60, {0.05, 0.1}};
  const auto at = [&](const char* from, size_t step) {
    return pace_at(schedule, temperature, origin, from, step, 200);
  };
  for (size_t step = 61; step <= 200; ++step) {
    CHECK(at("whole", step) == Pace{schedule.rate(step, 200), temperature.at(step, 200)});
    CHECK(at("rest", step) == Pace{schedule.rate(step - 60, 140), 0.1});
    CHECK(at("hold", step) == Pace{0.05, 0.1});
  }
  CHECK(at("rest", 61).rate == doctest::Approx(0.1));
  CHECK(pace_at(schedule, temperature, {}, "", 61, 200) == at("whole", 61));
  CHECK(problem([&] { at("hold", 60); }, Fault::misuse).find("more than 60") != std::string::npos);
}
