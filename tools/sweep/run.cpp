#include "tools/sweep/run.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/file.hpp"
#include "tools/training/digest.hpp"
#include "tools/training/experiment.hpp"
#include "tools/training/safetensors.hpp"
#include "tools/version.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestFile = uint64_t{1} << 30;

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

bool there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

/// Options by name, as this program understands a config.ini, whatever build wrote it.
std::map<std::string, std::string> options_of(const std::string& ini, const std::string& path) {
  const auto experiment = Experiment::unprepared(Arguments::of_text(ini, path));
  return Arguments::of_text(experiment->ini, path).in_file();
}

/// Options that say where data lies, not what it is.
const std::vector<std::string> kPlaces{"file", "folder"};

/// Whether the data that the run has learned from is known by more than its place.
bool knows_data(const Run& run, const std::optional<Json>& done) {
  if (done && !word(*done, "data").empty()) return true;
  const std::string begun = run.file("checkpoint.safetensors");
  try {
    return there(begun) && read_tensor_header(begun).metadata.contains("data");
  } catch (const Error&) {  // damaged: whoever resumes it will say so
    return false;
  }
}

}  // namespace

std::string word(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string Run::name() const {
  return line->name() + (candidate.empty() ? "" : " " + spelled(candidate)) +
         (tuning ? ", tuning" : "") + fmt::format(", seed {}", seed);
}

std::vector<std::string> suited_words(const PlanLine& line, const Pairs& more) {
  const auto foreign = [&](const Pairs& over, const std::string& name) {
    const Arguments arguments(line.words(over));
    Experiment experiment{ExperimentNames(arguments)};
    Options options;
    experiment.declare(options);
    return options.foreign_to(name).has_value();
  };
  PlanLine suited = line;
  if (!line.recipe.empty()) {
    const auto of_recipe =
        Arguments::of_text(read_file(line.recipe, 1 << 20), line.recipe).in_file();
    const auto unsuited = [&](const auto& option) { return foreign(more, option.first); };
    if (std::ranges::any_of(of_recipe, unsuited)) {
      suited.recipe.clear();
      for (const auto& option : of_recipe)
        if (!unsuited(option) && std::ranges::none_of(line.options, [&](const auto& own) {
              return own.first == option.first;
            }))
          suited.options.insert(suited.options.begin(), option);
    }
  }
  std::erase_if(suited.options, [&](const auto& option) {
    return foreign(more, option.first) &&
           std::ranges::any_of(line.candidates,
                               [&](const Pairs& other) { return !foreign(other, option.first); });
  });
  return suited.words(more);
}

Resolved resolve(const std::vector<std::string>& words) {
  const Arguments arguments(words);
  Experiment experiment{ExperimentNames(arguments)};
  Options options;
  experiment.declare(options);
  arguments.set_all(options);
  experiment.prepare();
  return {options.ini(), experiment.task().fingerprint(), experiment.training.length,
          experiment.training.steps, experiment.make_model()->parameter_count()};
}

std::optional<Json> done_of(const Run& run) {
  const std::string path = run.file("done.json");
  if (!there(path)) return std::nullopt;
  try {
    Json done = parse_json(read_file(path, 1 << 20), path);
    if (done.is_object()) return done;
  } catch (const Error&) {  // damaged: as if it were not there
  }
  return std::nullopt;
}

void tell_where_data_lies(const Run& run) {
  const std::string path = run.file("config.ini");
  if (!there(path)) return;
  auto now = options_of(run.resolved.ini, path);
  const std::string ini = read_file(path, 1 << 20);
  std::istringstream lines(ini);
  std::string told, line;
  while (std::getline(lines, line)) {
    const std::string name(trimmed(line.substr(0, line.find('='))));
    const bool place = std::ranges::find(kPlaces, name) != kPlaces.end() && now.contains(name);
    told += (place ? name + " = " + now[name] : line) + "\n";
  }
  if (told == ini) return;
  // Killed between the two: its training is found finished by resuming it.
  const auto done = done_of(run);
  atomic_write(path, {told});
  if (!done) return;
  auto changed = nlohmann::ordered_json::parse(done->dump());
  if (word(*done, "config") == sha256(ini)) changed["config"] = sha256(told);
  atomic_write(run.file("done.json"), {changed.dump(1) + "\n"});
}

Json read_results(const std::string& path) {
  return parse_json(read_file(path, kLargestFile), path, {kLargestFile, 12}).at("results");
}

RunStatus state_of(const Run& run) {
  const std::string path = run.file("config.ini");
  if (!there(path)) return RunStatus::missing;
  const std::string ini = read_file(path, 1 << 20);
  auto now = options_of(run.resolved.ini, path), then = options_of(ini, path);
  const auto done = done_of(run);
  if (knows_data(run, done))  // it may lie elsewhere now
    for (const std::string& name : kPlaces) now.erase(name), then.erase(name);
  std::vector<std::string> changes;
  for (const auto& [name, value] : now)
    if (then[name] != value)
      changes.push_back(fmt::format("{} = {} (the plan: {})", name, then[name], value));
  if (!changes.empty())
    fail(Fault::option, "{}: this run has {}; move it away, or use another --out", run.folder,
         fmt::join(changes, ", "));
  if (!done || word(*done, "config") != sha256(ini)) return RunStatus::begun;
  if (word(*done, "data") != run.resolved.data)
    fail(Fault::option,
         "{}: this run has learned from other data ({}; the plan's: {}); move it away, or use "
         "another --out",
         run.folder, word(*done, "data"), run.resolved.data);
  if (word(*done, "status") == "failed") return RunStatus::failed;
  const std::string judged = run.file("eval.json");
  if (word(*done, "eval") != sha256(joined(run.judge)) || !there(judged)) return RunStatus::trained;
  if (word(*done, "judged") != sha256(read_file(judged, kLargestFile)))
    return RunStatus::trained;  // by hand, otherwise; or the file is damaged
  return RunStatus::finished;
}

void write_done(const Run& run, const std::optional<Failure>& failure, size_t threads,
                size_t jobs) {
  nlohmann::ordered_json done{{"status", failure ? "failed" : "finished"}};
  if (failure) done["code"] = failure->code, done["sentence"] = failure->sentence;
  const std::string model = run.file("model.safetensors");
  Metadata metadata;
  if (there(model)) metadata = read_tensor_header(model).metadata;
  done["stop"] = failure ? "failed" : metadata.contains("stop") ? metadata["stop"] : "steps";
  done["step"] = metadata.contains("step") ? std::stoul(metadata["step"]) : 0;
  done["config"] = sha256(read_file(run.file("config.ini"), 1 << 20));
  done["data"] = run.resolved.data;
  done["eval"] = sha256(joined(run.judge));
  if (!failure) done["judged"] = sha256(read_file(run.file("eval.json"), kLargestFile));
  done["model"] = there(model) ? sha256(read_file(model, kLargestFile)) : "";
  done["version"] = GNOMON_VERSION;
  done["commit"] = commit();
  done["machine"] = processor();
  done["date"] = today();
  done["threads"] = threads;
  done["jobs"] = jobs;
  done["by"] = "gnomon train " + joined(run.train) + " && gnomon eval " + joined(run.judge);
  atomic_write(run.file("done.json"), {done.dump(1) + "\n"});
}

}  // namespace gnomon
