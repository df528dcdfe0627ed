// gnomon sweep: a plan of experiments, carried out, and its tables.
#include "tools/sweep/sweep.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/sweep/ledger.hpp"
#include "tools/sweep/text.hpp"
#include "tools/training/machines.hpp"

namespace gnomon {
namespace {

constexpr const char* kSweepUsage =
    "usage: gnomon sweep PLAN.ini --out DIR [options]          trains, judges, writes tables\n"
    "       gnomon sweep PLAN.ini --out DIR --dry-run          says what is there and what is "
    "left\n"
    "       gnomon sweep PLAN.ini --ledger F --write PAGE      renders published figures\n"
    "       gnomon sweep PLAN.ini --ledger F --check PAGE      are they what the ledger says?\n\n"
    "What is interrupted, in whatever way, goes on with the same command; two of them may share a\n"
    "folder, and so do the processes of mpirun.\n";

struct SweepConfig {
  std::string out, rows, seeds, retry = "none", reuse, ledger, write, check;
  std::vector<std::string> set;
  size_t jobs = 1, threads = 0;
  bool dry_run = false, list = false, fail_fast = false, quiet = false;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("out", out, "folder of the runs and tables");
    f.integer("jobs", jobs, 0, 1024, "runs side by side; 0: as many as there are cores");
    f.integer("threads", threads, 0, 1024, "of each run; 0: the cores shared out");
    f.texts("set", set, "option=value for every row, over all else; may be given several times");
    f.text("rows", rows,
           "runs these only: names, or their beginnings: 'copy; khop*'; !NAME: all but it");
    f.text("seeds", seeds, "in place of the plan's: 1,2");
    f.flag("dry-run", dry_run, "says what is finished and how long the rest takes; writes nothing");
    f.flag("list", list, "prints the commands of all runs that are known");
    f.flag("fail-fast", fail_fast, "ends at the first run that fails");
    f.choice("retry", retry, {"none", "failed", "stale"},
             "runs anew what had failed, or what another build has made");
    f.text("reuse", reuse, "another sweep's folder: finished runs of it are taken over");
    f.text("ledger", ledger, "file of published records: those of this sweep are merged into it");
    f.text("write", write, "page whose tables are rendered from the ledger");
    f.text("check", check, "page that is compared with the ledger; exit code 1: it differs");
    f.flag("quiet", quiet, "does not say what runs");
  }
};

/// The first line in which they differ, for a sentence.
std::string difference(const std::string& is, const std::string& should) {
  const auto a = split(is, '\n'), b = split(should, '\n');
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string x = i < a.size() ? a[i] : "(nothing)", y = i < b.size() ? b[i] : "(nothing)";
    if (x != y) return fmt::format("line {}: '{}', by the ledger '{}'", i + 1, x, y);
  }
  return "line ends";
}

/// Renders or checks a page; true: it is as the ledger says, and the ledger as the plan.
bool page(const Plan& plan, const SweepConfig& config) {
  const Ledger ledger(plan, config.ledger);
  const std::string path = config.write.empty() ? config.check : config.write;
  const std::string is = read_file(path, uint64_t{1} << 24);
  const std::string should = ledger.rendered(is, path);
  if (!config.write.empty()) {
    if (is != should) atomic_write(path, {should});
    return true;
  }
  bool same = true;
  for (const std::string& sentence : ledger.foreign()) complain(sentence), same = false;
  if (is != should) complain(fmt::format("{}: {}", path, difference(is, should))), same = false;
  return same;
}

/// What there is of a line's runs, and what training them took.
struct Progressed {
  size_t wanted = 0, done = 0, failed = 0, begun = 0, taken = 0;
  size_t left = 0;     // steps that are to be made
  size_t trained = 0;  // steps that have been made, and their seconds
  double seconds = 0;

  size_t to_do() const { return wanted - done - failed - taken; }
  /// Seconds of what is left, by what is there or else by a rehearsal of so many a step.
  double estimate(double a_step) const {
    const double each = trained ? seconds / static_cast<double>(trained) : a_step;
    return each * static_cast<double>(left);
  }
};

/// Adds the steps in the log of a run, and their seconds. Returns how many.
size_t add_log(Progressed& line, const Run& run) {
  const std::string path = run.file("metrics.jsonl");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return 0;
  const auto lines = split(read_file(path, uint64_t{1} << 30), '\n');
  for (auto l = lines.rbegin(); l != lines.rend(); ++l) try {
      const Json last = parse_json(*l, path);
      const auto steps = last.at("step").get<size_t>();
      line.trained += steps, line.seconds += last.at("seconds").get<double>();
      return steps;
    } catch (const std::exception&) {  // an end that is being written, or was when it was killed
    }
  return 0;
}

