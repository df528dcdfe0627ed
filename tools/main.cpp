// The program `gnomon`: finds the subcommand, and turns every error into one sentence and an exit
// code (core/base/error.hpp).
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "core/base/fields.hpp"
#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

struct Command {
  std::string name, summary;
  Exit (*run)(const Words& words);
};

const std::vector<Command> kCommands{
    {"models", "what can be trained, one line each", list_models},
    {"tasks", "what it can be trained on", list_tasks},
    {"variants", "kinds of mixer, and the sources of pointer candidates", list_variants},
    {"train", "trains a model on a task; --resume continues", train},
    {"eval", "accuracy of a trained model beside chance, at any length", evaluate},
    {"inspect", "where every token points: a page, figures, JSON", inspect},
    {"reproduce", "what the paper reports, theirs beside ours, in one report", reproduce},
    {"generate", "goes on where a prompt ends, one token at a time", generate},
    {"bench", "step time, tokens a second and memory of models", bench},
    {"gradcheck", "proves the gradient of every operation, one row each", gradcheck_table},
};

std::string usage() {
  std::string text =
      "usage: gnomon COMMAND [options]      gnomon COMMAND --help lists its options\n\n";
  for (const Command& c : kCommands) text += fmt::format("  {:<11}{}\n", c.name, c.summary);
  return text;
}

Exit run(const Words& words) {
  if (words.empty()) fail(Fault::option, "which command? `gnomon --help` lists them");
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print(usage());
    return Exit::ok;
  }
  Words names;
  for (const Command& c : kCommands) {
    if (c.name == words[0]) return c.run({words.begin() + 1, words.end()});
    names.push_back(c.name);
  }
  const std::string near = nearest(words[0], names);
  fail(Fault::option, "unknown command '{}'{}; there are: {}", shortened(words[0]),
       near.empty() ? "" : ", did you mean '" + near + "'?", fmt::join(names, ", "));
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

}  // namespace
}  // namespace gnomon

int main(int count, char** words) {
  using namespace gnomon;
  // oneDNN packs matrices into fresh memory in every product: what it gives back is kept, so that
  // no step pays page faults for it.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), not the end
  reserve_standard_streams();
  try {
    return static_cast<int>(run(Words(words + std::min(count, 1), words + count)));
  } catch (const Error& error) {
    complain(spelled(error));
    return static_cast<int>(exit_of(error.fault()));
  } catch (const Ended& ended) {
    complain(ended.what());
    return static_cast<int>(ended.code);
  } catch (const std::bad_alloc&) {
    complain("out of memory; a smaller --batch, --length or --width needs less");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return static_cast<int>(Fault::misuse);
}
