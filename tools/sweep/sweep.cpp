#include "tools/sweep/sweep.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/sweep/text.hpp"
#include "tools/training/digest.hpp"
#include "tools/version.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// An error of a line, at the place in the plan that caused it: of training, or of judging.
[[noreturn]] void fail_at_line(const Plan& plan, const PlanLine& line, Fault fault,
                               const std::string& sentence, bool judging = false) {
  const std::string prefix = judging ? "eval." : "";
  size_t number = judging ? plan.line_of(line, "eval.lengths") : line.number;
  const Pairs tried = line.candidates.empty() || judging ? Pairs{} : line.candidates[0];
  for (const Pairs& options : {judging ? line.judging : line.options, tried})
    for (const auto& [name, value] : options)
      for (const char* quote : {"--", "'"}) {
        const size_t at = sentence.find(quote + name);
        const size_t end = at + std::string(quote).size() + name.size();
        if (at != sentence.npos && (end == sentence.size() || !std::isalnum(sentence[end])))
          number = plan.line_of(line, prefix + name);
      }
  throw Error(fault,
              fmt::format("{}: line {}: [row {}]: {}", plan.path, number, line.row, sentence));
}

/// A folder that is removed at the end of the scope.
struct Scratch {
  std::string path;
  Scratch() : path((fs::temp_directory_path() / "gnomon-rehearsal-XXXXXX").string()) {
    if (!mkdtemp(path.data())) fail(Fault::io, "{}: no folder can be made there", path);
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

}  // namespace

Sweep::Sweep(const Plan& plan, const std::string& folder, std::string rows)
    : plan_(plan), folder_(folder), rows_(std::move(rows)) {
  if (!rows_.empty() &&
      std::ranges::none_of(plan.lines, [&](const auto& line) { return is_among(line.row, rows_); }))
    fail_option("rows", "expected names of rows of {}, got '{}'", plan.path, rows_);
  std::map<std::string, std::string> folders;
  const auto expect_new = [&](const Run& run) {
    if (const auto [at, fresh] = folders.emplace(run.folder, run.name()); !fresh)
      fail(Fault::option, "{}: '{}' and '{}' would be one run", plan_.path, at->second, run.name());
    state_of(run);  // refuses runs of other configurations
  };
  for (const PlanLine& line : plan_.lines)
    for (const Pairs& candidate : line.candidates)
      for (const size_t seed : plan_.tune_seeds) {
        tuning_.push_back(make_run(line, candidate, true, seed));
        expect_new(tuning_.back());
      }
  choose();
  for (const ReportedLine& line : lines_)
    for (const Run& run : line.runs) expect_new(run);
}

Run Sweep::make_run(const PlanLine& line, const Pairs& candidate, bool tuning, size_t seed) const {
  Run run;
  run.line = &line, run.candidate = candidate, run.tuning = tuning, run.seed = seed;
  Pairs more = candidate;
  if (tuning && plan_.tune_steps) more.emplace_back("steps", std::to_string(plan_.tune_steps));
  try {
    run.train = suited_words(line, more);
    run.train.insert(run.train.end(), {"--seed", std::to_string(seed)});
    run.resolved = resolve(run.train);
  } catch (const Error& error) {
    if (error.fault() != Fault::option && error.fault() != Fault::data) throw;
    fail_at_line(plan_, line, error.fault(), spelled(error));
  }
  for (const auto& [name, value] : line.judging) {
    std::string given = value;
    if (name == "lengths" && tuning && plan_.tune_lengths == "trained")
      given = std::to_string(run.resolved.length);
    else if (name == "lengths" && tuning && plan_.tune_lengths != "row")
      given = plan_.tune_lengths;
    run.judge.insert(run.judge.end(), {"--" + name, given});
  }
  run.judge.insert(run.judge.end(),
                   {"--seed", std::to_string(tuning ? plan_.tune_data_seed : plan_.data_seed)});
  run.folder = file("runs/" + folder_name(line.row));
  if (!line.values.empty()) run.folder += "/" + folder_name(spelled(line.values));
  if (tuning) run.folder += "/tuning/" + folder_name(spelled(candidate));
  run.folder += "/" + std::to_string(seed);
  return run;
}

std::optional<double> Sweep::score(const Run& run) const {
  if (state_of(run) != RunStatus::finished) return std::nullopt;
  const auto found = chosen_by(read_results(run.file("eval.json")));
  if (!found)
    fail(Fault::option, "{}: tune.by: {} has no {}", plan_.path, run.name(), plan_.tune_by);
  return found;
}

std::optional<double> Sweep::chosen_by(const Json& results) const {
  std::string key = plan_.tune_by;
  std::replace(key.begin(), key.end(), '-', '_');
  double sum = 0;
  for (const Json& r : results) {
    if (!r.contains(key)) return std::nullopt;
    sum += r.at(key).get<double>();
  }
  const double mean = sum / static_cast<double>(results.size());
  return key == "loss" || key == "bits_per_byte" ? -mean : mean;
}

/// Makes lines_ anew from what is known: of a tuned line, once all its candidates have ended.
void Sweep::choose() {
  lines_.clear();
  chosen_.clear();
  for (const PlanLine& line : plan_.lines) {
    ReportedLine reported;
    reported.line = &line, reported.tried = line.candidates.size();
    Record record{{"row", line.row}, {"values", spelled(line.values)}};
    std::optional<double> best;
    size_t open = 0;
    for (const Pairs& candidate : line.candidates) {
      std::vector<double> scores;
      for (const Run& run : tuning_) {
        if (run.line != &line || run.candidate != candidate) continue;
        const RunStatus state = state_of(run);
        const bool given_up = runner_ && runner_->failures().contains(run.folder);
        open += state != RunStatus::finished && state != RunStatus::failed && !given_up;
        if (const auto found = score(run)) scores.push_back(*found);
      }
      const bool whole = scores.size() == plan_.tune_seeds.size();
      double mean = 0;
      for (const double s : scores) mean += s / static_cast<double>(scores.size());
      record["candidates"].push_back({{"options", spelled(candidate)},
                                      {"scores", scores},
                                      {"mean", whole ? Record(mean) : Record(nullptr)}});
      if (whole && (!best || mean > *best)) best = mean, reported.chosen = candidate;
    }
    if (open) {
      reported.skipped = "not chosen yet";
    } else if (!line.candidates.empty()) {
      if (!best) reported.skipped = "every candidate failed on some tuning seed";
      record["by"] = plan_.tune_by;
      record["winner"] = best ? Record(spelled(reported.chosen)) : Record(nullptr);
      chosen_ += record.dump() + "\n";
    }
    if (reported.skipped.empty())
      for (const size_t seed : plan_.seeds)
        reported.runs.push_back(make_run(line, reported.chosen, false, seed));
    lines_.push_back(reported);
  }
}

std::vector<Run> Sweep::reported() const {
  std::vector<Run> all;  // seed 1 of all lines, then seed 2, ...: a wrong row shows early
  for (size_t s = 0; s < plan_.seeds.size(); ++s)
    for (const ReportedLine& line : lines_)
      if (s < line.runs.size()) all.push_back(line.runs[s]);
  return all;
}

std::vector<Run> Sweep::asked(std::vector<Run> runs) const {
  std::erase_if(runs, [&](const Run& run) { return !is_among(run.line->row, rows_); });
  return runs;
}

std::vector<Record> Sweep::records() const {
  std::vector<Record> all;
  for (const ReportedLine& line : lines_)
    for (Record& r : records_of(line, runner_ ? runner_->failures() : failures_, plan_.name))
      all.push_back(r);
  mark_budget(all, plan_);
  return all;
}

std::vector<std::string> Sweep::commands() const {
  std::vector<std::string> all;
  const auto add = [&](std::vector<std::string> words) {
    for (std::string& word : words) word = gnomon::quoted(word);
    all.push_back(fmt::format("gnomon {}", fmt::join(words, " ")));
  };
  for (const std::vector<Run>& runs : {tuning_, reported()})
    for (const Run& run : runs) {
      std::vector<std::string> train = run.train, judge = run.judge;
      train.insert(train.begin(), "train"), judge.insert(judge.begin(), "eval");
      train.insert(train.end(), {"--out", run.folder});
      judge.insert(judge.end(), {"--run", run.folder, "--json", run.file("eval.json")});
      add(train), add(judge);
    }
  for (const PlanCommand& command : plan_.commands) add(words_of(command));
  return all;
}

std::map<const PlanLine*, double> Sweep::rehearse(size_t threads) {
  std::map<const PlanLine*, double> seconds;
  std::set<const PlanLine*> begun;
  for (const std::vector<Run>& runs : {tuning_, reported()})
    for (const Run& run : runs)
      if (state_of(run) != RunStatus::missing) begun.insert(run.line);
  for (const PlanLine& line : plan_.lines) {
    if (begun.contains(&line) || !is_among(line.row, rows_)) continue;
    const Scratch scratch;
    const std::string out = scratch.path + "/run", log = scratch.path + "/log";
    const auto ended = [&](std::vector<std::string> words) {
      words.insert(words.end(), {"--threads", std::to_string(threads), "--quiet"});
      const Failure end = ChildProcess(words, log).end();
      if (end.code == static_cast<int>(Exit::usage) || end.code == static_cast<int>(Exit::input))
        fail_at_line(plan_, line,
                     end.code == static_cast<int>(Exit::usage) ? Fault::option : Fault::data,
                     end.sentence, words[0] == "eval");
      if (end.code == static_cast<int>(Exit::interrupted) || end.code == 128 + SIGINT)
        throw Ended(Exit::interrupted, "interrupted in the rehearsal; nothing was written");
      if (end.code != 0)
        complain(
            fmt::format("rehearsal of '{}': {}; its runs may fail", line.name(), end.sentence));
      return end.code == 0;
    };
    Pairs short_run = line.candidates.empty() ? Pairs{} : line.candidates[0];
    std::erase_if(short_run, [](const auto& p) { return p.first == "steps"; });
    short_run.emplace_back("steps", "3"), short_run.emplace_back("log-every", "1");
    short_run.emplace_back("validate-batches", "1");
    std::vector<std::string> words = suited_words(line, short_run);
    words.insert(words.begin(), "train");
    words.insert(words.end(), {"--out", out});
    if (!ended(words)) continue;
    std::vector<double> at;
    for (const std::string& l : split(read_file(out + "/metrics.jsonl", 1 << 20), '\n'))
      if (!l.empty()) at.push_back(parse_json(l, "metrics.jsonl").at("seconds").get<double>());
    if (at.size() == 3) seconds[&line] = (at[2] - at[0]) / 2;
    const std::string judged = scratch.path + "/eval.json";
    const auto judge = [&](const std::string& tuned_at) {
      std::vector<std::string> of{"eval", "--run", out, "--dry-run", "--json", judged};
      for (const auto& [name, value] : line.judging)
        of.insert(of.end(),
                  {"--" + name, name == "lengths" && !tuned_at.empty() ? tuned_at : value});
      return ended(of);
    };
    if (!judge("") || line.candidates.empty()) continue;
    if (plan_.tune_lengths != "row" && plan_.tune_lengths != "trained" &&
        !judge(plan_.tune_lengths))
      continue;
    if (!chosen_by(read_results(judged)))
      plan_.fail_at(plan_.line_of("tune.by"), "tune.by: [row {}] has no {}", line.row,
                    plan_.tune_by);
  }
  for (const PlanCommand& command : plan_.commands) rehearse(command);
  return seconds;
}

/// Whether there is such a command. What it does is not tried.
void Sweep::rehearse(const PlanCommand& command) const {
  const Scratch scratch;
  std::vector<std::string> words = words_of(command);
  words.push_back("--help");
  const Failure end = ChildProcess(words, scratch.path + "/log").end();
  if (end.code != 0) plan_.fail_at(command.number, "[command {}]: {}", command.name, end.sentence);
}

bool Sweep::is_retried(const Run& run, const std::string& retry) const {
  const auto done = done_of(run);
  return done && ((retry == "failed" && word(*done, "status") == "failed") ||
                  (retry == "stale" && word(*done, "commit") != commit()));
}

void Sweep::retry(const std::string& which) {
  std::error_code error;
  for (const std::vector<Run>& runs : {asked(tuning_), asked(reported())})
    for (const Run& run : runs)
      if (is_retried(run, which)) fs::remove_all(run.folder, error);
  choose();
}

std::vector<std::pair<Run, std::string>> Sweep::reusable(const std::string& other) const {
  std::map<std::string, std::string> finished;  // config and data -> folder
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(other + "/runs", error))
    if (entry.path().filename() == "done.json") {
      Run there;
      there.folder = entry.path().parent_path().string();
      if (const auto done = done_of(there); done && word(*done, "status") == "finished")
        finished[word(*done, "config") + word(*done, "data")] = there.folder;
    }
  if (error) fail(Fault::data, "--reuse: '{}' holds no sweep", other);
  std::vector<std::pair<Run, std::string>> found;
  for (const std::vector<Run>& runs : {tuning_, reported()})
    for (const Run& run : runs)
      if (const auto at = finished.find(sha256(run.resolved.ini) + run.resolved.data);
          at != finished.end() && state_of(run) == RunStatus::missing)
        found.emplace_back(run, at->second);
  return found;
}

