// How a run is watched while it trains, and when it ends before its last step. What is decided
// follows from the run's own log alone, so a run that was interrupted and resumed decides the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/fields.hpp"
#include "tasks/task.hpp"

namespace gnomon {

/// Validation: every `every` steps, and after the last, the model answers batches that are the same
/// each time, from R.split("validation").split(length), R = Random(seed), by hard pointers. It
/// changes nothing: a run has the same bits with and without it.
struct ValidationConfig {
  size_t every = 0, batches = 4;   // every 0: never
  std::string lengths;             // separated by commas; empty: that of training
  std::string watch = "accuracy";  // or "exact", "loss": which of its numbers decides
  void declare(Fields& f);
  bool wanted() const { return every > 0; }
  /// At which lengths; `trained`: that of training. Throws Error(Fault::option).
  std::vector<size_t> lengths_for(size_t trained) const;
  /// What is watched, as metrics.jsonl has it: "validation_accuracy".
  std::string watched() const { return "validation_" + watch; }
};

/// When a run ends before its last step.
struct StopConfig {
  std::string target;  // of the watched number; empty: none
  size_t target_times = 2;
  size_t patience = 0, patience_from = 0;  // validations (0: no patience); a step
  double patience_delta = 0;
  double seconds = 0;  // of training, validation and saving not counted; 0: any
  size_t at = 0;       // a step; 0: none
  void declare(Fields& f);
};

/// Throws Error(Fault::option) for what cannot be watched of this task, or in a run that is not;
/// Error(Fault::data) where the task's data has no sequence of such a length.
void check_watching(const ValidationConfig& validation, const StopConfig& stop, const Task& task,
                    size_t trained);

/// What the validations of a run have come to, one after the other.
struct Standing {
  std::optional<double> best;  ///< never NaN
  size_t best_step = 0;
  std::optional<double> reference;  ///< what the next one must beat by more than the delta, ...
  size_t without = 0;               ///< ... and how many have not since
  size_t reached = 0;               ///< how many in a row have reached the target

  /// The watched number after `step`. True: the best so far. Equal is not better; NaN is never good
  /// for anything.
  bool add(size_t step, double value, const ValidationConfig& validation, const StopConfig& stop);
  /// Why the run is to end now: "target", "patience" or "".
  std::string reason(const StopConfig& stop) const;
};

}  // namespace gnomon
