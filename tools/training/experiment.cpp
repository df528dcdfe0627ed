#include "tools/training/experiment.hpp"

namespace gnomon {

void TrainingConfig::declare(Fields& f, const std::string& length_meaning) {
  constexpr size_t kMany = 1'000'000'000;
  f.integer("steps", steps, 1, kMany, "how many steps to train");
  f.integer("batch", batch, 1, 1 << 20, "sequences a step");
  f.integer("length", length, 1, size_t{1} << 30,
            "longest sequences to train on: " + length_meaning);
  f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(),
            "of the start, the data and the noise");
  f.number("clip", clip, 1e-6, 1e6, "largest norm of the gradient of a step");
  f.flag("shuffle-targets", shuffle_targets,
         "control: the targets of a batch change places, so that there is nothing to learn");
  f.integer("log-every", log_every, 0, kMany,
            "steps between lines of metrics.jsonl; 0: about 200 lines in all");
  f.integer("checkpoint-every", checkpoint_every, 1, kMany, "steps between checkpoints");
  schedule.declare(f);
  adamw.declare(f);
  temperature.declare(f);
}

ExperimentNames::ExperimentNames(const Arguments& arguments) {
  Fields names;
  names.text("model", model, "");
  names.text("task", task, "");
  arguments.set_known(names);
}

Experiment::Experiment(ExperimentNames chosen) : names(std::move(chosen)) {
  if (names.model.empty())
    fail(Fault::option, "--model is missing; there are: {}",
         fmt::join(registered_names<ModelKind>(), ", "));
  if (names.task.empty())
    fail(Fault::option, "--task is missing; there are: {}",
         fmt::join(registered_names<Task>(), ", "));
  kind_ = make_registered<ModelKind>(names.model, "model");
  task_ = make_registered<Task>(names.task, "task");
}

std::unique_ptr<Experiment> Experiment::unprepared(const Arguments& config) {
  auto experiment = std::make_unique<Experiment>(ExperimentNames(config));
  Options options;
  experiment->declare(options);
  config.set_all(options.fields);
  return experiment;
}

std::unique_ptr<Experiment> Experiment::of_run(const Arguments& config) {
  auto experiment = unprepared(config);
  experiment->prepare();
  return experiment;
}

void Experiment::declare(Options& options) {
  Fields& f = options.fields;
  options.heading("what learns what", true);
  f.text("model", names.model, "the model; `gnomon models` lists them");
  f.text("task", names.task, "the task; `gnomon tasks` lists them");
  options.heading("training", true);
  training.declare(f, task_->length_meaning());
  options.heading("the model " + names.model, true);
  kind_->declare(f);
  options.heading("the task " + names.task, true);
  task_->declare(f);
}

void Experiment::prepare() {
  training.temperature.check();
  task_->prepare();
  task_->check_length(training.length);
}

}  // namespace gnomon
