#include "tools/training/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gnomon {
namespace {

constexpr double kTailBegins = 0.7;  // of the steps

/// How far `x` is on the way from `begin` to `end`, within [0,1]; 0 on an empty way up to its end.
double progress(double x, double begin, double end) {
  if (x <= begin) return 0;
  return x >= end ? 1 : (x - begin) / (end - begin);
}

void expect_step(size_t step, size_t steps) {
  expect(step >= 1 && step <= steps, "schedule: step: expected 1 to {}, got {}", steps, step);
}

}  // namespace

void ScheduleConfig::declare(Fields& f) {
  f.number("learning-rate", learning_rate, 0, 10, "the highest learning rate");
  f.integer("warmup", warmup, 0, 1'000'000'000, "steps in which the learning rate rises to it");
  f.choice("schedule", schedule, {"linear-tail", "cosine", "constant"},
           "the learning rate afterwards; linear-tail: constant, then falling in the last 30 %");
  f.number("final-fraction", final_fraction, 0, 1, "of the learning rate, left at the last step");
}

double ScheduleConfig::rate(size_t step, size_t steps) const {
  expect_step(step, steps);
  const double at = static_cast<double>(step), last = static_cast<double>(steps);
  const double rise = static_cast<double>(warmup);
  const double warm = step < warmup ? at / rise : 1;
  double decay = 1;
  if (schedule == "cosine")
    decay = final_fraction +
            (1 - final_fraction) * (1 + std::cos(std::numbers::pi * progress(at, rise, last))) / 2;
  else if (schedule == "linear-tail")
    decay = 1 - (1 - final_fraction) * progress(at / last, std::max(kTailBegins, rise / last), 1);
  else
    expect(schedule == "constant", "schedule: expected linear-tail, cosine or constant, got '{}'",
           schedule);
  return learning_rate * warm * decay;
}

void TemperatureConfig::declare(Fields& f) {
  f.number("temperature", temperature, 1e-3, 1e3, "of soft selections in training, at first");
  f.number("final-temperature", final_temperature, 0, 1e3,
           "of soft selections, at last, 0.001 or more; 0: as --temperature");
  f.number("hold", hold, 0, 1, "fraction of the steps before the temperature changes");
  f.number("until", until, 0, 1, "fraction of the steps after which it has changed");
}

void TemperatureConfig::check() const {
  if (until < hold) fail_option("until", "expected at least --hold = {}, got {}", hold, until);
  if (final_temperature > 0 && final_temperature < 1e-3)
    fail_option("final-temperature", "expected 0 or 0.001 to 1000, got {}", final_temperature);
}

double TemperatureConfig::at(size_t step, size_t steps) const {
  check();
  expect_step(step, steps);
  const double u = progress(static_cast<double>(step) / static_cast<double>(steps), hold, until);
  return temperature * std::pow(last() / temperature, u);
}

Pace pace_at(const ScheduleConfig& schedule, const TemperatureConfig& temperature,
             const Origin& origin, const std::string& schedule_from, size_t step, size_t steps) {
  expect(step > origin.step, "schedule: step: expected more than {}, got {}", origin.step, step);
  if (origin.step == 0 || schedule_from.empty() || schedule_from == "whole")
    return {schedule.rate(step, steps), temperature.at(step, steps)};
  expect_step(step, steps);
  if (schedule_from == "hold") return origin.pace;
  expect(schedule_from == "rest", "schedule-from: expected whole, rest or hold, got '{}'",
         schedule_from);
  return {schedule.rate(step - origin.step, steps - origin.step), origin.pace.temperature};
}

}  // namespace gnomon
