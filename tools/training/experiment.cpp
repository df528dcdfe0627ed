#include "tools/training/experiment.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

namespace gnomon {
namespace {

/// Options of earlier versions, with their defaults: a config.ini may hold them.
const std::map<std::string, std::string> kOnce{{"credit", "false"}};

struct Owners {
  std::vector<std::string> names;
  std::string initial;  // the option's default
};

/// The registered Ts that have an option of this name, without the chosen ones.
template <class T, class Declare>
Owners owners(const std::string& option, const std::vector<std::string>& chosen, Declare declare) {
  Owners found;
  for (const auto& [name, entry] : registry<T>()) {
    if (std::find(chosen.begin(), chosen.end(), name) != chosen.end()) continue;
    const auto made = entry.make();
    Fields fields;
    declare(*made, fields);
    if (const Field* field = fields.find(option)) {
      found.names.push_back(name);
      found.initial = field->value;
    }
  }
  return found;
}

}  // namespace

void TrainingConfig::declare(Fields& f, const std::string& length_meaning) {
  constexpr size_t kMany = 1'000'000'000;
  f.integer("steps", steps, 1, kMany, "how many steps to train");
  f.integer("batch", batch, 1, 1 << 20, "sequences a step");
  f.integer("length", length, 1, size_t{1} << 30,
            "longest sequences to train on: " + length_meaning);
  f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(),
            "of the start, the data and the noise");
  f.integer("shards", shards, 1, 1 << 20,
            "parts of a batch, done one after the other (less memory) or by as many machines; a "
            "power of two that divides --batch");
  f.number("clip", clip, 1e-6, 1e6, "largest norm of the gradient of a step");
  f.flag("shuffle-targets", shuffle_targets,
         "control: the targets of a batch change places, so that there is nothing to learn");
  f.integer("log-every", log_every, 0, kMany,
            "steps between lines of metrics.jsonl; 0: about 200 lines in all");
  f.integer("checkpoint-every", checkpoint_every, 1, kMany, "steps between checkpoints");
  f.integer("keep-last", keep_last, 0, 1'000'000,
            "also keeps so many of the last ones, as checkpoint-STEP.safetensors");
  f.integer("snapshots", snapshots, 0, 1000,
            "models kept over the training, more of them early, as snapshot-STEP.safetensors");
  schedule.declare(f);
  adamw.declare(f);
}

void StartConfig::declare(Fields& f) {
  const auto absolute = [](const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
  };
  f.text("from", from,
         "begins with the weights of this run or safetensors file, by name and shape; a copy is "
         "kept as start.safetensors",
         absolute);
  f.flag("from-partial", partial,
         "allowed: weights of the model that --from does not have, and the other way round");
  f.text("continue", continued,
         "goes on where this run ended, with its options except those given, in a new directory",
         absolute);
  f.text("schedule-from", schedule_from,
         "how --continue takes the schedule up: whole (as if --steps had been planned at first), "
         "rest (warms up and decays over the steps left) or hold (rate and temperature stay)",
         [](const std::string& given) {
           if (!given.empty() && given != "whole" && given != "rest" && given != "hold")
             fail_option("schedule-from", "expected whole, rest or hold, got '{}'", given);
           return given;
         });
}

void declare_model(ModelKind& kind, const std::string& name, Options& options) {
  kind.config.declare(options.group("the model " + name, true));
  for (const auto& [mixer, made] : kind.mixers())
    made->declare(options.group("the mixer " + mixer, true));
}

std::optional<Foreign> foreign_option(const std::string& name, const SequenceModel::Config& chosen,
                                      const std::optional<std::string>& task) {
  auto of = owners<MixerKind>(name, split(chosen.mixers, ','), [](MixerKind& kind, Fields& f) {
    kind.declare(f);
    if (kind.anneals()) TemperatureConfig().declare(f);
  });
  if (!of.names.empty())
    return Foreign{fmt::format("belongs to the mixer {}, which is not among --mixers {}",
                               fmt::join(of.names, " or "), chosen.mixers),
                   of.initial};
  if (task) of = owners<Task>(name, {*task}, [](Task& each, Fields& f) { each.declare(f); });
  if (!of.names.empty())
    return Foreign{
        fmt::format("belongs to the task {}, and --task is {}", fmt::join(of.names, " or "), *task),
        of.initial};
  SequenceModel::Config learned;
  learned.encoder.position = "learned";
  Fields f;
  learned.declare(f);
  if (const Field* field = f.find(name))
    return Foreign{
        fmt::format("belongs to --position learned, and it is {}", chosen.encoder.position),
        field->value};
  const auto was = kOnce.find(name);
  if (was == kOnce.end()) return std::nullopt;
  return Foreign{"was an option of earlier versions", was->second};
}

