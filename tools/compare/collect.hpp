// Runs read from disk to be compared, and folded over their seeds. Nothing here trains or judges: a
// run is what its directory says.
//
//   config.ini      options; equal ones, the seed apart, make a group
//   metrics.jsonl   curves; continued.json puts those of an earlier run before them
//   eval.json       what `gnomon eval --json` found
//   done.json       what a sweep made of it
//   model.safetensors   the header only: parameters, the step reached and why it stopped
#pragma once

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace gnomon {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// A number by step, in the order of the log; NaN: it was not finite.
struct Curve {
  std::vector<double> step, value;
};

/// A line of eval.json.
struct Judged {
  size_t length = 0;
  std::map<std::string, double> numbers;  ///< "token_accuracy", "chance", "state_numbers", ...
};

enum class RunStatus { finished, unfinished, failed, broken };
const char* name_of(RunStatus status);

struct ComparedRun {
  std::string path;
  std::string source;  ///< what it was given by: itself, or the folder it stands in
  std::string row;     ///< in a sweep: the row, its values and candidate; else empty
  std::map<std::string, std::string> options;  ///< all but the seed
  std::string seed;
  std::string data;  ///< the fingerprint of what it has learned from, where known
  RunStatus status = RunStatus::finished;
  std::vector<std::string> remarks;  ///< why it is not finished; what could not be read
  double step = kUnknown, steps = kUnknown, parameters = kUnknown;  ///< reached; planned
  std::string stop;                                                 ///< why it ended
  std::string machine;                  ///< and how many jobs it shared that with, where known
  std::string checkpoint = "last";      ///< which was judged
  std::map<std::string, Curve> curves;  ///< by their names in metrics.jsonl, and "mean_hop:1", ...
  std::vector<Judged> judged;           ///< by length

  /// The last number of a curve; NaN: there is none.
  double last(const std::string& curve) const;
  /// "token_accuracy@2048"; NaN: not judged there.
  double judged_at(const std::string& number, size_t length) const;
};

/// Runs whose options are equal, the seed apart.
struct ComparedGroup {
  std::string label;                   ///< unlike that of any other group
  std::vector<size_t> runs;            ///< which
  std::vector<std::string> different;  ///< the values of Comparison::different; "\n": has it not
};

struct Comparison {
  std::vector<ComparedRun> runs;
  std::vector<ComparedGroup> groups;
  std::vector<std::string> different;        ///< options that are not equal in all groups
  std::map<std::string, std::string> equal;  ///< those that are
};

/// The runs that the words name: run directories, folders with runs at any depth (a sweep), or
/// patterns of them. Throws Error(Fault::data) for a word that names nothing.
std::vector<ComparedRun> collect_runs(const std::vector<std::string>& words);

/// Folds them. Two runs of one seed are no two draws: then the groups are also told apart by where
/// the runs stand, as "from".
Comparison fold_runs(std::vector<ComparedRun> runs);

/// At `grid`, over those curves that have begun there: a curve that has ended keeps its last
/// number.
struct Band {
  std::vector<double> x, mean, low, high;
  std::vector<size_t> n;  ///< how many have not ended
};
Band band_of(const std::vector<Curve>& curves, bool log_x);

/// The curve by another one's values ("tokens", "seconds") instead of steps. Empty: that is
/// unknown.
Curve against(const ComparedRun& run, const std::string& x, const std::string& y);

/// At most `most` points: of each bucket of steps the lowest and the highest, so that a spike
/// stays.
Curve reduced(const Curve& curve, size_t most);
/// The same of one that only rises, such as seconds: every so many points, and the last.
Curve thinned(const Curve& curve, size_t most);

/// Mean, deviation (n - 1), lowest and highest of what is known.
struct SeedSpread {
  size_t n = 0;
  double mean = kUnknown, deviation = kUnknown, low = kUnknown, high = kUnknown;
};
SeedSpread spread_of(const std::vector<double>& values);

}  // namespace gnomon
