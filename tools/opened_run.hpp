// A trained run, opened: what eval, generate and inspect begin with.
#pragma once

#include "tools/training/experiment.hpp"

namespace gnomon {

struct OpenedRun {
  /// Reads config.ini, starts the engine (tools/engine.hpp) and loads model.safetensors; complains
  /// of options in config.ini that are passed over. `with_data` false: the task's files need not be
  /// there. Throws Error(Fault::option) for an empty path and as Experiment, Error(Fault::data) for
  /// files that cannot be used.
  OpenedRun(const std::string& path, size_t threads, bool with_data = true);
  const Task& task() const { return experiment->task(); }

  std::unique_ptr<Experiment> experiment;
  std::unique_ptr<SequenceModel> model;
};

}  // namespace gnomon
