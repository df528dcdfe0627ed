// A plan of experiments: an INI file whose sections are rows.
//
//   seeds = 1,2,3                        of training, for what is reported
//   tune.seeds = 11                      others, on which candidates are chosen
//   [names]
//   below = window:2,sinks:2             {below} in a value
//   [all]
//   eval.batches = 8                     for every row
//   [row copy]
//   recipe = copy                        where its options begin: a file of recipes/
//   learning-rate = 0.001 ; 0.003        alternatives, each a line of the table
//   together = length pairs              these lists advance in step; the others make a product
//   tune.position = none ; rope          alternatives of which one is chosen
//   eval.lengths = 64,2048               how it is judged: options of `gnomon eval`
//   [row copy, wider]
//   like = copy                          the lines of a row above
//   width = 128
//   [command bench]
//   words = bench --lengths 256 --json @/bench.json     @: the folder of the sweep
//   result = bench.json
//
// Precedence, the later wins: recipe, [all], like, row, --set (in place of a tune line too).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "tools/training/options.hpp"

namespace gnomon {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// "name=value,name=value"
std::string spelled(const Pairs& pairs);
/// A name for a folder: letters, digits and .=,+:- stay, others become _; at most 48, then 8 digits
/// of a hash where something was lost.
std::string folder_name(const std::string& text);

/// Is the row among "copy; khop*" (names, or their beginnings), or "!khop*" (all but it)? "": all
/// are.
bool is_among(const std::string& row, std::string rows);

/// What is reported: a row, with one of its alternatives where it has some.
struct PlanLine {
  std::string row, label, note, recipe;  ///< recipe: the path of its file, or ""
  size_t number = 0;                     ///< of the row's section, in the plan's file
  Pairs options;                         ///< over the recipe
  Pairs values;                          ///< those of them that are alternatives
  std::vector<Pairs> candidates;         ///< of which one is chosen; empty: nothing is
  Pairs judging;                         ///< options of eval
  /// Words for train, without seed and out.
  std::vector<std::string> words(const Pairs& more = {}) const;
  std::string name() const;  ///< "row" or "row name=value"
};

struct PlanCommand {
  std::string name, words, result;
  size_t number = 0;  ///< of its words, in the plan's file
};

class Plan {
 public:
  /// `sets`: "option=value" for every row. Throws Error(Fault::option) with the number of the line,
  /// Error(Fault::data) when the file cannot be read.
  Plan(const std::string& path, const std::vector<std::string>& sets, const std::string& seeds);

  std::vector<size_t> seeds, tune_seeds;
  size_t data_seed = 1, tune_data_seed = 100, tune_steps = 0;
  std::string tune_by = "token-accuracy", tune_lengths = "trained";
  double budget_parameters = 0, budget_seconds = 0;  ///< shares; 0: none
  std::vector<PlanLine> lines;
  std::vector<PlanCommand> commands;
  std::string path, name, text;  ///< name: of the file, without ".ini"

  /// The number of a line that stands in no file, but in --set.
  static constexpr size_t kFromSet = 0;
  /// "PLAN: line 7: sentence"
  template <class... A>
  [[noreturn]] void fail_at(size_t number, fmt::format_string<A...> sentence, A&&... values) const {
    const std::string where = number == kFromSet ? "--set" : fmt::format("line {}", number);
    fail(Fault::option, "{}: {}: {}", path, where,
         fmt::format(sentence, std::forward<A>(values)...));
  }
  /// The line of the file that gives this option to the row, or the row's own.
  size_t line_of(const PlanLine& line, const std::string& option) const;
  /// The line at the top of the plan.
  size_t line_of(const std::string& name) const;
  /// Words that mean something to the plan itself; no option may have such a name.
  static const std::vector<std::string>& own_words();

 private:
  struct Line {
    std::string name, value;
    size_t number = 0;
  };
  using Lines = std::vector<Line>;
  struct Section {
    std::string kind, name;
    size_t number = 0;
    Lines lines;
  };
  std::vector<Section> sections() const;
  void read_top(const Section& top, const std::string& seeds);
  void substitute(Lines& lines, const Lines& names) const;
  void expand(const Section& row, const Lines& lines);
  std::vector<Pairs> product(const Lines& lines, const std::vector<std::string>& together) const;
  std::string recipe_file(const Line& line) const;
  Lines top_;
  std::vector<std::pair<std::string, Lines>> rows_;  // with all that they inherit
};

}  // namespace gnomon
