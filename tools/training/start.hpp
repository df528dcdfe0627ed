// Where a run begins that does not begin from nothing: with the weights of another (--from), or
// with its parameters, moments and step (--continue). What was brought is kept in the new run as
// start.safetensors, so that it begins with the same bits again when the other has changed or gone.
#pragma once

#include "tools/training/run_directory.hpp"

namespace gnomon {

struct Start {
  TensorFile brought = {};    ///< no tensors: nothing was
  std::string sentence = {};  ///< what was taken, for the user; empty: all
  RunState state = {};

  /// Writes start.safetensors, and continued.json where there is a run to name.
  void keep(const StartConfig& config, const RunDirectory& directory) const;
};

/// The start.safetensors beside the configuration, when its file decides; else the file that the
/// options name; "": neither.
std::string start_file(const StartConfig& config, const Arguments& arguments);

/// Puts a fresh trainer where `file` says. Throws Error(Fault::option) where --schedule-from is
/// missing and matters (the sentence has the rates), when no step is left, and as take_parameters;
/// Error(Fault::data) for files that cannot be used.
Start begin(Trainer& trainer, const std::string& file);

/// With --continue RUN on the command line: the options of RUN stand below those given, without
/// what belonged to its own beginning and end.
Arguments with_continued(Arguments arguments);

}  // namespace gnomon