void Sweep::reuse(const std::string& other) {
  for (const auto& [run, folder] : reusable(other)) {
    create_folder(fs::path(run.folder).parent_path().string());
    const std::string part = run.folder + ".part";  // a copy is whole, or not there
    fs::remove_all(part);
    fs::copy(folder, part, fs::copy_options::recursive);
    fs::rename(part, run.folder);
    complain(fmt::format("taken over: {} from {}", run.name(), folder));
  }
  choose();
}

std::vector<std::string> Sweep::words_of(const PlanCommand& command) const {
  std::vector<std::string> words;
  for (const std::string& word : split(command.words, ' '))
    if (!word.empty()) words.push_back(word[0] == '@' ? folder_ + word.substr(1) : word);
  return words;
}

void Sweep::run_command(const PlanCommand& command, Runner& runner, bool quiet) {
  const std::string mark = file(command.name + ".done.json"), result = file(command.result);
  const std::string done = Record{{"by", "gnomon " + command.words}}.dump() + "\n";
  std::error_code error;
  const auto there = [&] {
    return fs::exists(result, error) && fs::exists(mark, error) && read_file(mark, 1 << 20) == done;
  };
  const auto turn = runner.turn("command " + command.name);  // another sweep may be at it
  if (there()) return;
  if (!quiet) complain("gnomon " + command.words);
  const Failure end = runner.command(words_of(command), file(command.name + ".log"));
  if (end.code != 0) throw Ended(static_cast<Exit>(end.code), command.name + ": " + end.sentence);
  if (!fs::exists(result, error))
    throw Ended(Exit::diverged,
                fmt::format("{}: it ended well and did not write '{}'", command.name, result));
  atomic_write(mark, {done});
}

