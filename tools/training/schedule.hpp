// What changes over a run, as pure functions of the step: the learning rate and the temperature.
// Steps count from 1 to `steps`.
#pragma once

#include <string>

#include "core/base/fields.hpp"

namespace gnomon {

/// The learning rate: peak * warm(step) * decay(step), where warm rises linearly, min(1, step / W).
struct ScheduleConfig {
  double learning_rate = 3e-3;  ///< the peak
  size_t warmup = 50;           ///< W, in steps; 0: none
  std::string schedule = "cosine";
  double final_fraction = 0.05;  ///< F: of the peak, at the last step
  void declare(Fields& f);

  /// decay(step), with F reached at the last step (from step W where that is later, so that a run
  /// shorter than its warm-up only rises):
  ///   constant      1
  ///   cosine        F + (1 - F) (1 + cos(pi u)) / 2,  u = (step - W) / (steps - W) within [0,1]
  ///                 (Loshchilov and Hutter, "SGDR", ICLR 2017, one cycle)
  ///   linear-tail   1 for the first 70 % of the steps, then linear to F
  /// Throws Error unless 1 <= step <= steps.
  double rate(size_t step, size_t steps) const;
};

/// The temperature of soft selections: held, then lowered by an equal factor each step, then held.
struct TemperatureConfig {
  double temperature = 2;
  double final_temperature = 0;  ///< 0: as `temperature`, which then never changes
  double hold = 0.2;   ///< the fraction of the steps up to which it stays at `temperature`
  double until = 0.7;  ///< the fraction of the steps from which it stays at `final_temperature`
  void declare(Fields& f);
  /// Throws Error(Fault::option) when until < hold, or for a final one too small to divide by.
  void check() const;
  /// That of the last steps.
  double last() const { return final_temperature > 0 ? final_temperature : temperature; }

  /// temperature * (last() / temperature)^u,  u = (step / steps - hold) / (until - hold) in [0,1].
  /// Throws Error unless 1 <= step <= steps; and as check().
  double at(size_t step, size_t steps) const;
};

struct Pace {
  double rate = 0, temperature = 0;
  bool operator==(const Pace&) const = default;
};

/// Where a run begins that goes on from another: that one's last step, and its pace there.
struct Origin {
  size_t step = 0;  ///< 0: it begins from nothing
  Pace pace = {};
};

/// How the schedule is taken up by a run that goes on after `origin.step`:
///   whole   as if all steps had been planned from the start
///   rest    the rate warms up and decays over the steps that are left; the temperature stays
///   hold    rate and temperature stay as they are
/// Throws Error unless origin.step < step <= steps.
Pace pace_at(const ScheduleConfig& schedule, const TemperatureConfig& temperature,
             const Origin& origin, const std::string& schedule_from, size_t step, size_t steps);

}  // namespace gnomon
