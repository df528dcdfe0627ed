#include "tools/bench/runner.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <deque>

#include "core/counters.hpp"
#include "core/memory.hpp"
#include "tools/bench/peer.hpp"
#include "tools/progress.hpp"
#include "tools/training/optimizer.hpp"

namespace gnomon {
namespace {

/// Random tokens; every one has a target.
Batch random_batch(size_t batch, size_t length, size_t vocabulary) {
  Batch b{Index({batch, length}), Index({batch, length})};
  Random random(1);
  for (Index* numbers : {&b.tokens, &b.targets})
    for (int32_t& number : *numbers)
      number = static_cast<int32_t>(random.below(static_cast<uint32_t>(vocabulary)));
  return b;
}

double at_share(std::vector<double> values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Times times_of(const std::vector<double>& seconds) {
  return {at_share(seconds, 0.5), at_share(seconds, 0.25), at_share(seconds, 0.75)};
}

size_t page_faults() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<size_t>(use.ru_minflt + use.ru_majflt);
}

/// One of our models, ready to be trained.
class Trained {
 public:
  Trained(const ModelKind& kind, const BenchPlan& plan)
      : model_(kind.make(plan.vocabulary)),
        batch_(random_batch(plan.batch, plan.length, plan.vocabulary)) {
    model_->initialise(1);
    parameters_ = model_->parameters();
    optimizer_.emplace(parameters_);
  }
  double step() {
    const Stopwatch watch;
    Pass pass;
    pass.training = true;
    model_->clear_gradients();
    Tape tape;
    const auto scored = model_->score(batch_, pass);
    tape.backward(scored.loss);
    clip_gradients(parameters_, 1);
    profile_lap("clipping");
    optimizer_->step(1e-3);
    profile_lap("adamw");
    return watch.seconds();
  }
  double forward() {
    const Stopwatch watch;
    Pass pass;
    model_->score(batch_, pass);
    return watch.seconds();
  }
  size_t parameters() const { return model_->parameter_count(); }

 private:
  std::unique_ptr<SequenceModel> model_;
  Batch batch_;
  std::vector<Parameter> parameters_;
  std::optional<AdamW> optimizer_;
};

}  // namespace

size_t bench_ticks(const BenchPlan& plan, size_t models) { return models * (2 + plan.repeats); }

std::vector<BenchResult> run_bench(const BenchPlan& plan, const std::vector<std::string>& names,
                                   const std::vector<std::unique_ptr<ModelKind>>& kinds,
                                   const std::function<void()>& tick) {
  pool::trim();
  std::vector<BenchResult> results;
  std::vector<Trained> models;
  std::deque<Peer> peers;  // they cannot be moved
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t before = pool::use().in_use;
    pool::reset_peak();
    models.emplace_back(*kinds[i], plan);
    models.back().step();
    models.back().step();
    BenchResult& result = results.emplace_back();
    result.model = names[i], result.length = plan.length;
    result.parameters = models.back().parameters();
    result.peak_mb = 1e-6 * static_cast<double>(pool::use().peak - before);
    tick();
  }
  // A model may have been built in blocks that one before it gave back: now each gets its own.
  for (Trained& model : models) model.step();
  for (size_t i = 0; plan.peer && i < names.size(); ++i)
    if (peer_has(names[i])) {
      peers.emplace_back(names[i], plan.length, plan.batch, plan.vocabulary, plan.threads);
      peers.back().step();
      BenchResult& result = results.emplace_back();
      result.model = "pytorch " + names[i], result.length = plan.length;
      result.parameters = peers.back().parameters();
    }

  std::vector<std::vector<double>> steps(results.size()), ratios(results.size()),
      forwards(names.size());
  for (size_t r = 0; r < plan.repeats; ++r)
    for (size_t i = 0; i < results.size(); ++i) {
      const size_t faults = page_faults(), blocks = pool::use().system_calls;
      counters.reset();
      steps[i].push_back(i < models.size() ? models[i].step() : peers[i - models.size()].step());
      ratios[i].push_back(steps[0].back() / steps[i].back());
      if (i >= models.size()) continue;
      results[i].gflop = 1e-9 * static_cast<double>(counters.matrix_flops);
      results[i].faults += static_cast<double>(page_faults() - faults);
      results[i].system_blocks += static_cast<double>(pool::use().system_calls - blocks);
      tick();
    }
  for (size_t i = 0; i < models.size(); ++i) {
    if (plan.profile) {
      const Profile profile;
      for (size_t r = 0; r < plan.repeats; ++r) models[i].step();
      results[i].profile = profile.lines();
    }
    models[i].forward();
  }
  for (size_t r = 0; r < plan.repeats; ++r)
    for (size_t i = 0; i < models.size(); ++i) forwards[i].push_back(models[i].forward());
  for (size_t i = 0; i < results.size(); ++i) {
    BenchResult& result = results[i];
    result.step = times_of(steps[i]);
    result.against = at_share(ratios[i], 0.5);
    result.tokens_per_s = static_cast<double>(plan.batch * plan.length) / result.step.median;
    if (i >= models.size()) continue;
    result.forward = times_of(forwards[i]);
    result.faults /= static_cast<double>(plan.repeats);
    result.system_blocks /= static_cast<double>(plan.repeats);
    tick();
  }
  return results;
}

}  // namespace gnomon
