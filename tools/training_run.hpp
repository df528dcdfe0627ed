// A run from where it stands to its end: steps, log, validations, checkpoints.
#pragma once

#include "tools/commands.hpp"
#include "tools/signals.hpp"
#include "tools/training/evaluation.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {

/// Each length of --validate-length, on `batches` batches; numbers that are not finite are NaN.
std::vector<Evaluation> validate(Trainer& trainer, size_t batches);

/// Runs until it is to stop, or to the first signal; prints what came of it. Only the first of
/// several processes has a directory.
Exit run_to_end(Trainer& trainer, RunDirectory* directory, RunState state, bool quiet,
                const Interruptible& interruptible);

}  // namespace gnomon
