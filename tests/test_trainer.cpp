// What the trainer does beside training.
#include "tools/training/trainer.hpp"

#include <doctest/doctest.h>

using namespace gnomon;

namespace {

std::unique_ptr<Experiment> small() {
  return Experiment::of_run(Arguments::of_text(
      "model = pointer\ntask = copy\npayload = 2\nlength = 9\nlayers = 1\n"
      "width = 8\nfeed-forward = 8\nbatch = 3\nselection = gumbel\ndropout = 0.2\n",
      "small.ini"));
}

std::vector<real> numbers(Trainer& trainer) {
  std::vector<real> all;
  for (const Parameter& p : trainer.model().parameters())
    all.insert(all.end(), p.var->value().begin(), p.var->value().end());
  return all;
}

}  // namespace

TEST_CASE("trainer: a rehearsal is a whole step that changes nothing") {
  const auto experiment = small();
  Trainer rehearsed(*experiment), other(*experiment);
  const auto before = numbers(rehearsed);
  rehearsed.rehearse();
  CHECK(numbers(rehearsed) == before);
  CHECK(rehearsed.steps() == 0);
  for (int step = 0; step < 3; ++step) {
    const StepReport a = rehearsed.step(), b = other.step();
    CHECK(a.loss == b.loss);
    CHECK(a.gradient_norm == b.gradient_norm);
  }
  CHECK(numbers(rehearsed) == numbers(other));
  CHECK(numbers(rehearsed) != before);
  CHECK(rehearsed.steps() == 3);
}

TEST_CASE("trainer: a step of a learner is forward, backward, clipping and AdamW") {
  const auto experiment = small();
  const Batch batch = experiment->task().test_batch(2, 9, Random(1));
  const auto made = [&] {
    auto model = experiment->make_model();
    model->initialise(4);
    return model;
  };
  Learner learner(made(), {}, 0.5);
  const auto twin = made();
  AdamW adamw(twin->parameters());
  for (int step = 0; step < 3; ++step) {
    Context context, same;
    same.training = true;
    const auto found = learner.differentiate(batch, context);
    learner.update(0.01);
    twin->clear_gradients();
    Tape tape;
    const auto scored = twin->score(batch, same);
    tape.backward(scored.loss);
    CHECK(found.gradient_norm == clip_gradients(twin->parameters(), 0.5));
    adamw.step(0.01);
    CHECK(found.loss == scored.loss.value().item());
  }
}
