#include "tools/training/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/json.hpp"
#include "tools/training/digest.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestKept = uint64_t{1} << 32;

/// Left behind by atomic_write in a process that was killed.
bool is_temporary(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with(".gnomon-") && name.ends_with(".tmp");
}

/// Held until the descriptor is closed, by whatever end of the process.
int locked(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) != 0) {
    close(directory);
    fail(Fault::io, "{}: another process is training there", path);
  }
  return directory;  // -1: the first write says what is wrong
}

/// Throws unless a file with this metadata is of this configuration and data. Data that is known by
/// its fingerprint may lie elsewhere now.
void expect_same(const Metadata& metadata, const std::string& config, const Task& task,
                 const std::string& file) {
  const auto data = metadata.find("data");
  const bool known = data != metadata.end();
  if (const auto then = metadata.find("config"); then != metadata.end()) {
    // What belongs to nothing that was chosen, as in runs of earlier versions, makes no difference.
    const auto values = [&](const std::string& ini) {
      const auto effective = Experiment::unprepared(Arguments::of_text(ini, file))->ini;
      return Arguments::of_text(effective, file).in_file();
    };
    auto before = values(then->second), now = values(config);
    if (known)
      for (const char* name : {"file", "folder"}) before.erase(name), now.erase(name);
    for (const auto& [name, content] : task.kept())
      if (metadata.contains(name)) before.erase("pieces-from"), now.erase("pieces-from");
    std::vector<std::string> changes;
    for (const auto& [name, value] : before)
      if (!now.contains(name) || now[name] != value)
        changes.push_back(fmt::format("{} = {} (now {})", name, value,
                                      now.contains(name) ? now[name] : "missing"));
    for (const auto& [name, value] : now)
      if (!before.contains(name)) changes.push_back(fmt::format("no {} (now {})", name, value));
    if (!changes.empty())
      fail(Fault::data,
           "{}: config.ini has changed since; a changed run is a new run. It was trained with {}",
           file, fmt::join(changes, ", "));
  }
  if (known && !task.fingerprint().empty() && task.fingerprint() != data->second)
    fail(Fault::data,
         "{}: the data is not that it was trained on: that had {}, what config.ini names has {}",
         file, data->second, task.fingerprint());
  for (const auto& [name, content] : task.kept())
    if (const auto hash = metadata.find(name);
        hash == metadata.end() || hash->second != sha256(content))
      fail(Fault::data, "{}: {} is not the one that it was trained with", file, name);
}

/// N of "BEGIN-N.safetensors"; 0: another file.
size_t numbered(const fs::path& path, const std::string& begin) {
  const std::string name = path.filename().string(), end = ".safetensors";
  if (!name.starts_with(begin) || !name.ends_with(end)) return 0;
  const std::string digits = name.substr(begin.size(), name.size() - begin.size() - end.size());
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != digits.npos)
    return 0;
  return std::stoul(digits);
}

/// Tokens of the steps so far, in runs of versions that did not count them.
size_t count_tokens(const Experiment& experiment, size_t steps) {
  const TrainingConfig& training = experiment.training;
  size_t tokens = 0;
  for (size_t step = 1; step <= steps; ++step)
    tokens += experiment.task()
                  .train_batch(training.batch, training.length,
                               Random(training.seed).split("data").split(step))
                  .tokens.size();
  return tokens;
}

}  // namespace

NamedArrays everything(Trainer& trainer) {
  const auto moments = trainer.optimizer().moments();
  NamedArrays all(moments.begin(), moments.end());
  for (const Parameter& p : trainer.model().parameters())
    all.emplace_back("model." + p.name, p.var->value());
  return all;
}

size_t step_of(const Metadata& metadata, const std::string& file) {
  const auto found = metadata.find("step");
  try {
    return parse_integer(found == metadata.end() ? "" : found->second, 0, 1'000'000'000, "step");
  } catch (const Error& error) {
    fail(Fault::data, "{}: {}", file, error.what());
  }
}

std::unique_ptr<RunDirectory> RunDirectory::create(const std::string& path,
                                                   const std::string& config,
                                                   const KeptFiles& kept) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error))
    fail_option("out", "'{}' exists and is no directory", path);
  create_folder(path);
  return std::unique_ptr<RunDirectory>(new RunDirectory(path, &config, kept));
}

std::unique_ptr<RunDirectory> RunDirectory::open(const std::string& path) {
  return std::unique_ptr<RunDirectory>(new RunDirectory(path, nullptr, {}));
}

RunDirectory::RunDirectory(const std::string& path, const std::string* config,
                           const KeptFiles& kept)
    : path_(path),
      lock_(locked(path)),
      config_([&] {
        if (!config) return read_file(file("config.ini"), kLargestConfig);
        refuse_content(kept);
        for (const auto& [name, content] : kept) atomic_write(file(name), {content});
        atomic_write(file("config.ini"), {*config});
        return *config;
      }()),
      metrics_(file("metrics.jsonl")) {
  remove_temporaries();
}

/// Of a run that was killed before it had its config.ini, the files it keeps may be there.
void RunDirectory::refuse_content(const KeptFiles& kept) const {
  const auto is_kept = [&](const fs::path& path) {
    return std::ranges::any_of(kept, [&](const auto& of) {
      return path.filename() == of.first && read_file(path.string(), kLargestKept) == of.second;
    });
  };
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error))
    if (!is_temporary(entry.path()) && !is_kept(entry.path()))
      fail_option("out", "'{}' is not empty; choose another name, or continue it by --resume",
                  path_);
}

