// What a sweep has found: a record for each line of the plan and length, over the seeds that are
// finished. What failed or is not there yet is counted, never left out in silence.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/sweep/run.hpp"

namespace gnomon {

using Record = nlohmann::ordered_json;

/// The runs of a line that are to be reported; chosen: what the tuning came to.
struct ReportedLine {
  const PlanLine* line = nullptr;
  std::vector<Run> runs;
  Pairs chosen;
  size_t tried = 0;     ///< candidates
  std::string skipped;  ///< why there are no runs; "" where there are
};

/// Records of a line, one a length. `failures`: by Run::folder, of this sweep.
std::vector<Record> records_of(const ReportedLine& line,
                               const std::map<std::string, Failure>& failures,
                               const std::string& plan);

/// One record a run and length.
std::vector<Record> runs_of(const ReportedLine& line);

/// Marks records whose parameters or seconds differ from those of the first line by more than the
/// plan's budget: their key "over_budget" says by what.
void mark_budget(std::vector<Record>& records, const Plan& plan);

/// RFC 4180; objects become columns "name.part"; what is not known stays empty.
std::string as_csv(const std::vector<Record>& records);
std::string as_jsonl(const std::vector<Record>& records);

}  // namespace gnomon
