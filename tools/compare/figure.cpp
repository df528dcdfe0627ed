#include "tools/compare/figure.hpp"

#include <algorithm>
#include <set>

#include "core/base/error.hpp"
#include "core/base/fields.hpp"

namespace gnomon {
namespace {

using NamedGroup = std::pair<std::string, std::vector<size_t>>;  // label, runs

/// By the values of one option, or as they were folded.
std::vector<NamedGroup> grouped(const Comparison& all, const std::string& option) {
  std::vector<NamedGroup> groups;
  if (option.empty()) {
    for (const ComparedGroup& g : all.groups) groups.emplace_back(g.label, g.runs);
    return groups;
  }
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < all.runs.size(); ++i) {
    const auto& options = all.runs[i].options;
    const auto found = option == "seed" ? options.end() : options.find(option);
    const std::string value = option == "seed"         ? all.runs[i].seed
                              : found == options.end() ? "not set"
                                                       : found->second;
    const auto [at, is_new] = places.emplace(value, groups.size());
    if (is_new) groups.emplace_back(option + "=" + value, std::vector<size_t>{});
    groups[at->second].second.push_back(i);
  }
  if (places.size() == 1 && places.contains("not set")) {
    std::vector<std::string> names = all.different;
    for (const auto& [name, value] : all.equal) names.push_back(name);
    const std::string near = nearest(option, names);
    fail_option("group", "no run has the option '{}'{}", option,
                near.empty() ? "" : "; did you mean " + near + "?");
  }
  return groups;
}

std::set<std::string> curve_names(const Comparison& all) {
  std::set<std::string> names{"step"};
  for (const ComparedRun& run : all.runs)
    for (const auto& [name, curve] : run.curves) names.insert(name);
  return names;
}

std::set<std::string> judged_names(const Comparison& all) {
  std::set<std::string> names;
  for (const ComparedRun& run : all.runs)
    for (const Judged& j : run.judged)
      for (const auto& [name, number] : j.numbers) names.insert(name);
  return names;
}

/// Throws unless it is one of them.
void expect_one_of(const std::set<std::string>& names, const std::string& name,
                   const std::string& option) {
  if (names.contains(name)) return;
  if (names.empty())
    fail_option(option, "'{}' is found by gnomon eval --json RUN/eval.json, which no run has",
                name);
  fail_option(option, "expected one of {}; got {}", fmt::join(names, ", "), name);
}

void curve_lines(const Comparison& all, const std::vector<NamedGroup>& groups, Figure& figure) {
  for (const auto& [label, runs] : groups) {
    std::vector<Curve> curves;
    for (const size_t i : runs) {
      Curve curve = against(all.runs[i], figure.x, figure.y);
      if (!curve.step.empty()) curves.push_back(std::move(curve));
    }
    if (Band band = band_of(curves, false); !band.x.empty())
      figure.lines.push_back({label, std::move(band)});
  }
}

/// A band by length, of what `number` says of each run.
Band by_length(const Comparison& all, const std::vector<size_t>& runs, const std::string& number) {
  std::map<size_t, std::vector<double>> values;
  for (const size_t i : runs)
    for (const Judged& j : all.runs[i].judged)
      if (const auto found = j.numbers.find(number); found != j.numbers.end())
        values[j.length].push_back(found->second);
  size_t most = 0;
  for (const auto& [length, found] : values) most = std::max(most, found.size());
  Band band;
  for (const auto& [length, found] : values) {
    const SeedSpread s = spread_of(found);
    band.x.push_back(static_cast<double>(length)), band.mean.push_back(s.mean);
    band.low.push_back(s.low), band.high.push_back(s.high), band.n.push_back(s.n);
  }
  return band;
}

void length_lines(const Comparison& all, const std::vector<NamedGroup>& groups, Figure& figure) {
  figure.log_x = true;
  std::vector<size_t> everyone;
  std::set<double> trained;
  for (const auto& [label, runs] : groups) {
    if (Band band = by_length(all, runs, figure.y); !band.x.empty())
      figure.lines.push_back({label, std::move(band)});
    for (const size_t i : runs) {
      everyone.push_back(i);
      if (const auto length = all.runs[i].options.find("length");
          length != all.runs[i].options.end())
        trained.insert(std::strtod(length->second.c_str(), nullptr));
    }
  }
  if (figure.y == "token_accuracy") figure.chance = by_length(all, everyone, "chance");
  figure.trained.assign(trained.begin(), trained.end());
}

void scattered(const Comparison& all, const std::vector<NamedGroup>& groups, Figure& figure) {
  figure.log_x = figure.points = true;
  const size_t at = figure.y.find('@');
  const std::string number = figure.y.substr(0, at);
  expect_one_of(judged_names(all), number, "y");
  const size_t length = at == std::string::npos
                            ? common_length(all)
                            : parse_integer(figure.y.substr(at + 1), 0, size_t{1} << 40, "y");
  if (length == 0)
    fail_option("y", "no length is common to all runs; say which, as {}@2048", number);
  figure.y = fmt::format("{}@{}", number, length);
  for (const auto& [label, runs] : groups) {
    std::vector<double> xs, ys;
    for (const size_t i : runs) {
      const ComparedRun& run = all.runs[i];
      const double y = run.judged_at(number, length);
      if (std::isfinite(y)) ys.push_back(y);
      xs.push_back(figure.x == "parameters" ? run.parameters : run.judged_at(figure.x, length));
    }
    const SeedSpread x = spread_of(xs), y = spread_of(ys);
    if (x.n > 0 && y.n > 0 && x.mean > 0)
      figure.lines.push_back({label, {{x.mean}, {y.mean}, {y.low}, {y.high}, {y.n}}});
  }
  if (figure.lines.empty())
    fail_option("y", "no run was judged at length {}, with its {} known", length, figure.x);
}

/// A cell of CSV.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted_text = "\"";
  for (const char c : text) quoted_text += c == '"' ? "\"\"" : std::string(1, c);
  return quoted_text + "\"";
}
std::string cell(double number) { return std::isfinite(number) ? fmt::format("{}", number) : ""; }

}  // namespace

