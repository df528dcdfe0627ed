// Published figures: a file of records that is kept with the sources, and pages rendered from it.
//
//   <!-- sweep PLAN columns=label:task|length|token_accuracy:tokens right rows=copy*; khop -->
//   (a table: rendered)
//   <!-- end -->
//   <!-- = PLAN/ROW/LENGTH/token_accuracy -->95.31 %
//
// A column is a key of the records, and what stands above it. With columns such as
// token_accuracy@2048 a line of the plan is one line of the table; without, lengths whose figures
// are equal share one. `rows` leaves out the others: names, or their beginnings; !name: all but it.
#pragma once

#include "tools/sweep/table.hpp"

namespace gnomon {

class Ledger {
 public:
  /// A file that is not there is empty. Throws Error(Fault::data) for one that is damaged.
  Ledger(const Plan& plan, const std::string& path);

  /// Records of the lines that have all their runs replace those that were there; lines that are no
  /// more in the plan go. Each line's first record gets "config", what its options come to.
  void merge(const std::vector<Record>& records);
  std::string text() const { return as_jsonl(records_); }
  /// Sentences: lines measured with another configuration than the plan has now, by option.
  std::vector<std::string> foreign() const;
  /// The page with all that is made from this plan rendered anew. Throws Error(Fault::data) for
  /// markers that are not as above.
  std::string rendered(const std::string& page, const std::string& path) const;

 private:
  /// How the line is judged: the seed of the data, options of eval.
  Record judging_of(const PlanLine& line) const;
  std::vector<Record> of(const PlanLine& line) const;
  std::string table(const std::string& columns, const std::string& rows) const;

  const Plan& plan_;
  std::vector<Record> records_;
};

}  // namespace gnomon
