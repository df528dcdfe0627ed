// The program `gnomon`: finds the subcommand, and turns every error into one sentence and an exit
// code.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/machines.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

std::string usage() {
  std::string text =
      "usage: gnomon COMMAND [options]      gnomon COMMAND --help lists its options\n";
  for (const Place place : {Place::lists, Place::training, Place::using_runs, Place::judging}) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& [name, entry] : registry<Command>())
      if (entry.make()->place == place)
        lines.push_back({fmt::format("  {:<10}", name), entry.summary});
    text += "\n" + listed(lines);
  }
  return text;
}

Exit run(const Words& words) {
  if (words.empty()) fail(Fault::option, "which command? `gnomon --help` lists them");
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help")
    print(usage());
  else if (words[0] == "--version")
    print("gnomon " GNOMON_VERSION "\n");
  else {
    const auto command = make_registered<Command>(shortened(words[0]), "command");
    if (Machines::started() > 1 && !command->on_ranks)
      fail(Fault::option, "mpirun: {} is one process; call it without mpirun", words[0]);
    return command->run({words.begin() + 1, words.end()});
  }
  return Exit::ok;
}

Exit exit_of(Fault fault) {
  switch (fault) {
    case Fault::option:
      return Exit::usage;
    case Fault::data:
      return Exit::input;
    case Fault::diverged:
      return Exit::diverged;
    case Fault::io:
      return Exit::io;
    case Fault::misuse:
      break;
  }
  return Exit::internal;
}

/// A file opened later must not get the number of a closed standard stream, or a table meant for
/// the screen would land in it. Opened for the wrong direction: using it is an error, as before.
void reserve_standard_streams() {
  for (const int fd : {0, 1, 2})
    if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
      std::_Exit(static_cast<int>(Exit::io));
}

Machines::Outcome outcome_of(const Words& words) {
  const auto ended = [](Exit exit, const std::string& sentence) {
    return Machines::Outcome{static_cast<int>(exit), sentence};
  };
  try {
    return ended(run(words), "");
  } catch (const Machines::Left& left) {
    return left.outcome;
  } catch (const Error& error) {
    return ended(exit_of(error.fault()), spelled(error));
  } catch (const Ended& how) {
    return ended(how.code, how.code == Exit::unread ? "" : how.what());
  } catch (const std::bad_alloc&) {
    return ended(Exit::io, "out of memory; a smaller --batch, --length or --width needs less");
  } catch (const std::exception& error) {
    return ended(Exit::internal, error.what());
  }
}

}  // namespace
}  // namespace gnomon

int main(int count, char** words) {
  using namespace gnomon;
  // oneDNN packs matrices into fresh memory in every product: what it gives back is kept, so that
  // no step pays page faults for it.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  // A closed pipe and a file that may not grow are errors of write(), not the end.
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
  reserve_standard_streams();
  const Machines::Outcome outcome =
      Machines::leave(outcome_of(Words(words + std::min(count, 1), words + count)));
  if (!outcome.sentence.empty()) complain(outcome.sentence);
  return outcome.code;
}