size_t common_length(const Comparison& all) {
  std::map<size_t, size_t> count;
  size_t judged = 0;
  for (const ComparedRun& run : all.runs) {
    judged += !run.judged.empty();
    std::set<size_t> lengths;
    for (const Judged& j : run.judged) lengths.insert(j.length);
    for (const size_t length : lengths) ++count[length];
  }
  for (auto at = count.rbegin(); at != count.rend(); ++at)
    if (at->second == judged) return at->first;
  return 0;
}

Figure figure_of(const Comparison& all, const std::string& x, const std::string& y,
                 const std::string& group) {
  Figure figure{.x = x, .y = y, .title = "", .lines = {}, .chance = {}, .trained = {}};
  const auto groups = grouped(all, group);
  if (x == "length") {
    expect_one_of(judged_names(all), y, "y");
    length_lines(all, groups, figure);
  } else if (x == "parameters" || x == "state_numbers") {
    scattered(all, groups, figure);
  } else {
    auto names = curve_names(all);
    expect_one_of(names, y, "y");
    names.insert({"length", "parameters", "state_numbers"});
    expect_one_of(names, x, "x");
    curve_lines(all, groups, figure);
    if (figure.lines.empty()) fail_option("y", "no run has {} by {}", y, x);
  }
  figure.title = figure.y + " by " + figure.x;
  return figure;
}

std::string csv_of(const Comparison& all) {
  std::vector<std::string> names;
  for (const std::string& name : curve_names(all))
    if (name != "step") names.push_back(name);
  std::vector<std::string> head{"run", "group", "status", "seed"};
  head.insert(head.end(), all.different.begin(), all.different.end());
  head.push_back("step");
  head.insert(head.end(), names.begin(), names.end());
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    text += fmt::format("{}\r\n", fmt::join(cells, ","));
  };
  for (std::string& name : head) name = cell(name);
  line(head);
  for (const ComparedGroup& group : all.groups)
    for (const size_t i : group.runs) {
      const ComparedRun& run = all.runs[i];
      std::vector<std::string> about{cell(run.path), cell(group.label), name_of(run.status),
                                     cell(run.seed)};
      for (const std::string& value : group.different)
        about.push_back(value == "\n" ? "" : cell(value));
      std::map<double, std::map<std::string, double>> steps;
      for (const auto& [name, curve] : run.curves)
        for (size_t p = 0; p < curve.step.size(); ++p) steps[curve.step[p]][name] = curve.value[p];
      for (const auto& [step, numbers] : steps) {
        std::vector<std::string> cells = about;
        cells.push_back(cell(step));
        for (const std::string& name : names) {
          const auto found = numbers.find(name);
          cells.push_back(found == numbers.end() ? "" : cell(found->second));
        }
        line(cells);
      }
    }
  return text;
}

}  // namespace gnomon
