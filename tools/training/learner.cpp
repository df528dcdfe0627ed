#include "tools/training/learner.hpp"

#include "core/profile.hpp"

namespace gnomon {

Learner::Learner(std::unique_ptr<SequenceModel> model, const AdamWConfig& adamw, double clip)
    : model_(std::move(model)),
      parameters_(model_->parameters()),
      optimizer_(parameters_, adamw),
      clip_(clip) {}

Learner::Found Learner::differentiate(const Batch& batch, Context& context, bool check_finite) {
  context.training = true;
  model_->clear_gradients();
  Tape tape;
  tape.check_finite(check_finite);
  Found found{model_->score(batch, context)};
  tape.backward(found.scored.loss);
  found.gradient_norm = clip_gradients(parameters_, clip_);
  profile_lap("clipping");
  return found;
}

void Learner::update(double rate) {
  optimizer_.step(rate);
  profile_lap("adamw");
}

}  // namespace gnomon
