// What can be seen of a run: how it learned, how well it answers, and one sample of it in full.
#pragma once

#include "tools/inspect/metrics.hpp"
#include "tools/inspect/sample.hpp"
#include "tools/training/evaluation.hpp"

namespace gnomon {

struct Inspection {
  std::string run, model, task, config;
  size_t parameters = 0, length = 0;
  std::vector<std::string> remarks = {};  ///< sentences on what of the run could not be read
  std::vector<Metric> metrics = {};
  std::vector<Evaluation> accuracy = {};
  bool exact = true;  ///< whether whole sequences can be right: not those of text
  InspectedSample sample = {};
  /// What the run was on the way, on the same sample: steps, ascending.
  std::vector<std::pair<size_t, InspectedSample>> snapshots = {};
  std::string model_file = {};  ///< bytes of its safetensors, for a page that is alive; empty: not
};

constexpr size_t kLongestSample = 16384;  ///< tokens that a report can hold

/// All of it as JSON; the names are those of the structures above, and the sample is that of
/// sample_json(). Numbers that were computed have four significant digits; null: not finite, and
/// the exact match of a task that has none. The metrics are one list for each name.
std::string inspection_json(const Inspection& inspection);

}  // namespace gnomon
