// tools/list.cpp
// gnomon models | tasks | variants: what is registered, one line each.
#include "core/base/registry.hpp"
#include "models/sequence_model.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "tasks/task.hpp"
#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

template <class T>
std::string lines() {
  std::string text;
  for (const auto& [name, entry] : registry<T>())
    text += fmt::format("{:<16}{}\n", name, entry.summary);
  return text;
}

Exit list(const Words& words, const std::string& usage, const std::string& text) {
  const Arguments arguments(words);
  Fields none;
  if (!arguments.help()) arguments.set_all(none);
  print(arguments.help() ? usage : text);
  return Exit::ok;
}

}  // namespace

Exit list_models(const Words& words) {
  return list(
      words, "usage: gnomon models\nOptions of one: gnomon train --model NAME --task TASK --help\n",
      lines<ModelKind>());
}

Exit list_tasks(const Words& words) {
  return list(
      words, "usage: gnomon tasks\nOptions of one: gnomon train --model MODEL --task NAME --help\n",
      lines<Task>());
}

Exit list_variants(const Words& words) {
  return list(words,
              "usage: gnomon variants\nMixers are chosen by: gnomon train --mixers NAME,...\n"
              "Candidate sources of the mixer `pointer`: gnomon train --sources NAME,...\n",
              "mixers:\n" + lines<MixerKind>() + "\ncandidate sources of the pointer mixer:\n" +
                  lines<CandidateSource>());
}

}  // namespace gnomon
