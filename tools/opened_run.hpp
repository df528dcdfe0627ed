// A trained run, opened: what eval, generate and inspect begin with.
#pragma once

#include "tools/training/experiment.hpp"

namespace gnomon {

/// --checkpoint: which of a run's files.
void declare_checkpoint(Fields& f, std::string& checkpoint);

struct OpenedRun {
  /// Reads config.ini, starts the engine (tools/engine.hpp) and loads the file that `checkpoint`
  /// names (checkpoint_file in run_directory.hpp); says which it is when it is not the last, and
  /// complains of options in config.ini that are passed over. `with_data` false: the task's files
  /// need not be there. Throws Error(Fault::option) for an empty path and as Experiment,
  /// Error(Fault::data) for files that cannot be used.
  OpenedRun(const std::string& path, const std::string& checkpoint, size_t threads,
            bool with_data = true);
  const Task& task() const { return experiment->task(); }

  std::unique_ptr<Experiment> experiment;
  std::unique_ptr<SequenceModel> model;
  size_t step = 0;  ///< after which the parameters are; 0: the file does not say
};

}  // namespace gnomon
