// Training with its directory: steps are logged, validated and saved, until the run is over.
#pragma once

#include "tools/training/evaluation.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {

/// Each length of --validate-length, on `batches` batches; numbers that are not finite are NaN.
std::vector<Evaluation> validate(Trainer& trainer, size_t batches);

class RecordedTraining {
 public:
  /// From where trainer and state stand. Only the first of several processes has a directory.
  RecordedTraining(Trainer& trainer, RunDirectory* directory, RunState state);

  /// Was its last step taken? state().stop says why.
  bool ended() const { return !state_.stop.empty(); }
  const RunState& state() const { return state_; }
  /// Tokens a second of training in this session; 0: no step was taken.
  double speed() const { return session_seconds_ > 0 ? session_tokens_ / session_seconds_ : 0; }

  /// The next step, with all that is due after it. Throws as Trainer::step and RunDirectory::save.
  StepReport step();
  /// A checkpoint of where it stands.
  void save();

 private:
  size_t log_every() const;
  std::string last_reason(size_t step) const;
  void count(size_t tokens, double seconds);
  void write(const StepReport& report, bool logged, bool validated);
  bool log(const StepReport& report, bool validated);

  Trainer& trainer_;
  const TrainingConfig& training_;
  RunDirectory* directory_;
  const Machines& machines_ = Machines::world();
  RunState state_;
  double seconds_;  // of training, over all sessions
  double session_seconds_ = 0, session_tokens_ = 0, logged_seconds_ = 0, logged_tokens_ = 0;
};

}  // namespace gnomon
