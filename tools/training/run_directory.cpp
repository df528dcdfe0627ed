#include "tools/training/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>

#include "core/base/json.hpp"
#include "tools/training/digest.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestConfig = uint64_t{1} << 20;

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

/// Everything that the next step depends on, by name.
NamedArrays everything(Trainer& trainer) {
  const auto moments = trainer.optimizer().moments();
  NamedArrays all(moments.begin(), moments.end());
  for (const Parameter& p : trainer.model().parameters())
    all.emplace_back("model." + p.name, p.var->value());
  return all;
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
    if (known) before.erase("file"), now.erase("file");
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
         "{}: the text is not the one it was trained on: that had {}, the file named in config.ini "
         "has {}",
         file, data->second, task.fingerprint());
  for (const auto& [name, content] : task.kept())
    if (const auto hash = metadata.find(name);
        hash == metadata.end() || hash->second != sha256(content))
      fail(Fault::data, "{}: {} is not the one that it was trained with", file, name);
}

size_t step_of(const Metadata& metadata, const std::string& file) {
  const auto found = metadata.find("step");
  try {
    return parse_integer(found == metadata.end() ? "" : found->second, 0, 1'000'000'000, "step");
  } catch (const Error& error) {
    fail(Fault::data, "{}: {}", file, error.what());
  }
}

}  // namespace

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
        refuse_content();
        for (const auto& [name, content] : kept) atomic_write(file(name), {content});
        atomic_write(file("config.ini"), {*config});
        return *config;
      }()),
      metrics_(file("metrics.jsonl")) {
  remove_temporaries();
}

void RunDirectory::refuse_content() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error))
    if (!is_temporary(entry.path()))
      fail_option("out", "'{}' is not empty; choose another name, or continue it by --resume",
                  path_);
}

void RunDirectory::remove_temporaries() const {
  std::error_code error;  // a file that cannot be removed does no harm
  for (const auto& entry : fs::directory_iterator(path_, error))
    if (is_temporary(entry.path())) fs::remove(entry.path(), error);
}

void RunDirectory::load(Trainer& trainer) {
  const std::string path = file("checkpoint.safetensors");
  std::error_code error;
  if (!fs::exists(path, error)) {
    if (fs::file_size(file("metrics.jsonl"), error) > 0)
      fail(Fault::data, "{}: is missing, though the run has begun", path);
    return;
  }
  const Metadata metadata = read_tensor_header(path).metadata;
  expect_same(metadata, config_, trainer.experiment().task(), path);
  const size_t step = step_of(metadata, path);
  if (step > trainer.last_step())
    fail(Fault::data, "{}: expected at most step {}, the last by config.ini, got step {}", path,
         trainer.last_step(), step);
  load_arrays(path, everything(trainer));
  trainer.optimizer().continue_after(step);
  cut_metrics(step);
  export_model(trainer);
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

Metadata RunDirectory::metadata(const Trainer& trainer) const {
  Metadata all{{"config", config_}, {"step", fmt::format("{}", trainer.steps())}};
  if (const std::string data = trainer.experiment().task().fingerprint(); !data.empty())
    all["data"] = data;
  for (const auto& [name, content] : trainer.experiment().task().kept())
    all[name] = sha256(content);
  return all;
}

void RunDirectory::save(Trainer& trainer) {
  metrics_.sync();
  save_arrays(file("checkpoint.safetensors"), everything(trainer), metadata(trainer));
  export_model(trainer);
}

void RunDirectory::export_model(Trainer& trainer) const {
  save_parameters(file("model.safetensors"), trainer.model().parameters(), metadata(trainer));
}

std::unique_ptr<SequenceModel> load_model(const std::string& run, const Experiment& experiment) {
  const std::string file = run + "/model.safetensors";
  auto model = experiment.make_model();
  expect_same(read_tensor_header(file).metadata, read_file(run + "/config.ini", kLargestConfig),
              experiment.task(), file);
  load_parameters(file, model->parameters());
  return model;
}

}  // namespace gnomon
