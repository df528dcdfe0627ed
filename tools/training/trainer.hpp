// Training, step by step. A step is a pure function of (experiment, step number, parameters,
// moments): its data and noise come from streams named by the step. So a run that was interrupted
// and resumed has the same bits as one that was not. With R = Random(seed), the streams are:
//
//   start of parameter p    R.split(p.name), its dotted name
//   data of step t = 1, ... R.split("data").split(t)
//   noise of step t         R.split("noise").split(t)      drawn layer by layer: nn/encoder.hpp
//   noise of its part p     R.split("noise").split(t).split(p)   where --shards cuts the batch
//   shuffled targets        R.split("shuffle").split(t)
#pragma once

#include "tools/training/experiment.hpp"
#include "tools/training/learner.hpp"

namespace gnomon {

struct StepReport {
  size_t step = 0, tokens = 0;  ///< which step, counted from 1; B N tokens went through the model
  real loss = 0;
  double accuracy = 0;  ///< of the scored tokens of this step's batch
  double rate = 0, temperature = 0, gradient_norm = 0;
  std::vector<PointerSummary> pointers = {};  ///< of the layers that point, where they were watched
};

class Trainer {
 public:
  /// At the start of the run: initialised from its seed.
  explicit Trainer(const Experiment& experiment);

  /// A step on a whole batch of the full length without the update: what cannot work, and what
  /// memory has no room for, fails before anything is written. Changes nothing.
  void rehearse();
  /// The next step. Throws Error(Fault::diverged), naming the step and the first op, when the loss
  /// or the norm of the gradient is not finite; parameters and moments are then as before.
  /// `watched`: the report has the pointers, too; bits are the same.
  StepReport step(bool watched = false);
  /// Parameters, moments, the number of steps and the origin of rank 0, everywhere.
  void take_over(const Machines& machines);
  /// Steps are counted, and paced, as of a run that goes on from another: see pace_at.
  void begin_after(const Origin& origin) { origin_ = origin; }
  const Origin& origin() const { return origin_; }
  /// How many were taken.
  size_t steps() const { return learner_.optimizer().steps(); }
  /// The last there may be.
  size_t last_step() const { return experiment_.training.last_step(); }

  const Experiment& experiment() const { return experiment_; }
  SequenceModel& model() { return learner_.model(); }
  AdamW& optimizer() { return learner_.optimizer(); }

 private:
  StepReport differentiate(bool check_finite, bool watched);
  void expect_equal_parameters();
  [[noreturn]] void explain_divergence(const std::string& what);

  const Experiment& experiment_;
  Learner learner_;
  Origin origin_;
};

/// The targets of the scored tokens of all sequences change places at random.
void shuffle_targets(Batch& batch, Random random);

}  // namespace gnomon
