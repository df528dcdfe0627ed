#include "tools/training/course.hpp"

#include <cmath>

namespace gnomon {
namespace {

constexpr size_t kMany = 1'000'000'000;

bool better(double value, double than, const std::string& watch, double by = 0) {
  return watch == "loss" ? value < than - by : value > than + by;
}

}  // namespace

void ValidationConfig::declare(Fields& f) {
  f.integer("validate-every", every, 0, kMany,
            "steps between validations on the same fresh data, by hard pointers; 0: none. The "
            "weights are the same with and without");
  f.integer("validate-batches", batches, 1, 1'000'000, "batches of each length, as of `eval`");
  f.text("validate-length", lengths,
         "at which lengths, separated by commas; the first decides; none given: --length");
  f.choice("watch", watch, {"accuracy", "exact", "loss"},
           "the number of a validation that decides which is the best");
}

void StopConfig::declare(Fields& f) {
  f.text("target", target, "ends a run whose watched number reaches this; none given: none",
         [](const std::string& given) {
           if (!given.empty()) parse_number(given, 0, 1e9, "target");
           return given;
         });
  f.integer("target-times", target_times, 1, kMany, "in so many validations in a row");
  f.integer("patience", patience, 0, kMany,
            "ends a run after so many validations without a better watched number; 0: never");
  f.number("patience-delta", patience_delta, 0, 1e9, "better by more than this");
  f.integer("patience-from", patience_from, 0, kMany, "the first step whose validation counts");
  f.number("seconds", seconds, 0, 1e9,
           "of training in all, after which one more step is the last; 0: any. --stop-at that step "
           "gives the same bits again");
  f.integer("stop-at", at, 0, kMany, "the last step, with the schedule of --steps; 0: --steps");
}

std::vector<size_t> ValidationConfig::lengths_for(size_t trained) const {
  std::vector<size_t> all;
  for (const std::string& part : split(lengths, ','))
    all.push_back(parse_integer(part, 1, size_t{1} << 30, "validate-length"));
  if (all.empty()) all = {trained};
  return all;
}

void check_watching(const ValidationConfig& validation, const StopConfig& stop, const Task& task,
                    size_t trained) {
  if (!validation.wanted()) {
    for (const auto& [name, given] :
         {std::pair("target", !stop.target.empty()), std::pair("patience", stop.patience > 0)})
      if (given)
        fail_option(name, "expected --validate-every with it, since validations decide, got 0");
    return;
  }
  if (validation.watch == "exact" && task.in_bits_per_byte())
    fail_option("watch", "expected accuracy or loss for a text, which no model has exactly");
  if (!stop.target.empty() && validation.watch != "loss") parse_number(stop.target, 0, 1, "target");
  for (const size_t length : validation.lengths_for(trained))
    task.validation_batch(1, length, Random(1));
}

bool Standing::add(size_t step, double value, const ValidationConfig& validation,
                   const StopConfig& stop) {
  const std::string& watch = validation.watch;
  const bool number = !std::isnan(value);
  const bool at_target = number && !stop.target.empty() &&
                         !better(parse_number(stop.target, 0, 1e9, "target"), value, watch);
  reached = at_target ? reached + 1 : 0;
  if (number && (!reference || better(value, *reference, watch, stop.patience_delta)))
    reference = value, without = 0;
  else if (step >= stop.patience_from)
    ++without;
  if (!number || (best && !better(value, *best, watch))) return false;
  best = value, best_step = step;
  return true;
}

std::string Standing::reason(const StopConfig& stop) const {
  if (!stop.target.empty() && reached >= stop.target_times) return "target";
  return stop.patience > 0 && without >= stop.patience ? "patience" : "";
}

}  // namespace gnomon
