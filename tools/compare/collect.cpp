#include "tools/compare/collect.hpp"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "tools/training/experiment.hpp"
#include "tools/training/safetensors.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestLog = uint64_t{1} << 30, kLargestResult = uint64_t{1} << 24;
constexpr size_t kLongestChain = 64;  // of runs that continue each other

bool holds(const fs::path& folder, const char* name) {
  std::error_code error;
  return fs::exists(folder / name, error);
}
bool is_run(const fs::path& folder) {
  return holds(folder, "config.ini") || holds(folder, "metrics.jsonl");
}

// ---- which runs there are -----------------------------------------------------------------------

/// Runs in the folder or below it, in the order of their names.
void find_runs(const fs::path& folder, std::vector<std::string>& found) {
  if (is_run(folder)) {
    found.push_back(folder.string());
    return;
  }
  std::error_code error;
  std::set<fs::path> below;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (fs::is_directory(entry.symlink_status(error))) below.insert(entry.path());
  for (const fs::path& path : below) find_runs(path, found);
}

/// The folders that a pattern such as runs/copy-* stands for.
std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> folders;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code error;
      if (fs::is_directory(found.gl_pathv[i], error)) folders.emplace_back(found.gl_pathv[i]);
    }
  globfree(&found);
  if (folders.empty()) fail(Fault::data, "{}: no folder has such a name", shortened(pattern));
  return folders;
}

std::vector<std::string> folders_of(const std::string& word) {
  std::error_code error;
  if (fs::is_directory(word, error)) return {word};
  if (fs::exists(word, error))
    fail(Fault::data, "{}: expected the folder of a run or of a sweep, got a file",
         shortened(word));
  if (word.find_first_of("*?[") != std::string::npos) return matches(word);
  fail(Fault::data, "{}: there is no such folder", shortened(word));
}

// ---- one run ------------------------------------------------------------------------------------

/// Reads a file of the run, if it is there; what is wrong with it becomes a remark.
template <class Read>
void reading(ComparedRun& run, const char* name, Read&& read) {
  if (!holds(run.path, name)) return;
  try {
    read(run.path + "/" + name);
  } catch (const Error& error) {
    run.remarks.push_back(error.what());
  }
}

