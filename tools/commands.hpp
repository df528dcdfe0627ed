// The subcommands of `gnomon`: one file each, which registers itself.
//
//   const Registration<Command> kTrain{"train", "one line", command(Place::training, train)};
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/registry.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {

/// How the program ends; scripts rely on it.
enum class Exit : int {
  ok = 0,
  internal = 1,       ///< a fault of ours
  usage = 2,          ///< a wrong option
  input = 3,          ///< a file or data that cannot be used
  diverged = 4,       ///< a number that is not finite
  io = 5,             ///< the machine: disk full, read-only, out of memory, ...
  interrupted = 130,  ///< Ctrl-C, after a saved checkpoint
  unread = 141,       ///< whoever read the standard output has left: as SIGPIPE, in silence
};
/// Thrown to end the program otherwise than by a fault of its own: interrupted, or as a command
/// that it ran has ended.
struct Ended : std::runtime_error {
  Ended(Exit exit, const std::string& sentence) : std::runtime_error(sentence), code(exit) {}
  Exit code;
};

using Words = std::vector<std::string>;  ///< the command line behind the subcommand

/// Where a command stands in the usage text.
enum class Place { lists, training, using_runs, judging };

struct Command {
  Place place;
  Exit (*run)(const Words& words);
  bool on_ranks = false;  ///< under mpirun all ranks run it (tools/training/machines.hpp)
};

inline std::function<std::unique_ptr<Command>()> command(Place place,
                                                         Exit (*run)(const Words& words),
                                                         bool on_ranks = false) {
  return [=] { return std::make_unique<Command>(Command{place, run, on_ranks}); };
}

/// Reads a command's words into its options. False: its help was asked for, and is printed.
template <class Config>
bool read_words(const Words& words, const std::string& usage, Config& config) {
  const Arguments arguments(words);
  Options options;
  config.declare(options);
  if (arguments.help())
    print(usage + options.help());
  else
    arguments.set_all(options);
  return !arguments.help();
}

/// Of a command that has no options.
struct NoOptions {
  void declare(Options&) {}
};

}  // namespace gnomon
