#include "tools/training/trainer.hpp"

#include <cmath>

namespace gnomon {

Trainer::Trainer(const Experiment& experiment)
    : experiment_(experiment),
      learner_(experiment.make_model(), experiment.training.adamw, experiment.training.clip,
               experiment.training.shards) {
  model().initialise(experiment.training.seed);
}

void Trainer::rehearse() {
  const TrainingConfig& training = experiment_.training;
  Context context;
  learner_.differentiate(
      experiment_.task().rehearsal_batch(training.batch, training.length, Random(training.seed)),
      context);
  model().clear_gradients();
}

void Trainer::take_over(const Machines& machines) {
  for (const Parameter& p : model().parameters()) machines.broadcast(p.var->value());
  for (auto [name, moment] : optimizer().moments()) machines.broadcast(moment);
  std::string counted = fmt::format("{},{},{},{}", steps(), origin_.step, origin_.pace.rate,
                                    origin_.pace.temperature);
  machines.broadcast(counted);
  const std::vector<std::string> of = split(counted, ',');
  optimizer().continue_after(std::stoul(of[0]));
  origin_ = {std::stoul(of[1]), {std::stod(of[2]), std::stod(of[3])}};
}

StepReport Trainer::step(bool watched) {
  StepReport report;
  try {
    report = differentiate(false, watched);
  } catch (const Error& error) {
    // Some ops refuse numbers that are not finite by themselves, without knowing where they began.
    if (error.fault() != Fault::diverged) throw;
    explain_divergence(error.what());
  }
  if (!std::isfinite(report.loss)) explain_divergence("the loss is not finite");
  if (!std::isfinite(report.gradient_norm)) explain_divergence("the gradient's norm is not finite");
  learner_.update(report.rate);
  if (steps() % experiment_.training.checkpoint_every == 0 || steps() == last_step())
    expect_equal_parameters();
  return report;
}

/// Processes that round differently drift apart, and then nobody knows whose model it is.
void Trainer::expect_equal_parameters() {
  const Machines& machines = Machines::world();
  if (machines.count() == 1) return;
  uint64_t hash = 0;
  for (const Parameter& p : model().parameters()) {
    const Array& value = p.var->value();
    hash = 31 * hash + fnv1a({reinterpret_cast<const char*>(value.data()), value.bytes()});
  }
  if (const size_t rank = machines.first_unlike(hash))
    fail(Fault::io,
         "step {}: rank {} has other parameters than rank 0; expected everywhere the same build of "
         "the program, on the same kind of processor",
         steps(), rank);
}

/// Forward and backward of the next step; leaves the clipped gradients in the parameters.
StepReport Trainer::differentiate(bool check_finite, bool watched) {
  const TrainingConfig& training = experiment_.training;
  StepReport report;
  report.step = steps() + 1;
  const Pace pace = training.pace(report.step, origin_);
  report.rate = pace.rate;
  report.temperature = pace.temperature;

  const Random random(training.seed);
  Batch batch = experiment_.task().train_batch(training.batch, training.length,
                                               random.split("data").split(report.step));
  if (training.shuffle_targets) shuffle_targets(batch, random.split("shuffle").split(report.step));
  Context context;
  context.temperature = report.temperature;
  context.noise = random.split("noise").split(report.step);
  report.tokens = batch.tokens.size();

  const Learner::Found found = learner_.differentiate(batch, context, check_finite, watched);
  report.loss = found.loss;
  report.accuracy = found.accuracy;
  report.gradient_norm = found.gradient_norm;
  report.pointers = found.pointers;
  return report;
}

void Trainer::explain_divergence(const std::string& what) {
  const size_t step = steps() + 1;
  std::string first = what;
  try {
    differentiate(true, false);
  } catch (const Error& error) {
    if (error.fault() != Fault::diverged) throw;
    first = error.what();
  }
  fail(Fault::diverged, "step {} diverged: {}", step, first);
}

void shuffle_targets(Batch& batch, Random random) {
  std::vector<int32_t*> scored;
  for (int32_t& target : batch.targets)
    if (target >= 0) scored.push_back(&target);
  for (size_t left = scored.size(); left > 1; --left)  // Fisher and Yates
    std::swap(*scored[left - 1], *scored[random.below(static_cast<uint32_t>(left))]);
}

}  // namespace gnomon
