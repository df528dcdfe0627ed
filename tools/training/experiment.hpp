// Everything that decides the numbers of a run: a model, a task, and how the one learns the other.
// Its options, as an INI file, are the run's config.ini.
#pragma once

#include <memory>
#include <string>

#include "models/sequence_model.hpp"
#include "tasks/task.hpp"
#include "tools/training/course.hpp"
#include "tools/training/optimizer.hpp"
#include "tools/training/options.hpp"
#include "tools/training/schedule.hpp"

namespace gnomon {

/// Where a run begins that does not begin from nothing.
struct StartConfig {
  std::string from;           // a run, or a file of weights
  bool partial = false;       // what does not fit stays behind
  std::string continued;      // a run, with its moments and step
  std::string schedule_from;  // how the schedule is taken up then: pace_at
  void declare(Fields& f);
};

struct TrainingConfig {
  size_t steps = 2000, batch = 32, length = 64, seed = 1;
  size_t shards = 1;  // parts of a batch
  double clip = 1;
  bool shuffle_targets = false;
  size_t log_every = 0;  // 0: about 200 lines in all
  size_t checkpoint_every = 250, keep_last = 0, snapshots = 0;
  ScheduleConfig schedule;
  AdamWConfig adamw;
  TemperatureConfig temperature;
  ValidationConfig validation;
  StopConfig stop;
  StartConfig start;
  /// All but the temperature's, which are for mixers that anneal, and the last three.
  void declare(Fields& f, const std::string& length_meaning);
  Pace pace(size_t step, const Origin& origin = {}) const {
    return pace_at(schedule, temperature, origin, start.schedule_from, step, steps);
  }
  /// The last step there may be.
  size_t last_step() const { return stop.at > 0 ? stop.at : steps; }
};

/// What decides which other options there are, read before them; empty where not given.
struct ExperimentNames {
  std::string model, task, mixers, position;
  ExperimentNames() = default;
  explicit ExperimentNames(const Arguments& arguments);
  /// The first two; the others are the model's.
  void declare(Fields& f);
  /// Puts --mixers and --position into a model's defaults.
  void apply(SequenceModel::Config& config) const;
};

/// Declares a model's options, a group for the trunk and one for each of its mixers.
void declare_model(ModelKind& kind, const std::string& name, Options& options);
/// What an option belongs to among all registered mixers and tasks that are not chosen (no task:
/// tasks are out of the question); or that it was one in earlier versions.
std::optional<Foreign> foreign_option(const std::string& name, const SequenceModel::Config& chosen,
                                      const std::optional<std::string>& task = {});

class Experiment {
 public:
  /// Throws Error(Fault::option) when a name is missing or unknown.
  explicit Experiment(ExperimentNames names);
  /// As a run keeps it, prepared. Options that belong to something that was not chosen are passed
  /// over, as earlier versions did: see `remarks`. What the task keeps in the folder `run` is read
  /// from there, unless that is "". Throws Error(Fault::option or Fault::data).
  static std::unique_ptr<Experiment> of_run(const Arguments& config, const std::string& run = "");
  /// The same not prepared: the task's files need not be there. Enough to make the model.
  static std::unique_ptr<Experiment> unprepared(const Arguments& config,
                                                const std::string& run = "");

  /// Its options, with their headings.
  void declare(Options& options);
  /// After the options are set: reads the task's files and checks what can be checked before the
  /// first step. Throws Error(Fault::option or Fault::data).
  void prepare();
  /// Not yet initialised. Throws Error(Fault::option) for options that do not fit each other.
  std::unique_ptr<SequenceModel> make_model() const { return kind_->make(task_->vocabulary()); }
  const Task& task() const { return *task_; }
  const std::string& precision() const { return kind_->config.precision; }

  ExperimentNames names;
  TrainingConfig training;
  bool anneals = false;              ///< whether the temperature means anything to its mixers
  std::string ini;                   ///< what unprepared() set, as config.ini has it
  std::vector<std::string> remarks;  ///< sentences on what of_run() passed over

 private:
  std::unique_ptr<ModelKind> kind_;
  std::unique_ptr<Task> task_;
};

}  // namespace gnomon
