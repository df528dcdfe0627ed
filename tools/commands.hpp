// tools/commands.hpp
// The subcommands of `gnomon`, one file each; main.cpp lists them in a table.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace gnomon {

/// How the program ends; scripts rely on it.
enum class Exit : int {
  ok = 0,
  internal = 1,       ///< a fault of ours
  usage = 2,          ///< a wrong option
  input = 3,          ///< a file or data that cannot be used
  diverged = 4,       ///< a number that is not finite
  io = 5,             ///< disk full, read-only, ...
  interrupted = 130,  ///< Ctrl-C, after a saved checkpoint
};
/// Thrown to end the program otherwise than by a fault of its own: interrupted, or as a command
/// that it ran has ended.
struct Ended : std::runtime_error {
  Ended(Exit exit, const std::string& sentence) : std::runtime_error(sentence), code(exit) {}
  Exit code;
};

using Words = std::vector<std::string>;  ///< the command line behind the subcommand

Exit train(const Words& words);
Exit evaluate(const Words& words);
Exit generate(const Words& words);
Exit inspect(const Words& words);
Exit reproduce(const Words& words);
Exit list_models(const Words& words);
Exit list_tasks(const Words& words);
Exit list_variants(const Words& words);
Exit gradcheck_table(const Words& words);
Exit bench(const Words& words);

}  // namespace gnomon
