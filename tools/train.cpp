// gnomon train: trains a model on a task, into a new run directory; resumes one; or goes on from
// one in a new directory.
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/training/start.hpp"
#include "tools/training_run.hpp"

namespace gnomon {
namespace {

constexpr const char* kTrainUsage =
    "usage: gnomon train --model M --task T --out DIR [options]\n"
    "       gnomon train --resume DIR                 continues bit for bit\n"
    "       gnomon train --continue DIR --steps S --out NEW   goes on, with other options\n\n"
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

/// A divergence leaves the last checkpoint; say so.
Exit run_to_checkpoint(Trainer& trainer, RunDirectory* directory, RunState state, bool quiet,
                       const Interruptible& interruptible) {
  try {
    return run_to_end(trainer, directory, std::move(state), quiet, interruptible);
  } catch (const Error& error) {
    if (error.fault() != Fault::diverged) throw;
    fail(Fault::diverged, "{}; the checkpoint before it is untouched in '{}'", error.what(),
         directory ? directory->path() : "");
  }
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
  Start begun;
  machines.together([&] {
    if (Machines::is_first())
      begun = begin(trainer, start_file(experiment.training.start, arguments));
  });
  trainer.take_over(machines);
  trainer.rehearse();
  if (experiment.training.validation.wanted()) machines.together([&] { validate(trainer, 1); });
  const Interruptible interruptible;  // from here on there is something to save
  std::unique_ptr<RunDirectory> directory;
  machines.together([&] {
    if (!Machines::is_first()) return;
    directory = RunDirectory::create(session.out, ini, experiment.task().kept());
    if (!begun.sentence.empty()) print(begun.sentence + "\n");
    begun.keep(experiment.training.start, *directory);
    directory->save(trainer, begun.state, false);
  });
  return run_to_checkpoint(trainer, directory.get(), begun.state, session.quiet, interruptible);
}

/// A run as its last checkpoint has it.
RunState taken_up(Trainer& trainer, RunDirectory& directory, const Arguments& config) {
  if (directory.begun()) return directory.load(trainer);
  const StartConfig& start = trainer.experiment().training.start;  // killed before the first
  const Start begun = begin(trainer, start_file(start, config));
  begun.keep(start, directory);
  return begun.state;
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
  const Arguments config = Arguments::of_text(ini, session.resume + "/config.ini");
  std::unique_ptr<Experiment> experiment;
  machines.together([&] { experiment = Experiment::of_run(config, session.resume); });
  expect_shared_out(*experiment);
  for (const std::string& remark : experiment->remarks) complain(remark);
  start_engine(session.threads, experiment->precision());
  Trainer trainer(*experiment);
  const Interruptible interruptible;
  RunState state;
  machines.together([&] {
    if (directory) state = taken_up(trainer, *directory, config);
  });
  trainer.take_over(machines);
  machines.broadcast(state.stop);
  return run_to_checkpoint(trainer, directory.get(), state, session.quiet, interruptible);
}

Exit train(const Words& words) {
  Machines::world();  // before anything can fail: nobody is left waiting
  const Arguments arguments = with_continued(Arguments(words));
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
    Fields& watched = options.group("validation, and an early end");
    training.validation.declare(watched);
    training.stop.declare(watched);
    training.start.declare(options.group("a start from other weights"));
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
