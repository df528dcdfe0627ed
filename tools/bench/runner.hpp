// Times models at one length, in turn: one step of each, then the next step of each. What disturbs
// the machine for a while then disturbs all of them, and their ratios stay true. What is noisy all
// the same is timed again, three times in all, and marked where that did not help.
#pragma once

#include <functional>

#include "core/profile.hpp"
#include "models/sequence_model.hpp"
#include "tools/bench/times.hpp"

namespace gnomon {

struct BenchResult {
  std::string model;
  size_t length = 0, parameters = 0;
  Spread forward, step;      ///< in seconds
  double tokens_per_s = 0;   ///< of training
  double gflop = 0;          ///< matrix products of a training step, counted
  double gemm_share = 0;     ///< of the machine's peak, by the median step
  Spread against;            ///< over the rounds, of (first model's step / this one's)
  double peak_mb = 0;        ///< largest amount of memory in arrays
  size_t state_numbers = 0;  ///< that a sequence of this length leaves behind
  double faults = 0;         ///< page faults in a step
  double system_blocks = 0;  ///< blocks that the pool had to ask the system for in a step
  Profile::Lines profile;    ///< of all repeats together
  bool noisy() const { return forward.noisy() || step.noisy() || against.noisy(); }
};

struct BenchPlan {
  size_t length, batch, vocabulary, repeats;
  bool profile, peer;
  int threads;
};

/// A result for each model, in order, with those of the PyTorch peer behind them ("pytorch
/// transformer") where the plan wants it and tools/peer.py has the model. `tick` is called once
/// after each of bench_ticks() pieces of work.
std::vector<BenchResult> run_bench(const BenchPlan& plan, const std::vector<std::string>& names,
                                   const std::vector<std::unique_ptr<ModelKind>>& kinds,
                                   const std::function<void()>& tick);
size_t bench_ticks(const BenchPlan& plan, size_t models);

}  // namespace gnomon
