#include "tools/training/learner.hpp"

#include "core/profile.hpp"

namespace gnomon {

Learner::Learner(std::unique_ptr<SequenceModel> model, const AdamWConfig& adamw, double clip,
                 size_t shards)
    : model_(std::move(model)),
      parameters_(model_->parameters()),
      optimizer_(parameters_, adamw),
      clip_(clip),
      shards_(shards) {}

Learner::Found Learner::differentiate(const Batch& batch, Context& context, bool check_finite,
                                      bool watched) {
  context.training = true;
  model_->clear_gradients();
  const Random noise = context.noise;
  const size_t scored = scored_tokens(batch);
  expect(scored > 0, "learner: targets [B,N]: expected at least one scored position, got none");

  const auto part = [&](size_t p) {
    const Batch mine = shards_ == 1 ? batch : part_of(batch, p, shards_);
    Sums sums;
    PointerWatch watch(watched ? model_->encoder().layers() : 0);
    if (watched) watch.look_through(context);
    sums.scored = static_cast<double>(scored_tokens(mine));
    if (sums.scored > 0) {
      if (shards_ > 1) context.noise = noise.split(p);
      Tape tape;
      tape.check_finite(check_finite);
      const auto found = model_->score(mine, context);
      const double weight = sums.scored / static_cast<double>(scored);
      tape.backward(found.loss, Array(found.loss.shape(), static_cast<real>(weight)));
      sums.loss = sums.scored * double{found.loss.value().item()};
      sums.right = static_cast<double>(count_right(found, mine));
    }
    sums.pointers = watch.sums();
    if (shards_ > 1) sums.gradient = gathered_gradient(), model_->clear_gradients();
    return sums;
  };
  const Machines& machines = Machines::world();
  const size_t own = shards_ / machines.count();
  expect(own > 0, "learner: expected at least {} shards, one for each process, got {}",
         machines.count(), shards_);
  Sums sums;
  machines.together([&] { sums = sum_of_branch(own * machines.rank(), own, part); });
  machines.sum(sums);
  if (shards_ > 1) hand_out(sums.gradient);

  Found found{static_cast<real>(sums.loss / sums.scored), sums.right / sums.scored};
  found.pointers = PointerWatch::summaries(sums.pointers);
  found.gradient_norm = clip_gradients(parameters_, clip_);
  profile_lap("clipping");
  return found;
}

/// The gradients of all parameters, one after the other; zeros where none arrived.
Array Learner::gathered_gradient() const {
  Array all({model_->parameter_count()});
  real* to = all.data();
  for (const Parameter& p : parameters_) {
    const Array& g = p.var->grad();
    to = g.empty() ? std::fill_n(to, p.var->value().size(), real{0})
                   : std::copy(g.begin(), g.end(), to);
  }
  profile_lap("parts");
  return all;
}

void Learner::hand_out(const Array& gradient) {
  const real* from = gradient.data();
  for (const Parameter& p : parameters_) {
    p.var->grad() = Array(p.var->shape());
    std::copy_n(from, p.var->grad().size(), p.var->grad().begin());
    from += p.var->grad().size();
  }
  profile_lap("parts");
}

void Learner::update(double rate) {
  optimizer_.step(rate);
  profile_lap("adamw");
}

size_t count_right(const SequenceModel::Scored& scored, const Batch& batch) {
  size_t right = 0;
  for (size_t m = 0; m < scored.positions.size(); ++m)
    right += scored.predicted.data()[m] == batch.targets.data()[scored.positions.data()[m]];
  return right;
}

}  // namespace gnomon