std::string text_at(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

void read_options(ComparedRun& run) {
  if (!holds(run.path, "config.ini")) {
    run.status = RunStatus::broken;
    run.remarks.push_back("it has no config.ini");
    return;
  }
  reading(run, "config.ini", [&](const std::string& path) {
    const Arguments given = Arguments::of_text(read_file(path, 1 << 20), path);
    run.options = given.in_file();
    try {  // as this program understands it: with what was an option later, at its default
      run.options = Arguments::of_text(Experiment::unprepared(given)->ini, path).in_file();
    } catch (const Error& error) {
      run.remarks.push_back(error.what());
    }
    run.seed = run.options["seed"];
    run.options.erase("seed");
    if (const auto steps = run.options.find("steps"); steps != run.options.end())
      run.steps = static_cast<double>(parse_integer(steps->second, 0, 1'000'000'000, "steps"));
  });
  if (run.options.empty()) run.status = RunStatus::broken;
}

using Curves = std::map<std::string, Curve>;

void add_point(Curves& curves, const std::string& name, double step, const Json& value) {
  if (!value.is_number() && !value.is_null()) return;
  Curve& curve = curves[name];
  curve.step.push_back(step);
  curve.value.push_back(value.is_null() ? kUnknown : value.get<double>());
}

void add_line(Curves& curves, const Json& line, const std::string& where) {
  const double step = json_number(json_at(line, "step", where), where + ": step");
  for (const auto& [name, value] : line.items()) {
    if (name == "pointers" && value.is_array()) {
      for (const Json& layer : value)
        for (const auto& [what, number] : layer.items())
          if (what != "layer")
            add_point(curves, what + ":" + text_at(layer, "layer"), step, number);
    } else if (name != "step") {
      add_point(curves, name, step, value);
    }
  }
}

/// The log of one folder. A last line without its end is being written, or was when the run was
/// killed; a damaged one is counted.
Curves read_log(const std::string& path, std::vector<std::string>& remarks) {
  const std::string text = read_file(path, kLargestLog);
  Curves curves;
  std::string first;
  size_t begin = 0, number = 1, damaged = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1, ++number)
    try {
      const std::string where = fmt::format("{}: line {}", path, number);
      add_line(curves, parse_json(std::string_view(text).substr(begin, end - begin), where), where);
    } catch (const Error& error) {
      if (damaged++ == 0) first = error.what();
    }
  if (damaged > 0)
    remarks.push_back(fmt::format("{}; {} damaged line{} left out of its curves", first, damaged,
                                  damaged == 1 ? " is" : "s are"));
  return curves;
}

/// `later` behind what `earlier` has up to `step`. Tokens and seconds that were counted from
/// nothing
/// again go on where the earlier ones were.
void join(Curves& later, Curves earlier, double step) {
  for (auto& [name, before] : earlier) {
    const auto end = std::upper_bound(before.step.begin(), before.step.end(), step);
    const auto count = static_cast<size_t>(end - before.step.begin());
    before.step.resize(count), before.value.resize(count);
    Curve& after = later[name];
    const bool adds_up = name == "tokens" || name == "seconds";
    if (adds_up && count > 0 && !after.value.empty() && after.value[0] < before.value.back())
      for (double& value : after.value) value += before.value.back();
    before.step.insert(before.step.end(), after.step.begin(), after.step.end());
    before.value.insert(before.value.end(), after.value.begin(), after.value.end());
    after = std::move(before);
  }
}

/// The folder that a continued run names: as it was typed then, or else beside the run.
std::string earlier_folder(const std::string& run, const std::string& named) {
  const fs::path name = fs::path(named).lexically_normal();
  const fs::path leaf = name.has_filename() ? name.filename() : name.parent_path().filename();
  const fs::path beside = fs::path(run).lexically_normal().parent_path() / leaf;
  return !is_run(name) && is_run(beside) ? beside.string() : named;
}

Curves read_curves(ComparedRun& run, const std::string& folder, size_t depth) {
  Curves curves = read_log(folder + "/metrics.jsonl", run.remarks);
  const std::string path = folder + "/continued.json";
  if (!holds(folder, "continued.json")) return curves;
  const Json about = parse_json(read_file(path, 1 << 16), path);
  const double step = json_number(json_at(about, "step", path), path + ": step");
  const std::string before =
      earlier_folder(folder, json_text(json_at(about, "run", path), path + ": run"));
  if (depth == 0) run.options["continued"] = fmt::format("from step {}", step);
  if (depth >= kLongestChain) {
    run.remarks.push_back(path + ": runs that continue each other in a ring, or too many");
  } else if (!is_run(before)) {
    run.remarks.push_back(
        fmt::format("{}: the run it continues, {}, is not there: its curves begin at step {}", path,
                    printable(before), step));
  } else {
    join(curves, read_curves(run, before, depth + 1), step);
  }
  return curves;
}

void read_results(ComparedRun& run) {
  reading(run, "eval.json", [&](const std::string& path) {
    const Json all = parse_json(read_file(path, kLargestResult), path);
    const Json& rows = json_at(all, "results", path);
    if (!rows.is_array()) fail(Fault::data, "{}: results: expected a list", path);
    for (const Json& row : rows) {
      Judged judged{.length = json_integer(json_at(row, "length", path), 0, uint64_t{1} << 40,
                                           path + ": length"),
                    .numbers = {}};
      for (const auto& [name, value] : row.items())
        if (name != "length" && value.is_number()) judged.numbers[name] = value.get<double>();
      run.judged.push_back(std::move(judged));
    }
    std::stable_sort(run.judged.begin(), run.judged.end(),
                     [](const Judged& a, const Judged& b) { return a.length < b.length; });
    if (all.contains("checkpoint")) run.checkpoint = text_at(all, "checkpoint");
  });
}

void read_model(ComparedRun& run) {
  reading(run, "model.safetensors", [&](const std::string& path) {
    const TensorHeader header = read_tensor_header(path);
    double numbers = 0;
    for (const auto& [name, tensor] : header.tensors) {
      double count = 1;
      for (const size_t size : tensor.shape) count *= static_cast<double>(size);
      numbers += count;
    }
    run.parameters = numbers;
    const auto known = [&](const char* name) {
      const auto found = header.metadata.find(name);
      return found == header.metadata.end() ? std::string() : found->second;
    };
    run.stop = known("stop"), run.data = known("data");
    if (const std::string step = known("step"); !step.empty())
      run.step = static_cast<double>(parse_integer(step, 0, 1'000'000'000, path + ": step"));
  });
}

/// What the sweep says, or else how far the steps have got.
void read_end(ComparedRun& run) {
  if (std::isnan(run.step) && !run.curves.empty())
    run.step = run.curves.begin()->second.step.back();
  bool said = false;
  reading(run, "done.json", [&](const std::string& path) {
    const Json done = parse_json(read_file(path, kLargestResult), path);
    const std::string status = text_at(done, "status");
    if (status != "finished" && status != "failed")
      fail(Fault::data, "{}: status: expected finished or failed, got {}", path, printable(status));
    said = true;
    run.stop = text_at(done, "stop");
    run.machine = text_at(done, "machine");
    if (const std::string jobs = text_at(done, "jobs"); !jobs.empty() && jobs != "1")
      run.machine += fmt::format(" with {} jobs at once", jobs);
    if (status == "finished") return;
    run.status = RunStatus::failed;
    run.remarks.push_back(
        fmt::format("{} (exit code {})", text_at(done, "sentence"), text_at(done, "code")));
  });
  if (said || run.status == RunStatus::broken) return;
  if (run.stop.empty() && (std::isnan(run.step) || run.step < run.steps)) {
    run.status = RunStatus::unfinished;
    run.remarks.push_back(std::isnan(run.step)
                              ? "it has not begun"
                              : fmt::format("step {} of {}; gnomon train --resume {}", run.step,
                                            run.steps, gnomon::quoted(run.path)));
  } else if (run.stop.empty()) {
    run.stop = "steps";
  }
}

/// ROW/VALUES of DIR/runs/ROW/VALUES/SEED.
std::string row_of(const fs::path& path) {
  std::string row;
  bool inside = false;
  for (const fs::path& part : path.parent_path()) {
    if (inside) row += (row.empty() ? "" : "/") + part.string();
    inside = inside || part == "runs";
  }
  return row;
}

ComparedRun read_run(const std::string& path, const std::string& source, bool in_sweep) {
  ComparedRun run;
  run.path = path, run.source = source;
  read_options(run);
  if (in_sweep) run.row = row_of(path.substr(source.size()));
  if (("/" + run.row + "/").find("/tuning/") != std::string::npos) run.options["for"] = "choosing";
  reading(run, "metrics.jsonl",
          [&](const std::string&) { run.curves = read_curves(run, path, 0); });
  read_results(run);
  read_model(run);
  read_end(run);
  return run;
}

/// The same data is named as in the first run that learned from it, wherever it lies in others.
void name_data_alike(std::vector<ComparedRun>& runs) {
  std::map<std::string, const ComparedRun*> first;
  for (ComparedRun& run : runs) {
    if (run.data.empty()) continue;
    const ComparedRun& like = *first.emplace(run.data, &run).first->second;
    for (const char* place : {"file", "folder"})
      if (const auto at = run.options.find(place); at != run.options.end())
        if (const auto known = like.options.find(place); known != like.options.end())
          at->second = known->second;
  }
}

}  // namespace

const char* name_of(RunStatus status) {
  constexpr const char* kNames[]{"finished", "unfinished", "failed", "broken"};
  return kNames[static_cast<size_t>(status)];
}

double ComparedRun::last(const std::string& curve) const {
  const auto found = curves.find(curve);
  return found == curves.end() || found->second.value.empty() ? kUnknown
                                                              : found->second.value.back();
}

double ComparedRun::judged_at(const std::string& number, size_t length) const {
  for (const Judged& j : judged)
    if (j.length == length)
      if (const auto found = j.numbers.find(number); found != j.numbers.end()) return found->second;
  return kUnknown;
}

std::vector<ComparedRun> collect_runs(const std::vector<std::string>& words) {
  std::vector<ComparedRun> runs;
  std::set<fs::path> seen;
  for (const std::string& word : words)
    for (std::string folder : folders_of(word)) {
      while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
      std::vector<std::string> found;
      find_runs(folder, found);
      if (found.empty())
        fail(Fault::data, "{}: expected a run or a sweep, got a folder with no config.ini in it",
             shortened(folder));
      for (const std::string& path : found)
        if (seen.insert(fs::weakly_canonical(path)).second)
          runs.push_back(read_run(path, folder, path != folder && holds(folder, "runs")));
    }
  name_data_alike(runs);
  return runs;
}

}  // namespace gnomon
