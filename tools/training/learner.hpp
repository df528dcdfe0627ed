// A training step: forward, backward, clipping, AdamW. Written here once, for the trainer, the
// bench and the tests.
#pragma once

#include "models/sequence_model.hpp"
#include "tools/training/machines.hpp"
#include "tools/training/optimizer.hpp"
#include "tools/training/pointer_watch.hpp"
#include "tools/training/shards.hpp"

namespace gnomon {

/// A model and its optimizer.
class Learner {
 public:
  struct Found {
    real loss = 0;                              ///< mean over the scored tokens, in nats
    double accuracy = 0;                        ///< share of the scored tokens that were predicted
    double gradient_norm = 0;                   ///< before clipping
    std::vector<PointerSummary> pointers = {};  ///< of the layers that point, where watched
  };
  /// The model must be initialised; `clip` is the largest norm of a gradient; `shards`, a power of
  /// two, cuts every batch (shards.hpp); under mpirun every process makes its part of them.
  explicit Learner(std::unique_ptr<SequenceModel> model, const AdamWConfig& adamw = {},
                   double clip = 1, size_t shards = 1);
  /// Forward and backward: leaves the clipped gradient in the parameters, and changes nothing else.
  /// Part p of a cut batch draws from context.noise.split(p), a whole one from context.noise.
  /// `check_finite`: throws Error(Fault::diverged) that names the first op with a number that is
  /// not. `watched`: looks where the pointers go. Throws Error where no token is scored, or the
  /// parts would be unequal.
  Found differentiate(const Batch& batch, Context& context, bool check_finite = false,
                      bool watched = false);
  /// Moves the parameters along the gradient.
  void update(double rate);

  SequenceModel& model() { return *model_; }
  const SequenceModel& model() const { return *model_; }
  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  Array gathered_gradient() const;
  void hand_out(const Array& gradient);

  std::unique_ptr<SequenceModel> model_;
  std::vector<Parameter> parameters_;
  AdamW optimizer_;
  double clip_;
  size_t shards_;
};

/// Of the scored tokens, how many were predicted right.
size_t count_right(const SequenceModel::Scored& scored, const Batch& batch);

}  // namespace gnomon
