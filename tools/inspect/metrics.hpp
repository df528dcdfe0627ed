// metrics.jsonl, read back.
#pragma once

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

/// What a file of metrics holds. A last line without its end (a killed run) is left out; so is a
/// damaged line, and then `remark` is a sentence that says so.
struct MetricLines {
  std::vector<Metric> all;
  std::string remark;
};

/// Reads metrics.jsonl. Throws Error(Fault::data) for a missing file.
MetricLines read_metrics(const std::string& path);

}  // namespace gnomon
