#include "tools/bench/runner.hpp"

#include <sys/resource.h>

#include <deque>

#include "core/counters.hpp"
#include "core/memory.hpp"
#include "tools/bench/peer.hpp"
#include "tools/progress.hpp"
#include "tools/training/generation.hpp"
#include "tools/training/learner.hpp"

namespace gnomon {
namespace {

constexpr size_t kMostTimes = 3;  // that noisy figures are taken

/// Random tokens; every one has a target.
Batch random_batch(size_t batch, size_t length, size_t vocabulary) {
  Batch b{Index({batch, length}), Index({batch, length})};
  Random random(1);
  for (Index* numbers : {&b.tokens, &b.targets})
    for (int32_t& number : *numbers)
      number = static_cast<int32_t>(random.below(static_cast<uint32_t>(vocabulary)));
  return b;
}

size_t page_faults() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<size_t>(use.ru_minflt + use.ru_majflt);
}

/// One of our models, ready to be trained.
class Trained {
 public:
  Trained(ModelKind& kind, const BenchPlan& plan)
      : learner_(kind.make(plan.vocabulary)),
        batch_(random_batch(plan.batch, plan.length, plan.vocabulary)) {
    learner_.model().initialise(1);
  }
  double step() {
    const Stopwatch watch;
    Context context;
    learner_.differentiate(batch_, context);
    learner_.update(1e-3);
    return watch.seconds();
  }
  double forward() {
    const Stopwatch watch;
    Context context;
    learner_.model().score(batch_, context);
    return watch.seconds();
  }
  size_t parameters() const { return learner_.model().parameter_count(); }
  size_t state_numbers() const {
    Index one({1, batch_.tokens.shape()[1]});
    std::copy_n(batch_.tokens.data(), one.size(), one.data());
    return state_numbers_after(learner_.model(), one);
  }

 private:
  Learner learner_;
  Batch batch_;
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

  bool first_time = true;
  const auto time_steps = [&] {
    std::vector<std::vector<double>> steps(results.size()), ratios(results.size());
    for (size_t i = 0; i < models.size(); ++i) results[i].faults = results[i].system_blocks = 0;
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
        if (first_time) tick();
      }
    first_time = false;
    bool noisy = false;
    for (size_t i = 0; i < results.size(); ++i) {
      results[i].step = Spread(steps[i]), results[i].against = Spread(ratios[i]);
      noisy |= results[i].noisy();
    }
    return noisy;
  };
  measure_again(kMostTimes, time_steps);
  for (size_t i = 0; i < models.size(); ++i) {
    if (plan.profile) {
      const Profile profile;
      for (size_t r = 0; r < plan.repeats; ++r) models[i].step();
      results[i].profile = profile.lines();
    }
    models[i].forward();
  }
  measure_again(kMostTimes, [&] {
    std::vector<std::vector<double>> forwards(models.size());
    for (size_t r = 0; r < plan.repeats; ++r)
      for (size_t i = 0; i < models.size(); ++i) forwards[i].push_back(models[i].forward());
    bool noisy = false;
    for (size_t i = 0; i < models.size(); ++i) {
      results[i].forward = Spread(forwards[i]);
      noisy |= results[i].forward.noisy();
    }
    return noisy;
  });
  for (size_t i = 0; i < results.size(); ++i) {
    BenchResult& result = results[i];
    result.tokens_per_s = static_cast<double>(plan.batch * plan.length) / result.step.median;
    if (i >= models.size()) continue;
    result.state_numbers = models[i].state_numbers();
    result.faults /= static_cast<double>(plan.repeats);
    result.system_blocks /= static_cast<double>(plan.repeats);
    tick();
  }
  return results;
}

}  // namespace gnomon