size_t Sweep::work(const RunnerOptions& options) {
  create_folder(folder_);
  std::string text = plan_.text;
  std::set<std::string> recipes;
  for (const PlanLine& line : plan_.lines)
    if (!line.recipe.empty() && recipes.insert(line.recipe).second) {
      text += fmt::format("\n# {}\n", line.recipe);
      for (const std::string& l : split(read_file(line.recipe, 1 << 20), '\n'))
        text += fmt::format("#   {}\n", l);
    }
  atomic_write(file("plan.ini"), {text});
  Runner runner(folder_, options, [this] { write(false); });
  runner_ = &runner;
  runner.work(asked(tuning_));
  choose();
  for (const ReportedLine& line : lines_)
    for (const Run& run : line.runs) state_of(run);  // chosen now: refuses what stands there
  runner.work(asked(reported()));
  write(true);
  if (options.commands && rows_.empty())
    for (const PlanCommand& command : plan_.commands) run_command(command, runner, options.quiet);
  write(true);
  size_t failed = 0;
  for (const std::vector<Run>& runs : {asked(tuning_), asked(reported())})
    for (const Run& run : runs) failed += state_of(run) != RunStatus::finished;
  for (const ReportedLine& line : lines_)
    if (!line.skipped.empty() && is_among(line.line->row, rows_)) {
      complain(fmt::format("{}: nothing to report: {}", line.line->name(), line.skipped));
      ++failed;
    }
  failures_ = runner.failures();
  runner_ = nullptr;
  return failed;
}

/// The tables; in the middle of the work at most every few seconds.
void Sweep::write(bool at_once) {
  constexpr double kApart = 5;
  if (!at_once && now() - written_at_ < kApart) return;
  written_at_ = now();
  const std::vector<Record> all = records();
  std::vector<Record> runs;
  for (const ReportedLine& line : lines_)
    for (Record& r : runs_of(line)) runs.push_back(r);
  atomic_write(file("table.jsonl"), {as_jsonl(all)});
  atomic_write(file("table.csv"), {as_csv(all)});
  atomic_write(file("table.md"), {as_markdown(all)});
  atomic_write(file("runs.csv"), {as_csv(runs)});
  if (!chosen_.empty()) atomic_write(file("chosen.jsonl"), {chosen_});
}

}  // namespace gnomon
