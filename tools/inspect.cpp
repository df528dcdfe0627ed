// tools/inspect.cpp
// gnomon inspect: a run as a page that shows where every token points, as PNG files, or as JSON.
#include "core/base/file.hpp"
#include "core/parallel.hpp"
#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/inspect/figures.hpp"
#include "tools/inspect/page.hpp"
#include "tools/output.hpp"
#include "tools/spelling.hpp"
#include "tools/training/checkpoint.hpp"

namespace gnomon {
namespace {

constexpr const char* kInspectUsage =
    "usage: gnomon inspect --run DIR --out report.html [options]\n"
    "Shows how a run learned, how well it answers, and on one sequence where every token points.\n";
constexpr size_t kLongestMeasured = 65536;  // tokens a batch, of the lengths tried by default

struct InspectConfig {
  std::string run, out, png, json, text, lengths;
  size_t length = 0, batches = 4, seed = 1, threads = static_cast<size_t>(gnomon::threads());

  void declare(Options& options) {
    options.heading("options");
    Fields& f = options.fields;
    f.text("run", run, "directory of the trained run");
    f.text("out", out, "the page: one HTML file, complete in itself");
    f.text("png", png, "directory for the figures as PNG files");
    f.text("json", json, "file for all that the page shows as JSON");
    f.integer("length", length, 0, size_t{1} << 30,
              "of the sequence to look at, as the task counts it; 0: as in training");
    f.text("text", text,
           "look at this instead of a sequence of the task; as --prompt of gnomon generate");
    f.text("lengths", lengths,
           "at which to judge it, separated by commas; none given: that of training, and 4 and 16 "
           "times as long");
    f.integer("batches", batches, 1, 1'000'000, "batches for each of them");
    f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(), "of the sequences");
    f.integer("threads", threads, 1, 1024, "the results do not depend on it");
  }
};

/// What the user typed, each token asked for the next.
Batch typed(const std::vector<int32_t>& tokens) {
  if (tokens.size() < 2) fail_option("text", "expected at least 2 tokens, got {}", tokens.size());
  Batch batch{Index({1, tokens.size()}), Index({1, tokens.size()}, -1)};
  std::copy(tokens.begin(), tokens.end(), batch.tokens.data());
  std::copy(tokens.begin() + 1, tokens.end(), batch.targets.data());
  return batch;
}

std::vector<size_t> default_lengths(const Task& task, size_t trained, size_t longest) {
  std::vector<size_t> lengths;
  for (const size_t length : {trained, 4 * trained, 16 * trained}) {
    try {
      const size_t N = task.test_batch(1, length, Random(1)).tokens.shape()[1];
      if (N <= std::min(longest, kLongestMeasured)) lengths.push_back(length);
    } catch (const Error&) {
      break;  // data that is finite: so long a sequence is not in it
    }
  }
  return lengths;
}

}  // namespace

Exit inspect(const Words& words) {
  const Arguments arguments(words);
  InspectConfig config;
  Options options;
  config.declare(options);
  if (arguments.help()) {
    print(kInspectUsage + options.help());
    return Exit::ok;
  }
  arguments.set_all(options.fields);
  if (config.run.empty()) fail(Fault::option, "--run is missing: the directory of a trained run");
  if (config.out.empty() && config.png.empty() && config.json.empty())
    fail(Fault::option,
         "--out is missing: the page to write, such as report.html (or --png, --json)");
  if (!config.text.empty() && config.length)
    fail_option("length", "does not go with --text, which is as long as it is");
  const std::string ini = config.run + "/config.ini";
  const auto experiment = Experiment::of_run(Arguments::of_file(ini));
  const Task& task = experiment->task();
  const TrainingConfig& training = experiment->training;
  start_engine(config.threads);
  const auto model = experiment->make_model();
  load_parameters(config.run + "/model.safetensors", model->parameters());

  Inspection inspection{.run = config.run,
                        .model = experiment->names.model,
                        .task = experiment->names.task,
                        .config = read_file(ini, 1 << 20),
                        .parameters = model->parameter_count(),
                        .length = config.length ? config.length : training.length,
                        .temperature = training.temperature.final_temperature,
                        .metrics = read_metrics(config.run + "/metrics.jsonl")};
  const auto sample = [&]() -> Batch {
    if (!config.text.empty()) return typed(Spelling(task).tokens(config.text, "text"));
    task.check_length(inspection.length);
    return task.test_batch(1, inspection.length,
                           Random(config.seed).split("inspect").split(inspection.length));
  }();
  if (const size_t N = sample.tokens.shape()[1]; N > kLongestSample)
    fail(Fault::option, "{}: expected at most {} tokens in a report, got {}",
         config.text.empty() ? "--length" : "--text", kLongestSample, N);

  const auto lengths = config.lengths.empty()
                           ? default_lengths(task, training.length, model->longest())
                           : parse_lengths(config.lengths, task);
  EvaluationPlan plan;
  plan.batches = config.batches, plan.seed = config.seed;
  for (const size_t length : lengths) {
    inspection.accuracy.push_back(evaluate_at(*model, task, length, plan, [](auto&) {}));
    inspection.chance.push_back(task.chance(length));
  }
  inspect_sample(*model, task, sample, inspection);

  if (!config.json.empty()) atomic_write(config.json, {inspection_json(inspection) + "\n"});
  if (!config.png.empty())
    print(fmt::format("{} figures in '{}'\n", write_figures(inspection, config.png), config.png));
  if (!config.out.empty()) {
    atomic_write(config.out, {inspection_page(inspection)});
    print(fmt::format("'{}': open it in a browser\n", config.out));
  }
  if (inspection.layers.empty())
    print("this model makes no pointers: the page shows how it learned and how well it answers\n");
  return Exit::ok;
}

}  // namespace gnomon
