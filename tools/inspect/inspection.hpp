// What can be seen of a run: how it learned, how well it answers, and on one sample where every
// token points, why, and how far.
#pragma once

#include <optional>

#include "tools/training/evaluation.hpp"
#include "tools/training/pointer_watch.hpp"

namespace gnomon {

/// A line of metrics.jsonl.
struct Metric {
  size_t step = 0;
  double loss = 0, accuracy = 0, tau = 0, tokens_per_s = 0;
  bool validated = false;
  double validation_loss = 0, validation_accuracy = 0;  ///< NaN: not finite
  std::vector<PointerSummary> pointers = {};            ///< of the layers that were watched
};

/// Reads metrics.jsonl. A last line without its end (a killed run) is left out; so is a damaged
/// line, which is said on the standard error. Throws Error(Fault::data) for a missing file.
std::vector<Metric> read_metrics(const std::string& path);

/// How far the pointers of one head reach; a hop is i - to_i, over the tokens that point.
struct HopStatistics {
  size_t pointing = 0;  ///< tokens that point at all
  double mean = 0, median = 0;
  size_t longest = 0;
  double self = 0, local = 0, far = 0;  ///< shares: hop 0; 1 to 15; 16 and more
  size_t distinct = 0;                  ///< different targets
};
HopStatistics hop_statistics(const std::vector<int32_t>& to);

/// One head of one layer on the sample, token by token.
struct HeadMap {
  std::vector<int32_t> to;    ///< where it points; -1: nothing
  std::vector<int32_t> type;  ///< index into LayerMap::types; -1: there was no candidate
  std::vector<double> score;
  std::vector<double> margin;            ///< over the runner-up; infinity: there was none
  std::vector<double> probability = {};  ///< of the chosen target in the soft distribution
  std::vector<double> entropy = {};      ///< of that distribution over targets and nothing, in bits
  HopStatistics hops = {};
  std::optional<Recall::Head> recall = {};
};

struct LayerMap {
  size_t layer = 0;                ///< counted from 1, as passes: a shared layer counts again
  std::vector<std::string> types;  ///< names of what a pointer can win by
  std::vector<HeadMap> heads = {};
  std::vector<double> gate = {};  ///< mean over the features of how far the gate is open
};

struct Inspection {
  std::string run, model, task, config;
  size_t parameters = 0, length = 0;
  double temperature = 1;  ///< of the soft distribution: that of the end of training
  std::vector<Metric> metrics = {};
  std::vector<Evaluation> accuracy = {};
  bool exact = true;  ///< whether whole sequences can be right: not those of text
  std::vector<std::string> tokens = {};
  std::vector<std::string> target = {}, predicted = {};  ///< empty where nothing is asked
  std::vector<LayerMap> layers = {};                     ///< of those that point
};

constexpr size_t kLongestSample = 16384;   ///< tokens that a report can hold
constexpr size_t kLongestRecalled = 4096;  ///< tokens whose recall is counted: it is quadratic

/// Runs the model on the sample [1,N] and fills `tokens` to `layers`.
void inspect_sample(const SequenceModel& model, const Task& task, const Batch& sample,
                    Inspection& inspection);

/// All of it as JSON; the names are those of the structures above. Numbers that were computed have
/// four significant digits; null: not finite (a margin without a runner-up), and the exact match of
/// a task that has none. The metrics are one list for each name.
std::string inspection_json(const Inspection& inspection);

}  // namespace gnomon
