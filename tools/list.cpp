// gnomon models | tasks | variants: what is registered, one line each.
#include <numeric>

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

/// How many numbers one sequence of a model keeps when 64 tokens are read, and how many more each
/// further token adds.
std::string state_of(ModelKind& kind) {
  constexpr size_t V = 64, N = 64;
  const auto model = kind.make(V);
  model->initialise(1);
  const auto state = model->state(1);
  size_t numbers[2];
  for (size_t& now : numbers) {
    Context context;
    context.tokens = Index({1, N});
    std::iota(context.tokens.begin(), context.tokens.end(), 0);
    model->encode(context, state.get());
    now = state_numbers(*state);
  }
  const size_t each = (numbers[1] - numbers[0]) / N;
  return each == 0 ? fmt::format("{}", numbers[0]) : fmt::format("+{} a token", each);
}

struct Described {
  std::string name, cost, state, meaning;
};

std::string table(const std::vector<Described>& rows) {
  std::string text;
  const auto width = [&](std::string Described::*column) {
    size_t widest = 0;
    for (const Described& row : rows) widest = std::max(widest, (row.*column).size());
    return widest;
  };
  for (const Described& row : rows)
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {}\n", row.name, width(&Described::name), row.cost,
                        width(&Described::cost), row.state, width(&Described::state), row.meaning);
  return text;
}

/// Of a model: the costs of its kinds of mixer, each once.
std::string cost_of(ModelKind& kind) {
  std::vector<std::string> costs;
  for (const auto& [name, mixer] : kind.mixers()) costs.push_back(mixer->cost());
  return fmt::format("{}", fmt::join(costs, " + "));
}

std::string models() {
  std::vector<Described> rows{{"model", "cost", "state", "what it is"}};
  for (const auto& [name, entry] : registry<ModelKind>()) {
    const auto kind = entry.make();
    rows.push_back({name, cost_of(*kind), state_of(*kind), entry.summary});
  }
  return table(rows);
}

std::string mixers() {
  std::vector<Described> rows{{"mixer", "cost", "state", "what it is"}};
  for (const auto& [name, entry] : registry<MixerKind>()) {
    ModelKind kind({.encoder = {.layers = 1, .width = 64, .heads = 2}, .mixers = name});
    rows.push_back({name, cost_of(kind), state_of(kind), entry.summary});
  }
  return table(rows);
}

constexpr char kColumns[] =
    "\ncost: how the work of a layer grows, beside its products with weights. state: numbers that "
    "a\nsequence keeps{}, or that each token adds.\n";

const Registration<Command> kModels{
    "models", "what can be trained, one line each", command(Place::lists, [](const Words& words) {
      return list(words,
                  "usage: gnomon models\nOptions of one: gnomon train --model NAME --task TASK "
                  "--help\n",
                  models() + fmt::format(kColumns, ""));
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
                  mixers() + fmt::format(kColumns, " in one layer of width 64 with 2 heads") +
                      "\ncandidate sources of the pointer mixer:\n" + lines<CandidateSource>());
    })};

}  // namespace
}  // namespace gnomon
