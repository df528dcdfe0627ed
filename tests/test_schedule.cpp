// The schedules at their corners, against numbers worked out by hand.
#include "tools/training/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/sentence.hpp"

using namespace gnomon;
using doctest::Approx;

TEST_CASE("schedule: the rate rises linearly, and the last step of the warm-up has the peak") {
  for (const std::string kind : {"constant", "cosine", "linear-tail"}) {
    CAPTURE(kind);
    const ScheduleConfig c{.learning_rate = 2, .warmup = 4, .schedule = kind};
    CHECK(c.rate(1, 100) == 0.5);
    CHECK(c.rate(2, 100) == 1);
    CHECK(c.rate(3, 100) == 1.5);
    CHECK(c.rate(4, 100) == 2);
  }
  CHECK(ScheduleConfig{.learning_rate = 2, .warmup = 0, .schedule = "constant"}.rate(1, 10) == 2);
}

TEST_CASE("schedule: constant stays, cosine and linear-tail fall to the final fraction") {
  const ScheduleConfig constant{.learning_rate = 1, .warmup = 10, .schedule = "constant"};
  CHECK(constant.rate(11, 110) == 1);
  CHECK(constant.rate(110, 110) == 1);

  const ScheduleConfig cosine{
      .learning_rate = 1, .warmup = 10, .schedule = "cosine", .final_fraction = 0.2};
  CHECK(cosine.rate(35, 110) ==
        Approx(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2));  // a quarter: 45 degrees
  CHECK(cosine.rate(60, 110) == Approx(0.6));           // half way
  CHECK(cosine.rate(110, 110) == Approx(0.2));

  const ScheduleConfig tail{
      .learning_rate = 1, .warmup = 10, .schedule = "linear-tail", .final_fraction = 0.04};
  CHECK(tail.rate(11, 100) == 1);
  CHECK(tail.rate(70, 100) == 1);
  CHECK(tail.rate(71, 100) == Approx(1 - 0.96 / 30));
  CHECK(tail.rate(85, 100) == Approx(0.52));
  CHECK(tail.rate(100, 100) == Approx(0.04));
}

TEST_CASE("schedule: a run shorter than its warm-up only rises") {
  for (const std::string kind : {"constant", "cosine", "linear-tail"}) {
    CAPTURE(kind);
    const ScheduleConfig c{.learning_rate = 1, .warmup = 50, .schedule = kind};
    for (const size_t step : {1, 10, 20}) CHECK(c.rate(step, 20) == Approx(step / 50.0));
    // A warm-up that reaches into the tail: the fall begins where the rise ended.
    CHECK(c.rate(50, 60) == 1);
    CHECK(c.rate(49, 60) == Approx(0.98));
  }
}

TEST_CASE("schedule: a step outside of the run is an error") {
  CHECK_THROWS_WITH_AS(ScheduleConfig{}.rate(0, 10), "schedule: step: expected 1 to 10, got 0",
                       Error);
  CHECK_THROWS_AS(ScheduleConfig{}.rate(11, 10), Error);
  CHECK_THROWS_AS(TemperatureConfig{}.at(0, 10), Error);
  CHECK_THROWS_AS(TemperatureConfig{}.at(11, 10), Error);
}

TEST_CASE("schedule: options are read by name and range") {
  ScheduleConfig c;
  Fields fields;
  c.declare(fields);
  fields.set("learning-rate", "0.001");
  fields.set("warmup", "7");
  fields.set("schedule", "cosine");
  fields.set("final-fraction", "0.5");
  CHECK(c.learning_rate == 0.001);
  CHECK(c.warmup == 7);
  CHECK(c.schedule == "cosine");
  CHECK(c.final_fraction == 0.5);
  CHECK_THROWS_AS(fields.set("schedule", "cosin"), Error);
  CHECK_THROWS_AS(fields.set("final-fraction", "1.5"), Error);
  CHECK_THROWS_AS((ScheduleConfig{.schedule = "cosin"}.rate(1, 10)), Error);
}

TEST_CASE("temperature: held, geometric, held") {
  CHECK(TemperatureConfig{.temperature = 3}.at(900, 1000) == 3);
  CHECK_THROWS_WITH_AS((TemperatureConfig{.final_temperature = 1e-4}.check()),
                       "final-temperature: expected 0 or 0.001 to 1000, got 0.0001", Error);
  const TemperatureConfig c{.temperature = 4, .final_temperature = 0.25, .hold = 0.2, .until = 0.6};
  CHECK(c.at(1, 100) == 4);
  CHECK(c.at(20, 100) == 4);
  CHECK(c.at(30, 100) == Approx(2));  // a quarter of the way: 4 * (1/16)^(1/4)
  CHECK(c.at(40, 100) == Approx(1));
  CHECK(c.at(50, 100) == Approx(0.5));
  CHECK(c.at(60, 100) == Approx(0.25));
  CHECK(c.at(100, 100) == Approx(0.25));
  CHECK(c.at(31, 100) / c.at(30, 100) == Approx(c.at(51, 100) / c.at(50, 100)));

  const TemperatureConfig sudden{
      .temperature = 1, .final_temperature = 0.1, .hold = 0.5, .until = 0.5};
  CHECK(sudden.at(50, 100) == 1);
  CHECK(sudden.at(51, 100) == Approx(0.1));
}

TEST_CASE("temperature: options that contradict each other are a usage error") {
  TemperatureConfig c;
  Fields fields;
  c.declare(fields);
  fields.set("temperature", "2");
  fields.set("final-temperature", "0.5");
  fields.set("hold", "0.8");
  fields.set("until", "0.9");
  CHECK(c.at(1, 10) == 2);
  CHECK(c.at(10, 10) == Approx(0.5));
  fields.set("until", "0.3");
  CHECK_THROWS_WITH_AS(c.check(), "until: expected at least --hold = 0.8, got 0.3", Error);
  CHECK(fault_of([&] { c.at(1, 10); }) == Fault::option);
  CHECK_THROWS_AS(fields.set("temperature", "0"), Error);
}
