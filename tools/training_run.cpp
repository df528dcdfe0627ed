#include "tools/training_run.hpp"

#include "tools/output.hpp"
#include "tools/progress.hpp"

namespace gnomon {
namespace {

/// "stopped at 240 of 600: ...", or that all steps were taken.
std::string what_ended(const Experiment& experiment, const RunState& state, size_t step,
                       const Origin& origin) {
  const TrainingConfig& training = experiment.training;
  const StopConfig& stop = training.stop;
  const std::string watched = training.validation.watched();
  std::string why;
  if (state.stop == "target")
    why = fmt::format("{} has reached {} in {} validation{}", watched, stop.target,
                      stop.target_times, stop.target_times == 1 ? "" : "s in a row");
  else if (state.stop == "patience")
    why = fmt::format("{} validation{} without a better {}", stop.patience,
                      stop.patience == 1 ? "" : "s", watched);
  else if (state.stop == "seconds")
    why = fmt::format("--seconds {} of training are over", stop.seconds);
  else
    why = fmt::format("--{} {}", state.stop, state.stop == "steps" ? training.steps : stop.at);
  const Pace pace = training.pace(step, origin);
  std::string text =
      fmt::format("stopped at {} of {}: {}; learning rate {:.4g}{}", step, training.steps, why,
                  pace.rate, pace.rate == training.schedule.learning_rate ? " (the peak)" : "");
  if (experiment.anneals) text += fmt::format(", temperature {:.2f}", pace.temperature);
  return text;
}

void print_end(Trainer& trainer, const RunDirectory& directory, const RecordedTraining& run) {
  const Experiment& experiment = trainer.experiment();
  const RunState& state = run.state();
  const std::string speed =
      run.speed() > 0 ? short_number(run.speed()) + " tokens/s" : "no step left";
  print(fmt::format("trained {} on {}: {} steps, {} parameters, {}\n", experiment.names.model,
                    experiment.names.task, trainer.steps(), trainer.model().parameter_count(),
                    speed));
  const std::string eval = fmt::format("gnomon eval --run {} --lengths {}",
                                       quoted(directory.path()), experiment.training.length);
  print(fmt::format("now: {}\n", eval));
  if (state.standing.best)
    print(fmt::format("best {}: {:.4g} at step {}: {} --checkpoint best\n",
                      experiment.training.validation.watched(), *state.standing.best,
                      state.standing.best_step, eval));
  if (state.stop != "steps")
    print(what_ended(experiment, state, trainer.steps(), trainer.origin()) + "\n");
}

}  // namespace

Exit run_to_end(Trainer& trainer, RunDirectory* directory, RunState state, bool quiet,
                const Interruptible& interruptible) {
  RecordedTraining run(trainer, directory, std::move(state));
  {
    Progress progress("step", trainer.steps(), trainer.last_step(), quiet || !directory);
    while (!run.ended() && !Machines::world().any(interruptible.requested())) {
      const StepReport report = run.step();
      progress.show(report.step,
                    fmt::format("loss {:.4f}  accuracy {:.1f} %  {} tokens/s", report.loss,
                                100 * report.accuracy, short_number(run.speed())));
    }
  }
  if (!run.ended()) {
    run.save();
    if (directory)
      complain(fmt::format(
          "interrupted; saved after step {} of {}. Continue with: gnomon train --resume {}",
          trainer.steps(), trainer.last_step(), quoted(directory->path())));
    return Exit::interrupted;
  }
  if (directory) print_end(trainer, *directory, run);
  return Exit::ok;
}

}  // namespace gnomon
