// A plan carried out in a folder: chosen on tuning seeds, trained and judged on others, gathered
// into tables.
//
//   DIR/plan.ini                 the plan, and the recipes' texts as remarks
//   DIR/chosen.jsonl             of what is tuned: the candidates' scores, and the winner
//   DIR/table.jsonl .csv .md     a record for each line and length; runs.csv: for each run
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/sweep/runner.hpp"
#include "tools/sweep/table.hpp"

namespace gnomon {

class Sweep {
 public:
  /// Resolves every run that can be known now. Throws Error(Fault::option or Fault::data) with the
  /// line of the plan, or when runs of other configurations stand in the folder.
  /// `rows`: those that are worked on (as is_among() reads it); the tables are of all.
  Sweep(const Plan& plan, const std::string& folder, std::string rows = "");

  /// Every line whose runs have not begun takes a few steps and is judged on one sequence, in a
  /// folder that is removed. Throws as the constructor: what the program refuses. Returns seconds a
  /// step, by line.
  std::map<const PlanLine*, double> rehearse(size_t threads);
  /// Whether the run is made anew: "failed", as it was recorded; "stale", by another build; "none".
  bool is_retried(const Run& run, const std::string& retry) const;
  /// Forgets those runs.
  void retry(const std::string& which);
  /// Runs that are not there, and the folders of finished ones of the same configuration and data
  /// in another sweep.
  std::vector<std::pair<Run, std::string>> reusable(const std::string& other) const;
  /// Takes them over.
  void reuse(const std::string& other);
  /// Trains, judges, chooses, runs the commands. Returns how many runs failed. Throws Ended.
  size_t work(const RunnerOptions& options);

  /// All runs that are known: those to choose by, and those to report whose options are chosen.
  const std::vector<Run>& tuning() const { return tuning_; }
  std::vector<Run> reported() const;
  /// How many runs will be reported, known or not.
  size_t wanted() const { return plan_.lines.size() * plan_.seeds.size(); }
  std::vector<Record> records() const;
  /// All commands that are known, as a user would type them.
  std::vector<std::string> commands() const;
  std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  /// Those of the rows that are worked on.
  std::vector<Run> asked(std::vector<Run> runs) const;
  Run make_run(const PlanLine& line, const Pairs& candidate, bool tuning, size_t seed) const;
  void choose();
  /// The mean of what the plan chooses by, over the lengths; larger is better. Nothing: they have
  /// no such number.
  std::optional<double> chosen_by(const Json& results) const;
  std::optional<double> score(const Run& run) const;
  void rehearse(const PlanCommand& command) const;
  void write(bool at_once);
  std::vector<std::string> words_of(const PlanCommand& command) const;
  void run_command(const PlanCommand& command, Runner& runner, bool quiet);

  const Plan& plan_;
  std::string folder_, rows_;
  std::map<std::string, Failure> failures_;  // of the work that is done
  std::vector<Run> tuning_;
  std::vector<ReportedLine> lines_;
  std::string chosen_;  // chosen.jsonl
  const Runner* runner_ = nullptr;
  double written_at_ = -1e9;
};

}  // namespace gnomon
