// The directory of a run:
//
//   config.ini               the whole configuration; written first, never changed
//   pieces.model             what the task `text` keeps of a run with --pieces; before config.ini
//   metrics.jsonl            one object a line
//   checkpoint.safetensors   parameters, moments and step: all that resuming needs, in one file
//   model.safetensors        the parameters alone, exported from the checkpoint, for everybody else
//   best.safetensors         those of the best validation, where there are validations
//   checkpoint-STEP.safetensors   the last few checkpoints, with --keep-last
//   snapshot-STEP.safetensors     parameters on the way, with --snapshots
//   start.safetensors        what --from or --continue brought: written before the first checkpoint
//   continued.json           of which run and step --continue took it
//
// One file is renamed into place whole, so parameters, moments and step always belong together,
// whenever the program is killed. The export may then be one checkpoint older; it too is whole. The
// best is written before the checkpoint that knows of it: killed in between, the steps since are
// taken again and write the same.
#pragma once

#include "core/base/file.hpp"
#include "tools/training/checkpoint.hpp"
#include "tools/training/run_state.hpp"
#include "tools/training/trainer.hpp"

namespace gnomon {

using KeptFiles = std::vector<std::pair<std::string, std::string>>;  // name and content

class RunDirectory {
 public:
  /// Creates it with what its task keeps (Task::kept) and its config.ini. Throws
  /// Error(Fault::option) when there is something already, Error(Fault::io) when it cannot be made.
  static std::unique_ptr<RunDirectory> create(const std::string& path, const std::string& config,
                                              const KeptFiles& kept = {});
  /// Takes an existing one over. Throws Error(Fault::data) when it holds no run, Error(Fault::io)
  /// when another process is training in it.
  static std::unique_ptr<RunDirectory> open(const std::string& path);

  /// Was there a checkpoint? Not in a run that was killed before the first. Throws
  /// Error(Fault::data) where it is missing later.
  bool begun() const;
  /// Puts the trainer where the checkpoint was, drops the lines of metrics.jsonl after it, and
  /// exports the model; returns what the run had come to. Throws Error(Fault::data) for a file that
  /// is damaged, foreign, of another configuration or trained on other data.
  RunState load(Trainer& trainer);
  /// `regular`: it is kept as one of the last few, too. Throws Error(Fault::io),
  /// Error(Fault::diverged): the checkpoint before is then untouched.
  void save(Trainer& trainer, const RunState& state, bool regular);
  /// The parameters as they are now, for looking back. Throws as save_best().
  void save_snapshot(Trainer& trainer, const RunState& state);
  /// Throws Error(Fault::io), Error(Fault::diverged).
  void save_best(Trainer& trainer, const RunState& state);
  /// Appends to metrics.jsonl.
  void log(const std::string& line) { metrics_.write(line); }
  /// The "seconds" of the last line that load() kept.
  double seconds_before() const { return seconds_before_; }

  const std::string& path() const { return path_; }
  /// What is in config.ini.
  const std::string& config() const { return config_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit RunDirectory(const std::string& path, const std::string* config, const KeptFiles& kept);
  void refuse_content(const KeptFiles& kept) const;
  void remove_temporaries() const;
  void cut_metrics(size_t step);
  void keep_last(size_t count, size_t step) const;
  void export_model(Trainer& trainer, const RunState& state) const;
  Metadata metadata(const Trainer& trainer, RunState state) const;

  std::string path_;
  Descriptor lock_;
  std::string config_;
  LineLog metrics_;
  double seconds_before_ = 0;
};

/// Everything that the next step depends on, by the names of a checkpoint.
NamedArrays everything(Trainer& trainer);
/// Of a checkpoint's metadata. Throws Error(Fault::data).
size_t step_of(const Metadata& metadata, const std::string& file);

/// The snapshots of a run: steps, ascending, and files.
std::vector<std::pair<size_t, std::string>> snapshots_of(const std::string& run);

/// The file that --checkpoint names of a run: last, best, or a file of its own (here or there).
/// Throws Error(Fault::option) for the best of a run that has none, and for no such file.
std::string checkpoint_file(const std::string& run, const std::string& checkpoint);
/// The model of a run with the parameters of one of its files. `experiment` is that of its
/// config.ini; its data is compared where it is prepared. Throws Error(Fault::data) for a file that
/// is damaged or foreign, and when config.ini or the data is not what the model was trained with: a
/// file without metadata cannot say, and is taken as it is.
std::unique_ptr<SequenceModel> load_model(const std::string& run, const std::string& file,
                                          const Experiment& experiment);

}  // namespace gnomon
