// Runs folded over their seeds, and their curves over runs.
#include <algorithm>
#include <set>

#include "core/base/error.hpp"
#include "tools/compare/collect.hpp"

namespace gnomon {
namespace {

constexpr size_t kFinest = 400;  // points of a band, where the curves do not share theirs
constexpr size_t kLongestLabel = 60;

using OptionValues = std::map<std::string, std::string>;

/// Runs by equal options, in the order of the first of each.
std::vector<ComparedGroup> by_options(const std::vector<ComparedRun>& runs) {
  std::map<OptionValues, size_t> places;
  std::vector<ComparedGroup> groups;
  for (size_t i = 0; i < runs.size(); ++i) {
    // A run without options is like no other.
    OptionValues key = runs[i].options;
    if (key.empty()) key["path"] = runs[i].path;
    const auto [at, is_new] = places.emplace(std::move(key), groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].runs.push_back(i);
  }
  return groups;
}

bool repeats_a_seed(const std::vector<ComparedRun>& runs, const ComparedGroup& group) {
  std::set<std::string> seeds;
  for (const size_t i : group.runs)
    if (!seeds.insert(runs[i].seed).second) return true;
  return false;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// What tells the runs of a group apart that has one seed twice: what they were given by, the row
/// of a sweep, their own name. The first of these that leaves no seed twice.
void tell_apart(std::vector<ComparedRun>& runs) {
  for (int level = 0; level < 3; ++level)
    for (const ComparedGroup& group : by_options(runs)) {
      if (!repeats_a_seed(runs, group)) continue;
      for (const size_t i : group.runs) {
        ComparedRun& run = runs[i];
        run.options["path"] = level == 0 ? run.source : level == 1 ? parent_of(run.path) : run.path;
      }
    }
}

std::string common_beginning(const std::string& a, const std::string& b) {
  return a.substr(0, static_cast<size_t>(
                         std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin()));
}

/// Its row in the sweep, its path, or what the paths of its runs begin with.
std::string name_of_group(const std::vector<ComparedRun>& runs, const ComparedGroup& group) {
  const ComparedRun& first = runs[group.runs[0]];
  if (!first.row.empty()) return first.row;
  std::string name = first.path;
  for (const size_t i : group.runs) name = common_beginning(name, runs[i].path);
  if (group.runs.size() > 1) name.erase(name.find_last_not_of("-_./= ") + 1);
  return name.empty() ? first.path : name;
}

/// "position=rope, layers=3" where that is short, or else the name.
std::string label_of(const Comparison& all, const ComparedGroup& group) {
  std::string label;
  for (size_t i = 0; i < all.different.size(); ++i)
    if (group.different[i] != "\n")
      label += (label.empty() ? "" : ", ") + all.different[i] + "=" + group.different[i];
  return label.empty() || label.size() > kLongestLabel ? name_of_group(all.runs, group) : label;
}

double interpolated(const Curve& curve, double x) {
  const auto above = std::lower_bound(curve.step.begin(), curve.step.end(), x);
  const auto i = static_cast<size_t>(above - curve.step.begin());
  if (i == curve.step.size()) return curve.value.back();
  if (curve.step[i] == x || i == 0) return curve.value[i];
  const double share = (x - curve.step[i - 1]) / (curve.step[i] - curve.step[i - 1]);
  return curve.value[i - 1] + share * (curve.value[i] - curve.value[i - 1]);
}

/// The points that the curves have, or evenly spaced ones where those are too many.
std::vector<double> grid_of(const std::vector<Curve>& curves, bool log_x) {
  std::set<double> all;
  for (const Curve& c : curves) all.insert(c.step.begin(), c.step.end());
  if (log_x) all.erase(all.begin(), all.upper_bound(0));
  if (all.size() <= kFinest) return {all.begin(), all.end()};
  const double low = *all.begin(), high = *all.rbegin();
  std::vector<double> grid;
  for (size_t i = 0; i < kFinest; ++i) {
    const double share = static_cast<double>(i) / (kFinest - 1);
    grid.push_back(log_x ? low * std::pow(high / low, share) : low + share * (high - low));
  }
  grid.back() = high;
  return grid;
}

}  // namespace

Comparison fold_runs(std::vector<ComparedRun> given) {
  tell_apart(given);
  Comparison all;
  all.groups = by_options(given);
  all.runs = std::move(given);
  std::map<std::string, std::set<std::string>> values;
  const auto value = [&](const ComparedGroup& group, const std::string& name) {
    const OptionValues& options = all.runs[group.runs[0]].options;
    const auto found = options.find(name);
    return found == options.end() ? "\n" : found->second;
  };
  for (const ComparedRun& run : all.runs)
    for (const auto& [name, text] : run.options) values[name];
  for (auto& [name, found] : values) {
    for (const ComparedGroup& group : all.groups) found.insert(value(group, name));
    if (found.size() > 1)
      all.different.push_back(name);
    else
      all.equal[name] = *found.begin();
  }
  // What was chosen first, since most others follow from it.
  std::stable_partition(all.different.begin(), all.different.end(), [](const std::string& name) {
    return name == "model" || name == "task" || name == "mixers" || name == "position";
  });
  std::set<std::string> labels;
  for (ComparedGroup& group : all.groups) {
    for (const std::string& name : all.different) group.different.push_back(value(group, name));
    group.label = label_of(all, group);
    if (labels.contains(group.label)) group.label = name_of_group(all.runs, group);
    if (labels.contains(group.label)) group.label = all.runs[group.runs[0]].path;
    labels.insert(group.label);
  }
  return all;
}

Curve against(const ComparedRun& run, const std::string& x, const std::string& y) {
  const auto curve = run.curves.find(y);
  if (curve == run.curves.end()) return {};
  if (x == "step") return curve->second;
  const auto axis = run.curves.find(x);
  if (axis == run.curves.end() || axis->second.step.empty()) return {};
  Curve turned = curve->second;
  for (double& step : turned.step) step = interpolated(axis->second, step);
  return turned;
}

Band band_of(const std::vector<Curve>& given, bool log_x) {
  std::vector<Curve> curves;
  for (const Curve& c : given) {
    Curve known;  // what is not finite ends a curve: there is nothing behind it to go on with
    for (size_t i = 0; i < c.value.size() && std::isfinite(c.value[i]); ++i)
      known.step.push_back(c.step[i]), known.value.push_back(c.value[i]);
    if (!known.step.empty()) curves.push_back(std::move(known));
  }
  Band band;
  for (const double x : grid_of(curves, log_x)) {
    std::vector<double> values;
    size_t running = 0;
    for (const Curve& c : curves) {
      if (x < c.step.front()) continue;
      values.push_back(interpolated(c, x));
      running += x <= c.step.back();
    }
    const SeedSpread spread = spread_of(values);
    band.x.push_back(x), band.mean.push_back(spread.mean);
    band.low.push_back(spread.low), band.high.push_back(spread.high);
    band.n.push_back(running);
  }
  return band;
}

Curve reduced(const Curve& curve, size_t most) {
  const size_t size = curve.step.size();
  if (size <= most) return curve;
  Curve few;
  const auto keep = [&](size_t i) {
    few.step.push_back(curve.step[i]), few.value.push_back(curve.value[i]);
  };
  const size_t buckets = std::max<size_t>(1, (most - 1) / 2);  // and the last point
  for (size_t b = 0; b < buckets; ++b) {
    const size_t begin = b * size / buckets, end = (b + 1) * size / buckets;
    size_t low = begin, high = begin;
    bool broken = false;
    for (size_t i = begin; i < end; ++i) {
      if (std::isnan(curve.value[i])) {
        if (!broken) low = i;  // that it was not finite says more than how low it was
        broken = true;
        continue;
      }
      if (!broken && (std::isnan(curve.value[low]) || curve.value[i] < curve.value[low])) low = i;
      if (std::isnan(curve.value[high]) || curve.value[i] > curve.value[high]) high = i;
    }
    keep(std::min(low, high));
    if (low != high) keep(std::max(low, high));
  }
  if (few.step.back() != curve.step.back()) keep(size - 1);
  return few;
}

Curve thinned(const Curve& curve, size_t most) {
  const size_t size = curve.step.size();
  if (size <= most) return curve;
  Curve few;
  for (size_t b = 0; b < most; ++b) {
    const size_t i = b * (size - 1) / (most - 1);
    few.step.push_back(curve.step[i]), few.value.push_back(curve.value[i]);
  }
  return few;
}

SeedSpread spread_of(const std::vector<double>& values) {
  SeedSpread s;
  double sum = 0, squares = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    s.low = s.n == 0 ? v : std::min(s.low, v);
    s.high = s.n == 0 ? v : std::max(s.high, v);
    sum += v, ++s.n;
  }
  if (s.n == 0) return s;
  const auto n = static_cast<double>(s.n);
  s.mean = sum / n;
  for (const double v : values)
    if (std::isfinite(v)) squares += (v - s.mean) * (v - s.mean);
  if (s.n > 1) s.deviation = std::sqrt(squares / (n - 1));
  return s;
}

}  // namespace gnomon
