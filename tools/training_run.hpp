// A run from where it stands to its end: steps, log, validations, checkpoints.
#pragma once

#include "tools/commands.hpp"
#include "tools/signals.hpp"
#include "tools/training/recorded_training.hpp"

namespace gnomon {

/// Runs until it is to stop, or to the first signal; prints what came of it. Only the first of
/// several processes has a directory.
Exit run_to_end(Trainer& trainer, RunDirectory* directory, RunState state, bool quiet,
                const Interruptible& interruptible);

}  // namespace gnomon
