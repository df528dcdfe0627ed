// A training step: forward, backward, clipping, AdamW. Written here once, for the trainer, the
// bench and the tests.
#pragma once

#include "models/sequence_model.hpp"
#include "tools/training/optimizer.hpp"

namespace gnomon {

/// A model and its optimizer.
class Learner {
 public:
  struct Found {
    SequenceModel::Scored scored;
    double gradient_norm = 0;  ///< before clipping
  };
  /// The model must be initialised; `clip` is the largest norm of a gradient.
  explicit Learner(std::unique_ptr<SequenceModel> model, const AdamWConfig& adamw = {},
                   double clip = 1);
  /// Forward and backward: leaves the clipped gradient in the parameters, and changes nothing else.
  /// `check_finite`: throws Error(Fault::diverged) that names the first op with a number that is
  /// not.
  Found differentiate(const Batch& batch, Context& context, bool check_finite = false);
  /// Moves the parameters along the gradient.
  void update(double rate);

  SequenceModel& model() { return *model_; }
  const SequenceModel& model() const { return *model_; }
  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  std::unique_ptr<SequenceModel> model_;
  std::vector<Parameter> parameters_;
  AdamW optimizer_;
  double clip_;
};

}  // namespace gnomon
