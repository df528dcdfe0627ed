// One run of a sweep: what it is to be, and how much of it is there. Finished means: done.json
// stands in its folder, and belongs to the configuration, the data and the judging that the plan
// asks for now. Nothing else counts.
//
//   DIR/runs/ROW[/VALUES][/tuning/CANDIDATE]/SEED/   a run directory, eval.json, done.json
//                                          SEED.log  what train and eval complained of
#pragma once

#include <optional>

#include "core/base/json.hpp"
#include "tools/sweep/plan.hpp"

namespace gnomon {

/// What a configuration comes to, without a seed.
struct Resolved {
  std::string ini;   ///< as config.ini has it
  std::string data;  ///< the task's fingerprint
  size_t length = 0, steps = 0, parameters = 0;
};

struct Run {
  const PlanLine* line = nullptr;
  Pairs candidate;      ///< over the line's options: the one that is tried, or was chosen
  bool tuning = false;  ///< one of those that are tried
  size_t seed = 1;
  std::string folder;              ///< the run directory
  std::vector<std::string> train;  ///< words, without out, threads and quiet
  std::vector<std::string> judge;  ///< words of eval, without run, json, threads and quiet
  Resolved resolved;               ///< with its seed

  std::string name() const;  ///< "row learning-rate=0.001, seed 2"
  std::string file(const std::string& of) const { return folder + "/" + of; }
};

/// The line's words for train with these options over them, without what cannot be meant for them:
/// options of a line with candidates that belong to other candidates only (max-length, where one
/// position is learned), and those of its recipe that belong to what the line has replaced
/// (sources, where its model is another).
std::vector<std::string> suited_words(const PlanLine& line, const Pairs& more);

/// Builds the experiment of these words of train. Throws what train would.
Resolved resolve(const std::vector<std::string>& words);

enum class RunStatus {
  missing,
  begun,    ///< to be resumed
  trained,  ///< by its end, and not judged, or otherwise than asked now
  finished,
  failed,  ///< as recorded: it diverged, and would again
};

/// Throws Error(Fault::option) when a run of another configuration or other data stands there,
/// naming what differs.
RunStatus state_of(const Run& run);

/// Where config.ini names the place of its data, it names that of the plan from now on: a run goes
/// on, and is judged, where the same data lies now.
void tell_where_data_lies(const Run& run);

/// done.json; none: it is not there, or not readable.
std::optional<Json> done_of(const Run& run);
/// A text of it; "": there is none.
std::string word(const Json& object, const std::string& name);
/// The results that eval has written.
Json read_results(const std::string& path);
/// Writes done.json, last of all. `failure`: the exit code and sentence of a run that diverged.
struct Failure {
  int code = 0;
  std::string sentence;
};
void write_done(const Run& run, const std::optional<Failure>& failure, size_t threads, size_t jobs);

}  // namespace gnomon
