// gnomon models | tasks | variants: what is registered, one line each.
#include "core/base/registry.hpp"
#include "models/sequence_model.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "tasks/sequence_folder.hpp"
#include "tasks/task.hpp"
#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

template <class T>
std::string lines() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, entry] : registry<T>()) all.push_back({name, entry.summary});
  return listed(all);
}

Exit list(const Words& words, const std::string& usage, const std::string& text) {
  NoOptions none;
  if (read_words(words, usage, none)) print(text);
  return Exit::ok;
}

const Registration<Command> kModels{
    "models", "what can be trained, one line each", command(Place::lists, [](const Words& words) {
      return list(words,
                  "usage: gnomon models\nOptions of one: gnomon train --model NAME --task TASK "
                  "--help\n",
                  lines<ModelKind>());
    })};

struct TasksConfig {
  std::string check, overlap = "refused";
  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("check", check, "folder of sequences that is read and judged instead: tasks/README.md");
    f.choice("overlap", overlap, {"refused", "allowed"},
             "with --check: lines that stand in the training part and in another");
  }
};

Exit tasks(const Words& words) {
  TasksConfig config;
  if (!read_words(words,
                  "usage: gnomon tasks [--check FOLDER]\nOptions of one: gnomon train --model "
                  "MODEL --task NAME --help\n",
                  config))
    return Exit::ok;
  if (config.check.empty()) {
    if (config.overlap != "refused") fail_option("overlap", "belongs to --check");
    print(lines<Task>());
    return Exit::ok;
  }
  const SequenceFolder folder(config.check, config.overlap == "allowed");
  print(folder.described());
  for (const std::string& warning : folder.warnings())
    complain(fmt::format("warning: {}: {}", config.check, warning));
  return Exit::ok;
}

const Registration<Command> kTasks{"tasks", "what it can be trained on; judges a folder of yours",
                                   command(Place::lists, tasks)};
const Registration<Command> kVariants{
    "variants", "kinds of mixer, and the sources of pointer candidates",
    command(Place::lists, [](const Words& words) {
      return list(words,
                  "usage: gnomon variants\nMixers are chosen by: gnomon train --mixers NAME,...\n"
                  "Candidate sources of the mixer `pointer`: gnomon train --sources NAME,...\n",
                  "mixers:\n" + lines<MixerKind>() + "\ncandidate sources of the pointer mixer:\n" +
                      lines<CandidateSource>());
    })};

}  // namespace
}  // namespace gnomon
