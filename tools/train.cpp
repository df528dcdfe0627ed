// gnomon train: trains a model on a task, into a new run directory; or continues one.
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/signals.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {
namespace {

constexpr const char* kTrainUsage =
    "usage: gnomon train --model M --task T --out DIR [options]\n"
    "       gnomon train --resume DIR                 continues bit for bit\n\n"
    "Every option may stand in an INI file (name = value) given by --config; the command line "
    "beats "
    "it.\nCtrl-C saves and says how to continue.\n";

/// What does not change the numbers of a run.
struct Session {
  std::string out, resume;
  size_t threads = default_threads();
  bool quiet = false;

  void declare(Options& options) {
    Fields& f = options.group("this call");
    f.text("out", out, "directory of the run, created; must not hold anything yet");
    declare_resume(f);
    declare_threads(f, threads);
    f.flag("quiet", quiet, "no progress bar");
  }
  void declare_resume(Fields& f) {
    f.text("resume", resume, "directory of a run to continue; takes only --threads and --quiet",
           [](const std::string& given) {
             if (given.empty()) fail_option("resume", "expected the directory of a run, got ''");
             return given;
           });
  }
};

std::string json_line(const StepReport& r, double tokens_per_second, double seconds) {
  return fmt::format(
      R"({{"step":{},"loss":{},"accuracy":{},"tokens_per_s":{:.0f},"seconds":{:.3f},)"
      R"("tau":{},"lr":{},"gradient_norm":{}}})",
      r.step, r.loss, r.accuracy, tokens_per_second, seconds, r.temperature, r.rate,
      r.gradient_norm);
}

/// Tokens a second since the last call that returned a rate.
class Speed {
 public:
  void add(size_t tokens) { tokens_ += tokens; }
  double take() {
    const double rate = static_cast<double>(tokens_) / std::max(watch_.seconds(), 1e-9);
    tokens_ = 0;
    watch_ = Stopwatch();
    return rate;
  }

 private:
  size_t tokens_ = 0;
  Stopwatch watch_;
};

/// Runs to the last step, or to the first signal. Only the first of several processes has the
/// directory.
Exit run(const Experiment& experiment, Trainer& trainer, RunDirectory* directory, bool quiet,
         const Interruptible& interruptible) {
  const Machines& machines = Machines::world();
  const TrainingConfig& config = experiment.training;
  const size_t every =
      config.log_every ? config.log_every : std::max<size_t>(1, config.steps / 200);
  const Stopwatch watch;
  Speed logged;
  size_t tokens = 0;
  {
    Progress progress("step", trainer.steps(), config.steps, quiet || !directory);
    while (trainer.steps() < config.steps && !machines.any(interruptible.requested())) {
      const StepReport report = trainer.step();
      const bool last = report.step == config.steps;
      tokens += report.tokens;
      logged.add(report.tokens);
      machines.together([&] {
        if (directory && (last || report.step % every == 0))
          directory->log(
              json_line(report, logged.take(), directory->seconds_before() + watch.seconds()));
        if (directory && (last || report.step % config.checkpoint_every == 0))
          directory->save(trainer);
      });
      progress.show(report.step,
                    fmt::format("loss {:.4f}  accuracy {:.1f} %  {} tokens/s", report.loss,
                                100 * report.accuracy,
                                short_number(static_cast<double>(tokens) / watch.seconds())));
    }
  }
  if (trainer.steps() < config.steps) {
    machines.together([&] {
      if (!directory) return;
      directory->save(trainer);
      complain(fmt::format(
          "interrupted; saved after step {} of {}. Continue with: gnomon train --resume {}",
          trainer.steps(), config.steps, quoted(directory->path())));
    });
    return Exit::interrupted;
  }
  if (!directory) return Exit::ok;
  const std::string speed =
      tokens ? short_number(static_cast<double>(tokens) / watch.seconds()) + " tokens/s"
             : "no step left";
  print(fmt::format("trained {} on {}: {} steps, {} parameters, {}\n", experiment.names.model,
                    experiment.names.task, config.steps, trainer.model().parameter_count(), speed));
  print(fmt::format("now: gnomon eval --run {} --lengths {}\n", quoted(directory->path()),
                    config.length));
  return Exit::ok;
}

/// A divergence leaves the last checkpoint; say so.
Exit run_to_checkpoint(const Experiment& experiment, Trainer& trainer, RunDirectory* directory,
                       bool quiet, const Interruptible& interruptible) {
  try {
    return run(experiment, trainer, directory, quiet, interruptible);
  } catch (const Error& error) {
    if (error.fault() != Fault::diverged) throw;
    fail(Fault::diverged, "{}; the checkpoint before it is untouched in '{}'", error.what(),
         directory ? directory->path() : "");
  }
}

/// Has every process of mpirun a part of the batch, and the same one?
void expect_shared_out(const Experiment& experiment) {
  const Machines& machines = Machines::world();
  const size_t shards = experiment.training.shards;
  if (shards % machines.count() != 0)
    fail_option("shards", "expected a multiple of the {} processes that mpirun started, got {}",
                machines.count(), shards);
  if (const size_t rank = machines.first_unlike(fnv1a(experiment.task().fingerprint())))
    fail(Fault::data,
         "task {}: rank {} reads other data than rank 0; expected the same files on every machine",
         experiment.names.task, rank);
}

Exit start(const Arguments& arguments, Options& options, Session& session, Experiment& experiment) {
  experiment.declare(options);
  if (arguments.help()) {
    print(kTrainUsage + options.help());
    return Exit::ok;
  }
  arguments.set_all(options);
  if (session.out.empty()) fail(Fault::option, "--out is missing: the directory of the run");
  const Machines& machines = Machines::world();
  machines.together([&] { experiment.prepare(); });
  expect_shared_out(experiment);
  const std::string ini = options.ini();
  start_engine(session.threads, experiment.precision());
  Trainer trainer(experiment);
  trainer.rehearse();
  const Interruptible interruptible;  // from here on there is something to save
  std::unique_ptr<RunDirectory> directory;
  machines.together([&] {
    if (!Machines::is_first()) return;
    directory = RunDirectory::create(session.out, ini, experiment.task().kept());
    directory->save(trainer);
  });
  return run_to_checkpoint(experiment, trainer, directory.get(), session.quiet, interruptible);
}

Exit resume(const Arguments& arguments, Options& options, const Session& session) {
  for (const std::string& name : arguments.names())
    if (name != "resume" && name != "threads" && name != "quiet")
      fail(Fault::option,
           "--{} does not go with --resume: the run's config.ini says everything else",
           shortened(name));
  arguments.set_all(options);
  const Machines& machines = Machines::world();
  std::unique_ptr<RunDirectory> directory;
  std::string ini;
  machines.together([&] {
    if (!Machines::is_first()) return;
    directory = RunDirectory::open(session.resume);
    ini = directory->config();
  });
  machines.broadcast(ini);
  std::unique_ptr<Experiment> experiment;
  machines.together([&] {
    experiment =
        Experiment::of_run(Arguments::of_text(ini, session.resume + "/config.ini"), session.resume);
  });
  expect_shared_out(*experiment);
  for (const std::string& remark : experiment->remarks) complain(remark);
  start_engine(session.threads, experiment->precision());
  Trainer trainer(*experiment);
  const Interruptible interruptible;
  machines.together([&] {
    if (directory) directory->load(trainer);
  });
  trainer.take_over(machines);
  return run_to_checkpoint(*experiment, trainer, directory.get(), session.quiet, interruptible);
}

Exit train(const Words& words) {
  Machines::world();  // before anything can fail: nobody is left waiting
  const Arguments arguments(words);
  Options options;
  Session session;
  session.declare(options);
  Fields first;
  session.declare_resume(first);
  arguments.set_known(first);
  if (!session.resume.empty() && !arguments.help()) return resume(arguments, options, session);

  const ExperimentNames names(arguments);
  if (names.model.empty() || names.task.empty()) {
    ExperimentNames other;
    TrainingConfig training;
    SequenceModel::Config model;
    other.declare(options.group("what learns what"));
    training.declare(options.group("training"), "as the task counts it");
    model.declare(options.group("every model"));
    if (arguments.help()) {
      print(kTrainUsage + options.help() +
            "\nWith --model and --task given, --help lists theirs and those of the mixers too.\n");
      return Exit::ok;
    }
    options.foreign = [&](const std::string& name) { return foreign_option(name, model, ""); };
    arguments.expect_known(options);  // perhaps --model and --task are there, but misspelled
  }
  Experiment experiment(names);
  return start(arguments, options, session, experiment);
}

const Registration<Command> kTrain{"train", "trains a model on a task; --resume continues",
                                   command(Place::training, train, true)};

}  // namespace
}  // namespace gnomon
