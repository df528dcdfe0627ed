// gnomon inspect: a run as a page that shows where every token points and why, as figures, or as
// JSON.
#include <filesystem>

#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/inspect/figures.hpp"
#include "tools/inspect/page.hpp"
#include "tools/opened_run.hpp"
#include "tools/output.hpp"
#include "tools/spelling.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {
namespace {

constexpr const char* kInspectUsage =
    "usage: gnomon inspect --run DIR --out report.html [options]\n"
    "Shows how a run learned, how well it answers, and on one sequence where every token points "
    "and why.\n";
constexpr size_t kLargestCarried = size_t{1} << 20;  // bytes of a model that a page carries
constexpr size_t kLongestMeasured = 65536;  // tokens a batch, of the lengths tried by default

struct InspectConfig {
  std::string run, out, png, svg, pdf, json, text, token, lengths, checkpoint = "last";
  size_t length = 0, batches = 4, seed = 1, threads = default_threads();

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("run", run, "directory of the trained run");
    declare_checkpoint(f, checkpoint);
    f.text("out", out, "the page: one HTML file, complete in itself");
    f.text("png", png, "directory for the figures as PNG files");
    f.text("svg", svg, "directory for them as SVG files");
    f.text("pdf", pdf, "directory for them as PDF files");
    f.text("token", token,
           "position of the token whose chain is a figure; none given: the last scored");
    f.text("json", json, "file for all that the page shows as JSON; -: the standard output");
    f.integer("length", length, 0, size_t{1} << 30,
              "of the sequence to look at, as the task counts it; 0: as in training");
    f.text("text", text,
           "look at this instead of a sequence of the task; as --prompt of gnomon generate");
    f.text("lengths", lengths,
           "at which to judge it, separated by commas; none given: that of training, and 4 and 16 "
           "times as long");
    f.integer("batches", batches, 1, 1'000'000, "batches for each of them");
    f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(), "of the sequences");
    declare_threads(f, threads);
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

/// The training length, or the longest of listed tests that is not longer.
size_t default_length(const Task& task, size_t trained) {
  const auto listed = task.listed_lengths();  // ascending
  if (listed.empty()) return trained;
  const auto above = std::ranges::upper_bound(listed, trained);
  return above == listed.begin() ? listed[0] : above[-1];
}

std::vector<size_t> default_lengths(const Task& task, size_t trained, size_t longest) {
  std::vector<size_t> lengths = task.listed_lengths();
  if (!lengths.empty()) {
    std::erase_if(lengths, [&](size_t N) { return N > std::min(longest, kLongestMeasured); });
    return lengths;
  }
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

/// The token whose chain is drawn.
size_t chosen_token(const std::string& text, const Batch& sample) {
  const size_t N = sample.tokens.shape()[1];
  if (!text.empty()) return parse_integer(text, 0, N - 1, "--token");
  size_t last = 0;
  for (size_t n = 0; n < N; ++n)
    if (sample.targets.data()[n] >= 0) last = n;
  return last;
}

/// Without metrics the rest is still shown.
void read_curves(const std::string& path, Inspection& inspection) {
  try {
    MetricLines lines = read_metrics(path);
    inspection.metrics = std::move(lines.all);
    if (!lines.remark.empty()) inspection.remarks.push_back(lines.remark);
    if (inspection.metrics.empty())
      inspection.remarks.push_back(fmt::format("{}: holds no whole line, so no curves", path));
  } catch (const Error& error) {
    inspection.remarks.push_back(fmt::format("{}; no curves are shown", error.what()));
  }
  for (const std::string& remark : inspection.remarks) complain(remark);
}

Exit inspect(const Words& words) {
  InspectConfig config;
  if (!read_words(words, kInspectUsage, config)) return Exit::ok;
  const OpenedRun run(config.run, config.checkpoint, config.threads);
  const std::array<std::pair<FigureKind, std::string>, 3> folders{{{FigureKind::png, config.png},
                                                                   {FigureKind::svg, config.svg},
                                                                   {FigureKind::pdf, config.pdf}}};
  const bool figures = std::ranges::any_of(folders, [](auto& f) { return !f.second.empty(); });
  if (config.out.empty() && config.json.empty() && !figures)
    fail(Fault::option,
         "--out is missing: the page to write, such as report.html (or --png, --svg, --pdf, "
         "--json)");
  if (!config.token.empty() && !figures)
    fail_option("token", "belongs to --png, --svg or --pdf: the page shows the chain of any token");
  if (!config.text.empty() && config.length)
    fail_option("length", "does not go with --text, which is as long as it is");
  const OutputFile page(config.out), json(config.json);
  for (const auto& [kind, folder] : folders)
    if (!folder.empty()) {
      create_folder(folder);
      OutputFile(figure_file(kind, folder, "loss"));
    }
  const auto& experiment = run.experiment;
  const auto& model = run.model;
  const Task& task = run.task();
  const TrainingConfig& training = experiment->training;

  Inspection inspection{
      .run = config.run,
      .model = experiment->names.model,
      .task = experiment->names.task,
      .config = read_file(config.run + "/config.ini", 1 << 20),
      .parameters = model->parameter_count(),
      .length = config.length ? config.length : default_length(task, training.length),
  };
  read_curves(config.run + "/metrics.jsonl", inspection);
  const auto sample = [&]() -> Batch {
    if (!config.text.empty()) return typed(Spelling(task).tokens(typed_text(config.text), "text"));
    if (task.listed_lengths().empty()) task.check_length(inspection.length);
    return task.test_batch(1, inspection.length,
                           Random(config.seed).split("inspect").split(inspection.length));
  }();
  if (const size_t N = sample.tokens.shape()[1]; N > kLongestSample)
    fail(Fault::option, "{}: expected at most {} tokens in a report, got {}",
         config.text.empty() ? "--length" : "--text", kLongestSample, N);

  const size_t token = chosen_token(config.token, sample);
  const auto lengths = config.lengths.empty()
                           ? default_lengths(task, training.length, model->longest())
                           : parse_lengths(config.lengths, task);
  const bool listed = !task.listed_lengths().empty();
  EvaluationPlan plan;
  plan.seed = config.seed;
  inspection.exact = !task.in_bits_per_byte();
  for (const size_t length : lengths) {
    plan.batches = 0;  // all of them, where they are a list
    if (const size_t all = batches_at(task, length, plan); !listed || config.batches < all)
      plan.batches = config.batches;
    inspection.accuracy.push_back(evaluate_at(*model, task, length, plan, [](auto&) {}));
  }
  inspection.sample = inspect_sample(*model, task, sample, training.temperature.last());
  for (const auto& [step, file] : snapshots_of(config.run)) {
    const auto before = load_model(config.run, file, *experiment);
    inspection.snapshots.emplace_back(
        step, inspect_sample(*before, task, sample, training.temperature.last()));
  }
  if (const std::string file = checkpoint_file(config.run, config.checkpoint);
      page.wanted() && std::filesystem::file_size(file) <= kLargestCarried)
    inspection.model_file = read_file(file, kLargestCarried);

  hand_out("", {{json, [&] { return inspection_json(inspection) + "\n"; }},
                {page, [&] { return inspection_page(inspection); }}});
  std::string said;
  for (const auto& [kind, folder] : folders)
    if (!folder.empty())
      said += fmt::format("{} figures in '{}'\n", write_figures(inspection, token, kind, folder),
                          folder);
  if (page.wanted()) said += fmt::format("'{}': open it in a browser\n", config.out);
  const auto& layers = inspection.sample.layers;
  if (std::ranges::all_of(layers, [](auto& l) { return l.heads.empty() && l.weights.empty(); }))
    said +=
        "this model has neither pointers nor weights over tokens: the page shows how it "
        "learned and what it answers\n";
  if (!json.is_standard_output() && !page.is_standard_output()) print(said);
  return Exit::ok;
}

const Registration<Command> kInspect{"inspect",
                                     "where every token points, and why: a page, figures, JSON",
                                     command(Place::using_runs, inspect)};

}  // namespace
}  // namespace gnomon