ExperimentNames::ExperimentNames(const Arguments& arguments) {
  Fields names;
  names.text("model", model, "");
  names.text("task", task, "");
  names.text("mixers", mixers, "");
  names.text("position", position, "");
  arguments.set_known(names);
}

void ExperimentNames::declare(Fields& f) {
  f.text("model", model, "the model; `gnomon models` lists them");
  f.text("task", task, "the task; `gnomon tasks` lists them");
}

void ExperimentNames::apply(SequenceModel::Config& config) const {
  if (!mixers.empty()) config.mixers = mixers;
  if (!position.empty()) config.encoder.position = position;
}

Experiment::Experiment(ExperimentNames chosen) : names(std::move(chosen)) {
  if (names.model.empty())
    fail(Fault::option, "--model is missing; there are: {}",
         fmt::join(registered_names<ModelKind>(), ", "));
  if (names.task.empty())
    fail(Fault::option, "--task is missing; there are: {}",
         fmt::join(registered_names<Task>(), ", "));
  kind_ = make_registered<ModelKind>(names.model, "model");
  task_ = make_registered<Task>(names.task, "task");
  names.apply(kind_->config);
}

std::unique_ptr<Experiment> Experiment::unprepared(const Arguments& config,
                                                   const std::string& run) {
  auto experiment = std::make_unique<Experiment>(ExperimentNames(config));
  Options options;
  experiment->declare(options);
  config.set_all(options, &experiment->remarks);
  experiment->ini = options.ini();
  if (!run.empty()) experiment->task_->open(run);
  return experiment;
}

std::unique_ptr<Experiment> Experiment::of_run(const Arguments& config, const std::string& run) {
  auto experiment = unprepared(config, run);
  experiment->prepare();
  return experiment;
}

void Experiment::declare(Options& options) {
  names.declare(options.group("what learns what", true));
  training.declare(options.group("training", true), task_->length_meaning());
  Fields& watched = options.group("validation, and an early end", true);
  training.validation.declare(watched);
  training.stop.declare(watched);
  training.start.declare(options.group("a start from other weights", true));
  const auto& mixers = kind_->mixers();
  anneals =
      std::any_of(mixers.begin(), mixers.end(), [](const auto& m) { return m.second->anneals(); });
  if (anneals) training.temperature.declare(options.group("training of soft selections", true));
  declare_model(*kind_, names.model, options);
  task_->declare(options.group("the task " + names.task, true));
  options.foreign = [this](const std::string& name) {
    return foreign_option(name, kind_->config, names.task);
  };
}

void Experiment::prepare() {
  const size_t shards = training.shards;
  if ((shards & (shards - 1)) != 0 || training.batch % shards != 0)
    fail_option("shards", "expected a power of two that divides batch = {}, got {}", training.batch,
                shards);
  training.temperature.check();
  task_->prepare();
  task_->check_length(training.length);
  check_watching(training.validation, training.stop, *task_, training.length);
  if (training.stop.at > training.steps)
    fail_option("stop-at", "expected at most --steps = {}, got {}", training.steps,
                training.stop.at);
  if (!training.start.from.empty() && !training.start.continued.empty())
    fail_option("from", "does not go with --continue, which brings the weights along");
  for (const auto& [name, given, owner] :
       {std::tuple("from-partial", training.start.partial && training.start.from.empty(), "from"),
        std::tuple("schedule-from",
                   !training.start.schedule_from.empty() && training.start.continued.empty(),
                   "continue")})
    if (given) fail_option(name, "belongs to --{}, which is not given", owner);
}

}  // namespace gnomon