void print_dry_run(const Plan& plan, const Sweep& sweep, const SweepConfig& config,
                   const std::map<const PlanLine*, double>& rehearsed, size_t jobs) {
  std::map<const PlanLine*, Progressed> lines;
  std::set<std::string> reusable;
  if (!config.reuse.empty())
    for (const auto& [run, folder] : sweep.reusable(config.reuse)) reusable.insert(run.folder);
  for (const PlanLine& line : plan.lines) {
    lines[&line].wanted = plan.seeds.size() + line.candidates.size() * plan.tune_seeds.size();
    if (!line.candidates.empty())  // which of them is reported may not be known yet
      lines[&line].left = plan.seeds.size() * resolve(suited_words(line, line.candidates[0])).steps;
  }
  for (const std::vector<Run>& runs : {sweep.tuning(), sweep.reported()})
    for (const Run& run : runs) {
      Progressed& line = lines[run.line];
      const RunStatus state = state_of(run);
      const bool again = sweep.is_retried(run, config.retry);
      const bool begun = !again && (state == RunStatus::begun || state == RunStatus::trained);
      const bool done = !again && state == RunStatus::finished;
      const bool failed = !again && state == RunStatus::failed;
      const bool taken = reusable.contains(run.folder);
      line.done += done, line.failed += failed, line.begun += begun, line.taken += taken;
      const bool counted = !run.tuning && !run.line->candidates.empty();  // as if all were left
      const size_t steps = run.resolved.steps, made = failed ? 0 : add_log(line, run);
      const size_t left = done || failed || taken ? 0
                          : begun                 ? steps - std::min(made, steps)
                                                  : steps;
      line.left += left - (counted ? steps : 0);
    }
  std::vector<std::string> head{"row",    "runs",  "done",     "begun",
                                "failed", "to do", "estimate", "from"};
  if (!config.reuse.empty()) head.insert(head.begin() + 5, "taken over");
  std::vector<std::vector<std::string>> cells{head};
  double total = 0;
  for (const PlanLine& line : plan.lines) {
    const Progressed& p = lines[&line];
    const auto at = rehearsed.find(&line);
    const double seconds = p.estimate(at == rehearsed.end() ? 0 : at->second);
    total += seconds;
    cells.push_back({line.name(), std::to_string(p.wanted), std::to_string(p.done),
                     std::to_string(p.begun), std::to_string(p.failed), std::to_string(p.to_do()),
                     p.to_do() && seconds > 0 ? clock_text(seconds) : "-",
                     p.trained               ? "its runs"
                     : at != rehearsed.end() ? "3 steps"
                                             : "-"});
    if (!config.reuse.empty())
      cells.back().insert(cells.back().begin() + 5, std::to_string(p.taken));
  }
  print(fmt::format("plan {}: {} rows\n{}", plan.name, plan.lines.size(), table(cells)));
  print(fmt::format("training of what is left: about {} with --jobs {}, judging not counted\n",
                    clock_text(total / static_cast<double>(jobs)), jobs));
}

/// Whatever precedes the work: nothing is written before all is known to be right.
void prepare(Sweep& sweep, const SweepConfig& config, size_t threads) {
  sweep.rehearse(threads);
  sweep.retry(config.retry);
  if (!config.reuse.empty()) sweep.reuse(config.reuse);
}

Exit run(const Plan& plan, const SweepConfig& config) {
  const size_t cores = default_threads(), jobs = config.jobs ? config.jobs : cores;
  const size_t threads =
      config.threads ? config.threads : std::max<size_t>(1, cores / std::max<size_t>(1, jobs));
  if (config.list || config.dry_run) {
    if (!Machines::is_first()) return Exit::ok;
    Sweep sweep(plan, config.out, config.rows);
    if (config.list)
      print(fmt::format("{}\n", fmt::join(sweep.commands(), "\n")));
    else
      print_dry_run(plan, sweep, config, sweep.rehearse(threads), jobs);
    return Exit::ok;
  }
  // The processes of mpirun share the folder as two sweeps would: by its claims.
  const Machines& machines = Machines::world();
  if (machines.count() > 1 && config.fail_fast)
    fail_option("fail-fast", "does not go with mpirun, whose processes do not wait for each other");
  std::optional<Sweep> sweep;
  machines.together([&] {
    if (machines.rank() > 0) return;
    sweep.emplace(plan, config.out, config.rows);
    prepare(*sweep, config, threads);
  });
  machines.together([&] {
    if (machines.rank() > 0) sweep.emplace(plan, config.out, config.rows);
  });
  const size_t failed =
      sweep->work({jobs, threads, config.fail_fast, config.quiet, machines.rank() == 0});
  if (machines.rank() > 0) return Exit::ok;  // the first tells, of all runs
  std::vector<Record> records = sweep->records();
  if (!config.ledger.empty()) {
    Ledger ledger(plan, config.ledger);
    ledger.merge(records);
    atomic_write(config.ledger, {ledger.text()});
  }
  std::erase_if(records, [&](const Record& r) {
    return !is_among(r.at("row").get<std::string>(), config.rows);
  });
  print(as_markdown(records));
  print(fmt::format("\n'{}', .csv, .jsonl; each run: '{}'\n", sweep->file("table.md"),
                    sweep->file("runs.csv")));
  if (!failed) return Exit::ok;
  throw Ended(Exit::diverged, fmt::format("{} run{} failed; all others are finished", failed,
                                          failed == 1 ? "" : "s"));
}

Exit sweep(const Words& words) {
  Words rest = words;
  std::string path;
  if (!rest.empty() && !rest[0].starts_with("-")) path = rest[0], rest.erase(rest.begin());
  SweepConfig config;
  if (!read_words(rest, kSweepUsage, config)) return Exit::ok;
  if (path.empty()) fail(Fault::option, "which plan? gnomon sweep PLAN.ini --out DIR");
  const Plan plan(path, config.set, config.seeds);
  if (config.write.empty() && config.check.empty()) {
    if (config.out.empty()) fail(Fault::option, "--out is missing: the folder of the sweep");
    if (!config.seeds.empty() && !config.ledger.empty())
      fail_option("seeds", "does not go with --ledger, whose records are of the plan's own seeds");
    return run(plan, config);
  }
  if (!Machines::is_first()) return Exit::ok;
  if (config.ledger.empty()) fail(Fault::option, "--ledger is missing: the file of the records");
  if (!config.write.empty() && !config.check.empty())
    fail_option("check", "does not go with --write");
  return page(plan, config) ? Exit::ok : Exit::internal;
}

const Registration<Command> kSweep{"sweep", "a plan of experiments: rows, seeds, tuning; tables",
                                   command(Place::training, sweep, true)};

}  // namespace
}  // namespace gnomon
