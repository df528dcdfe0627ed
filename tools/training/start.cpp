#include "tools/training/start.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStartFile = "start.safetensors";

/// The file of a run, or the file itself.
std::string file_of(const std::string& named, const char* in_run) {
  std::error_code error;
  return fs::is_directory(named, error) ? named + "/" + in_run : named;
}

/// The steps of (first, last] at which schedules are compared: all, or 10,000 of many.
bool same_pace(const TrainingConfig& training, const Origin& origin, const char* a, const char* b) {
  const size_t left = training.steps - origin.step, stride = std::max<size_t>(1, left / 10'000);
  for (size_t step = origin.step + 1; step <= training.steps; step += stride)
    if (pace_at(training.schedule, training.temperature, origin, a, step, training.steps) !=
        pace_at(training.schedule, training.temperature, origin, b, step, training.steps))
      return false;
  return true;
}

/// Refuses to guess, unless every way to take the schedule up is the same.
void expect_schedule(const Experiment& experiment, const Origin& origin) {
  const TrainingConfig& training = experiment.training;
  if (!training.start.schedule_from.empty() ||
      (same_pace(training, origin, "whole", "rest") && same_pace(training, origin, "rest", "hold")))
    return;
  const auto next = [&](const char* from) {
    return pace_at(training.schedule, training.temperature, origin, from, origin.step + 1,
                   training.steps);
  };
  std::string text = fmt::format(
      "--schedule-from is missing: expected whole, rest or hold. Learning rate now {:.4g}; whole: "
      "{:.4g}, rest: {:.4g}",
      origin.pace.rate, next("whole").rate, next("rest").rate);
  if (training.schedule.warmup > 1)
    text += fmt::format(" rising to {:.4g}", training.schedule.learning_rate);
  text += fmt::format(", hold: {:.4g}", origin.pace.rate);
  if (experiment.anneals)
    text +=
        fmt::format("; temperature {:.2g}; whole: {:.2g}, rest and hold: {:.2g}",
                    origin.pace.temperature, next("whole").temperature, origin.pace.temperature);
  fail(Fault::option, "{}", text);
}

/// Where a run stood when it wrote this checkpoint.
Origin origin_of(const Metadata& metadata, const std::string& path) {
  const auto config = metadata.find("config");
  if (config == metadata.end()) fail(Fault::data, "{}: expected a checkpoint of a run", path);
  const size_t step = step_of(metadata, path);
  if (step == 0) fail(Fault::data, "{}: expected a run that has taken a step, got none", path);
  const auto before = Experiment::unprepared(Arguments::of_text(config->second, path));
  return {step, before->training.pace(step, RunState::of(metadata, path).origin)};
}

Start continued(Trainer& trainer, const std::string& path) {
  const Experiment& experiment = trainer.experiment();
  Start start{.brought = read_safetensors(path)};
  const Origin origin = origin_of(start.brought.metadata, path);
  if (trainer.last_step() <= origin.step)
    fail_option(experiment.training.stop.at > 0 ? "stop-at" : "steps",
                "expected more than the {} that were taken, got {}", origin.step,
                trainer.last_step());
  expect_schedule(experiment, origin);
  copy_arrays(start.brought, path, everything(trainer));
  trainer.optimizer().continue_after(origin.step);
  trainer.begin_after(origin);
  start.state.tokens = RunState::of(start.brought.metadata, path).tokens;
  start.sentence = fmt::format("goes on after step {} of '{}'", origin.step,
                               experiment.training.start.continued);
  return start;
}

}  // namespace

void Start::keep(const StartConfig& config, const RunDirectory& directory) const {
  if (brought.tensors.empty()) return;
  write_safetensors(directory.file(kStartFile), brought);
  if (config.continued.empty()) return;
  const nlohmann::ordered_json about{{"run", config.continued},
                                     {"step", step_of(brought.metadata, kStartFile)}};
  atomic_write(directory.file("continued.json"), {about.dump() + "\n"});
}

std::string start_file(const StartConfig& config, const Arguments& arguments) {
  const bool weights = !config.from.empty();
  if (!weights && config.continued.empty()) return "";
  const auto names = arguments.names();
  const bool from_file =
      std::find(names.begin(), names.end(), weights ? "from" : "continue") == names.end();
  const fs::path beside = fs::path(arguments.path()).parent_path() / kStartFile;
  std::error_code error;
  if (from_file && fs::exists(beside, error)) return beside.string();
  return weights ? file_of(config.from, "model.safetensors")
                 : file_of(config.continued, "checkpoint.safetensors");
}

Start begin(Trainer& trainer, const std::string& file) {
  const StartConfig& config = trainer.experiment().training.start;
  if (file.empty()) return {};
  if (!config.continued.empty()) return continued(trainer, file);
  Taken taken = take_parameters(file, trainer.model().parameters(), config.partial);
  return {.brought = std::move(taken.weights),
          .sentence = fmt::format("from '{}': {}", config.from, taken.sentence)};
}

Arguments with_continued(Arguments arguments) {
  const auto names = arguments.names();
  if (arguments.help() || std::find(names.begin(), names.end(), "continue") == names.end())
    return arguments;
  Fields first;
  StartConfig start;
  start.declare(first);
  if (!arguments.path().empty())
    fail_option("config", "does not go with --continue, which begins with that run's own options");
  arguments.set_known(first);
  if (start.continued.empty()) fail_option("continue", "expected the directory of a run, got ''");
  const std::string path = start.continued + "/config.ini";
  const auto before = Experiment::unprepared(Arguments::of_file(path));
  arguments.stand_on(before->ini, path,
                     {"from", "from-partial", "continue", "schedule-from", "stop-at"});
  return arguments;
}

}  // namespace gnomon
