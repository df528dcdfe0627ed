#include "tools/sweep/table.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/file.hpp"
#include "tools/training/experiment.hpp"

namespace gnomon {
namespace {

/// A number of it; 0: there is none.
double number(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

/// What a finished run left.
struct Left {
  const Run* run;
  Json results, done, last;  // eval.json's results; the last line of metrics.jsonl
  double tokens_per_s = 0;   // of training: the harmonic mean of its lines
};

std::optional<Left> read(const Run& run) {
  if (state_of(run) != RunStatus::finished) return std::nullopt;
  const std::string log = run.file("metrics.jsonl");
  Left left{&run, read_results(run.file("eval.json")), *done_of(run), Json::object()};
  double lines = 0, seconds = 0;
  for (const std::string& line : split(read_file(log, uint64_t{1} << 30), '\n')) {
    if (line.empty()) continue;
    left.last = parse_json(line, log);
    if (const double rate = number(left.last, "tokens_per_s"); rate > 0)
      ++lines, seconds += 1 / rate;
  }
  if (lines > 0) left.tokens_per_s = lines / seconds;
  return left;
}

Record spread(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  Record r{{"mean", mean}, {"sd", nullptr}};
  if (values.size() > 1) r["sd"] = std::sqrt(squares / static_cast<double>(values.size() - 1));
  r["low"] = *std::min_element(values.begin(), values.end());
  r["high"] = *std::max_element(values.begin(), values.end());
  return r;
}

Record range(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return {{"low", *std::min_element(values.begin(), values.end())},
          {"high", *std::max_element(values.begin(), values.end())}};
}

/// The result at a length (0: where there are none); null without it.
const Json* at_length(const Left& left, size_t index) {
  return index < left.results.size() ? &left.results[index] : nullptr;
}

std::vector<double> numbers(const std::vector<Left>& all, size_t index, const char* key) {
  std::vector<double> found;
  for (const Left& left : all)
    if (const Json* r = at_length(left, index); r && r->contains(key) && r->at(key).is_number())
      found.push_back(r->at(key).get<double>());
  return found;
}

template <class Get>
std::vector<double> each(const std::vector<Left>& all, Get get) {
  std::vector<double> found;
  for (const Left& left : all) found.push_back(get(left));
  return found;
}

std::string option(const Run& run, const std::string& name) {
  auto values = Arguments::of_text(run.resolved.ini, "config.ini").in_file();
  return values[name];
}

/// All different words, joined.
std::string words(const std::vector<Left>& all, const char* key) {
  std::set<std::string> different;
  for (const Left& left : all)
    if (const std::string found = word(left.done, key); !found.empty()) different.insert(found);
  return fmt::format("{}", fmt::join(different, ", "));
}

Record head(const ReportedLine& reported, const std::string& plan) {
  const PlanLine& line = *reported.line;
  Record record{{"plan", plan}, {"row", line.row}, {"label", line.label}, {"note", line.note}};
  record["values"] = spelled(line.values);
  return record;
}

}  // namespace

std::vector<Record> records_of(const ReportedLine& reported,
                               const std::map<std::string, Failure>& failures,
                               const std::string& plan) {
  std::vector<Left> left;
  Record failed = Record::array();
  for (const Run& run : reported.runs) {
    if (const auto found = read(run)) {
      left.push_back(*found);
      continue;
    }
    Failure why;
    if (const auto now = failures.find(run.folder); now != failures.end())
      why = now->second;
    else if (const auto done = done_of(run); done && word(*done, "status") == "failed")
      why = {static_cast<int>(number(*done, "code")), word(*done, "sentence")};
    else
      continue;
    failed.push_back({{"seed", run.seed}, {"code", why.code}, {"sentence", why.sentence}});
  }
  std::vector<Record> records;
  const size_t lengths = left.empty() ? 1 : left[0].results.size();
  for (size_t i = 0; i < lengths; ++i) {
    Record r = head(reported, plan);
    if (!reported.runs.empty()) {
      r["model"] = option(reported.runs[0], "model");
      r["task"] = option(reported.runs[0], "task");
      r["precision"] = option(reported.runs[0], "precision");
    }
    Pairs options = reported.line->options;
    options.insert(options.end(), reported.chosen.begin(), reported.chosen.end());
    r["options"] = spelled(options);
    r["length"] = left.empty() ? Record(nullptr) : Record(at_length(left[0], i)->at("length"));
    for (const char* metric : {"token_accuracy", "exact_match", "loss", "bits_per_byte"})
      r[metric] = spread(numbers(left, i, metric));
    const auto chance = numbers(left, i, "chance");
    r["chance"] = chance.empty() ? Record(nullptr) : Record(chance[0]);
    r["n"] = left.size();
    r["wanted"] = reported.runs.size();
    r["failed"] = failed;
    if (!reported.skipped.empty()) r["skipped"] = reported.skipped;
    Record seeds = Record::array();
    for (const Left& one : left) seeds.push_back(one.run->seed);
    r["seeds"] = seeds;
    r["chosen"] = Record::object();
    for (const auto& [name, value] : reported.chosen) r["chosen"][name] = value;
    r["tried"] = reported.tried;
    r["steps"] = range(each(left, [](const Left& l) { return number(l.done, "step"); }));
    r["planned"] = reported.runs.empty() ? 0 : reported.runs[0].resolved.steps;
    r["tokens"] = range(each(left, [](const Left& l) { return number(l.last, "tokens"); }));
    r["parameters"] = reported.runs.empty() ? 0 : reported.runs[0].resolved.parameters;
    const auto state = numbers(left, i, "state_numbers");
    r["state_numbers"] = state.empty() ? Record(nullptr) : Record(state[0]);
    r["stop"] = words(left, "stop");
    r["commit"] = words(left, "commit");
    r["seconds"] = range(each(left, [](const Left& l) { return number(l.last, "seconds"); }));
    r["tokens_per_s"] = range(each(left, [](const Left& l) { return l.tokens_per_s; }));
    r["threads"] = range(each(left, [](const Left& l) { return number(l.done, "threads"); }));
    r["jobs"] = range(each(left, [](const Left& l) { return number(l.done, "jobs"); }));
    r["machine"] = words(left, "machine");
    r["date"] = words(left, "date");
    records.push_back(r);
  }
  return records;
}

std::vector<Record> runs_of(const ReportedLine& reported) {
  std::vector<Record> records;
  for (const Run& run : reported.runs)
    if (const auto left = read(run))
      for (const Json& result : left->results) {
        Record r = head(reported, "");
        r.erase("plan");
        r["seed"] = run.seed;
        for (const auto& [key, value] : result.items())
          if (!value.is_structured()) r[key] = value;
        r["step"] = static_cast<size_t>(number(left->done, "step"));
        r["seconds"] = number(left->last, "seconds");
        r["tokens_per_s"] = left->tokens_per_s;
        r["folder"] = run.folder;
        records.push_back(r);
      }
  return records;
}

void mark_budget(std::vector<Record>& records, const Plan& plan) {
  const auto check = [&](const char* what, double budget, auto&& figure) {
    const double first = records.empty() ? 0 : figure(records[0]);
    if (budget == 0 || first == 0) return;
    for (Record& r : records) {
      const double share = figure(r) / first - 1;
      if (figure(r) == 0 || std::abs(share) <= budget) continue;
      const std::string before = r.value("over_budget", "");
      r["over_budget"] =
          fmt::format("{}{}{} {:+.0f} %", before, before.empty() ? "" : ", ", what, 100 * share);
    }
  };
  check("parameters", plan.budget_parameters,
        [](const Record& r) { return r.at("parameters").get<double>(); });
  check("seconds", plan.budget_seconds, [](const Record& r) {
    return r.at("seconds").is_null() ? 0.0 : r.at("seconds").at("high").get<double>();
  });
}

std::string as_jsonl(const std::vector<Record>& records) {
  std::string text;
  for (const Record& r : records) text += r.dump() + "\n";
  return text;
}

std::string as_csv(const std::vector<Record>& records) {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
  for (const Record& record : records) {
    auto& row = rows.emplace_back();
    const auto put = [&](const std::string& name, const Record& value) {
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
      std::string cell = value.is_null()     ? ""
                         : value.is_string() ? value.get<std::string>()
                                             : value.dump();
      if (cell.find_first_of(",\"\n\r") != cell.npos) {
        std::string safe = "\"";
        for (const char c : cell) safe += c == '"' ? "\"\"" : std::string(1, c);
        cell = safe + "\"";
      }
      row[name] = cell;
    };
    for (const auto& [name, value] : record.items())
      if (value.is_null())
        continue;
      else if (value.is_object())
        for (const auto& [part, number] : value.items()) put(name + "." + part, number);
      else
        put(name, value);
  }
  std::string text = fmt::format("{}\r\n", fmt::join(columns, ","));
  for (auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) cells.push_back(row[column]);
    text += fmt::format("{}\r\n", fmt::join(cells, ","));
  }
  return text;
}

}  // namespace gnomon