void RunDirectory::remove_temporaries() const {
  std::error_code error;  // a file that cannot be removed does no harm
  for (const auto& entry : fs::directory_iterator(path_, error))
    if (is_temporary(entry.path())) fs::remove(entry.path(), error);
}

bool RunDirectory::begun() const {
  std::error_code error;
  if (fs::exists(file("checkpoint.safetensors"), error)) return true;
  if (fs::file_size(file("metrics.jsonl"), error) > 0)
    fail(Fault::data, "{}: is missing, though the run has begun", file("checkpoint.safetensors"));
  return false;
}

RunState RunDirectory::load(Trainer& trainer) {
  const std::string path = file("checkpoint.safetensors");
  const Metadata metadata = read_tensor_header(path).metadata;
  expect_same(metadata, config_, trainer.experiment().task(), path);
  const size_t step = step_of(metadata, path);
  if (step > trainer.last_step())
    fail(Fault::data, "{}: expected at most step {}, the last by config.ini, got step {}", path,
         trainer.last_step(), step);
  RunState state = RunState::of(metadata, path);
  load_arrays(path, everything(trainer));
  if (!metadata.contains("tokens")) state.tokens = count_tokens(trainer.experiment(), step);
  trainer.optimizer().continue_after(step);
  trainer.begin_after(state.origin);
  cut_metrics(step);
  keep_last(trainer.experiment().training.keep_last, step);
  export_model(trainer, state);
  return state;
}

void RunDirectory::cut_metrics(size_t step) {
  const std::string path = file("metrics.jsonl");
  LineLog::truncate_after(path, [&](std::string_view line) {
    try {
      const Json object = parse_json(line, path);
      if (json_integer(json_at(object, "step", path), 0, 1'000'000'000, path) > step) return false;
      seconds_before_ = json_number(json_at(object, "seconds", path), path);
      return true;
    } catch (const Error&) {
      return false;  // torn by a crash
    }
  });
}

Metadata RunDirectory::metadata(const Trainer& trainer, RunState state) const {
  Metadata all{{"config", config_}, {"step", fmt::format("{}", trainer.steps())}};
  if (const std::string data = trainer.experiment().task().fingerprint(); !data.empty())
    all["data"] = data;
  for (const auto& [name, content] : trainer.experiment().task().kept())
    all[name] = sha256(content);
  state.origin = trainer.origin();
  state.write(all);
  return all;
}

void RunDirectory::save(Trainer& trainer, const RunState& state, bool regular) {
  metrics_.sync();
  const size_t kept = regular ? trainer.experiment().training.keep_last : 0;
  const Metadata about = metadata(trainer, state);
  if (kept > 0)
    save_arrays(file(fmt::format("checkpoint-{}.safetensors", trainer.steps())),
                everything(trainer), about);
  save_arrays(file("checkpoint.safetensors"), everything(trainer), about);
  if (kept > 0) keep_last(kept, trainer.steps());
  export_model(trainer, state);
}

/// Removes all numbered checkpoints but the last `count` up to `step`; those after it are to be
/// written anew.
void RunDirectory::keep_last(size_t count, size_t step) const {
  if (count == 0) return;
  std::vector<std::pair<size_t, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error))
    if (const size_t of = numbered(entry.path(), "checkpoint-"); of > 0)
      found.emplace_back(of, entry.path());
  std::sort(found.rbegin(), found.rend());
  size_t kept = 0;
  for (const auto& [of, path] : found)
    if (of > step || kept++ >= count) fs::remove(path, error);
}

void RunDirectory::save_best(Trainer& trainer, const RunState& state) {
  save_parameters(file("best.safetensors"), trainer.model().parameters(), metadata(trainer, state));
}

void RunDirectory::save_snapshot(Trainer& trainer, const RunState& state) {
  save_parameters(file(fmt::format("snapshot-{}.safetensors", trainer.steps())),
                  trainer.model().parameters(), metadata(trainer, state));
}

std::vector<std::pair<size_t, std::string>> snapshots_of(const std::string& run) {
  std::vector<std::pair<size_t, std::string>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run, error))
    if (const size_t step = numbered(entry.path(), "snapshot-"); step > 0)
      found.emplace_back(step, entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

void RunDirectory::export_model(Trainer& trainer, const RunState& state) const {
  save_parameters(file("model.safetensors"), trainer.model().parameters(),
                  metadata(trainer, state));
}

std::string checkpoint_file(const std::string& run, const std::string& checkpoint) {
  if (checkpoint == "last") return run + "/model.safetensors";
  std::error_code error;
  if (checkpoint == "best") {
    const std::string best = run + "/best.safetensors";
    if (fs::exists(best, error)) return best;
    fail_option("checkpoint", "expected a run with validations, got '{}', which has no best", run);
  }
  for (const std::string& file : {run + "/" + checkpoint, checkpoint})
    if (!checkpoint.empty() && fs::is_regular_file(file, error)) return file;
  fail_option("checkpoint", "expected last, best or a file, got '{}'", checkpoint);
}

std::unique_ptr<SequenceModel> load_model(const std::string& run, const std::string& file,
                                          const Experiment& experiment) {
  auto model = experiment.make_model();
  expect_same(read_tensor_header(file).metadata, read_file(run + "/config.ini", kLargestConfig),
              experiment.task(), file);
  load_parameters(file, model->parameters());
  return model;
}

}  // namespace gnomon
