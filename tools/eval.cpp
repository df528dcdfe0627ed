// gnomon eval: a trained model on fresh data of chosen lengths, beside chance.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/opened_run.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/training/evaluation.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {
namespace {

constexpr const char* kEvalUsage = "usage: gnomon eval --run DIR --lengths 64,512,... [options]\n";

struct EvalConfig {
  std::string run, lengths, stride, json, checkpoint = "last";
  EvaluationPlan plan{.temperature = 0};
  size_t threads = default_threads();
  bool quiet = false, dry_run = false;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("run", run, "directory of the trained run");
    declare_checkpoint(f, checkpoint);
    f.text("lengths", lengths,
           "separated by commas, counted as the task counts them; where test sequences are a list, "
           "all that there are");
    f.integer("batches", plan.batches, 0, 1'000'000,
              "batches for each length; 0: 20, or all where test sequences are a list");
    f.integer("batch", plan.batch, 0, 1 << 20,
              "sequences a batch; 0: as many as make about 16384 tokens");
    f.integer("seed", plan.seed, 0, std::numeric_limits<size_t>::max(), "of the test data");
    f.choice("selection", plan.selection, {"hard", "soft"}, "how pointers choose");
    f.number("temperature", plan.temperature, 0, 1e3,
             "of soft ones, 0.001 or more; 0: that at the end of training");
    f.integer("iterations", plan.iterations, 0, 4096,
              "how often the layer of a model trained with --share is repeated; 0: as in training");
    f.flag(
        "recall", plan.recall,
        "also how often the best of all earlier tokens is among a layer's candidates; quadratic");
    f.flag("last-half", plan.last_half,
           "scores the last half of each sequence of text only, whose bytes have much before them");
    f.text("stride", stride,
           "reads the test part of a text by windows that begin every so many tokens, and scores "
           "what is new in each: every byte once; 0: in one pass, with all of it before each byte");
    f.text("json", json, "file for the results as JSON; -: the standard output, without the table");
    declare_threads(f, threads);
    f.flag("dry-run", dry_run, "checks all options and judges one sequence of the first length");
    f.flag("quiet", quiet, "no progress bar");
  }
  /// Whether it is 0, so that there is no length. Throws Error(Fault::option) for what does not go
  /// with a stride.
  bool read_stride() {
    if (stride.empty()) return false;
    plan.stride = parse_integer(stride, 0, size_t{1} << 30, "stride");
    if (plan.last_half) fail_option("last-half", "does not go with --stride");
    if (*plan.stride > 0) return false;
    if (!lengths.empty()) fail_option("lengths", "does not go with --stride 0: all is read");
    if (plan.recall) fail_option("recall", "does not go with --stride 0, which keeps a state only");
    return true;
  }
};

/// Whether tokens are bytes or more.
bool in_pieces(const std::vector<Evaluation>& rows) {
  return std::ranges::any_of(rows, [](const Evaluation& r) { return r.bytes > r.tokens; });
}

/// Which tokens of a text are scored, and what is known of each.
std::string scored(const Evaluation& row, const EvaluationPlan& plan, const std::string& unit) {
  if (!plan.stride)
    return plan.last_half ? "scored: the last half of each sequence\n"
                          : fmt::format(
                                "scored: every {}, the first ones too, which have little "
                                "before them (--last-half leaves them out)\n",
                                unit);
  if (*plan.stride == 0)
    return fmt::format("scored: every {} of the test part once, with all of it before each\n",
                       unit);
  return fmt::format(
      "length {}: scored: every {} of the test part once, with at least {} before it (but in the "
      "first {})\n",
      row.length, unit, row.length - *plan.stride, row.length);
}

/// What the figures of a text are of, and what limits them.
std::string remarks(const std::vector<Evaluation>& rows, const Task& task,
                    const EvaluationPlan& plan) {
  const std::string unit = in_pieces(rows) ? "piece" : "byte";
  std::string text;
  if (const auto baseline = task.baseline_bits_per_byte())
    text +=
        fmt::format("knowing only how often each {} occurs: {:.3f} bits/byte\n", unit, *baseline);
  for (const Evaluation& r : rows) {
    if (task.in_bits_per_byte() && (&r == &rows[0] || plan.stride)) text += scored(r, plan, unit);
    if (in_pieces(rows) && !plan.stride)
      text += fmt::format("length {}: {} bytes scored in a sequence\n", r.length,
                          r.bytes / r.sequences);
    if (const auto different = task.test_sequences(r.length);
        different && *different < r.sequences && !plan.stride)
      text +=
          fmt::format("length {}: the test part has only {} different sequence{}, drawn {} times\n",
                      r.length, *different, *different == 1 ? "" : "s", r.sequences);
  }
  return text;
}

std::string as_table(const std::vector<Evaluation>& rows, const Task& task) {
  const bool bytes = task.in_bits_per_byte();
  std::vector<Words> cells{{"length", "token accuracy"}};
  Words& head = cells[0];
  if (!bytes) head.push_back("exact match");
  head.insert(head.end(), {"chance", "loss"});
  if (bytes) head.push_back("bits/byte");
  head.push_back("tokens");
  if (in_pieces(rows)) head.push_back("bytes");
  const auto percent = [](double share) { return fmt::format("{:.2f} %", 100 * share); };
  for (const Evaluation& r : rows) {
    Words row{fmt::format("{}", r.length), percent(r.token_accuracy)};
    if (!bytes) row.push_back(percent(r.exact_match));
    row.insert(row.end(), {percent(r.chance), fmt::format("{:.4f}", r.loss)});
    if (bytes) row.push_back(fmt::format("{:.3f}", r.bits_per_byte()));
    row.push_back(fmt::format("{}", r.tokens));
    if (in_pieces(rows)) row.push_back(fmt::format("{}", r.bytes));
    cells.push_back(row);
  }
  return table(cells);
}

double share(size_t part, size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Calls visit(layer, head, counts) for each, counted from 1.
template <class Visit>
void each_head(const Recall& recall, Visit&& visit) {
  for (size_t l = 0; l < recall.heads().size(); ++l)
    for (size_t h = 0; h < recall.heads()[l].size(); ++h) visit(l + 1, h + 1, recall.heads()[l][h]);
}

std::string recall_table(const std::vector<Evaluation>& rows) {
  std::vector<Words> cells{
      {"length", "layer", "head", "recall", "chosen", "recall, scored", "chosen, scored"}};
  for (const Evaluation& r : rows)
    each_head(r.recall, [&](size_t layer, size_t head, const Recall::Head& c) {
      cells.push_back(
          {fmt::format("{}", r.length), fmt::format("{}", layer), fmt::format("{}", head)});
      for (const double of : {share(c.recalled, c.tokens), share(c.chosen, c.tokens),
                              share(c.scored_recalled, c.scored), share(c.scored_chosen, c.scored)})
        cells.back().push_back(fmt::format("{:.2f} %", 100 * of));
    });
  return "\nthe best query . key of all earlier tokens: among the candidates (recall), pointed at "
         "(chosen)\n" +
         table(cells);
}

nlohmann::ordered_json recall_json(const Recall& recall) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  each_head(recall, [&](size_t layer, size_t head, const Recall::Head& c) {
    all.push_back({{"layer", layer},
                   {"head", head},
                   {"recall", share(c.recalled, c.tokens)},
                   {"chosen", share(c.chosen, c.tokens)},
                   {"scored_recall", share(c.scored_recalled, c.scored)},
                   {"scored_chosen", share(c.scored_chosen, c.scored)}});
  });
  return all;
}

std::string as_json(const std::vector<Evaluation>& rows, const Task& task, const EvalConfig& config,
                    size_t step) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Evaluation& r : rows) {
    results.push_back({{"length", r.length}, {"token_accuracy", r.token_accuracy}});
    auto& row = results.back();
    if (!task.in_bits_per_byte()) row["exact_match"] = r.exact_match;
    row["chance"] = r.chance, row["loss"] = r.loss, row["tokens"] = r.tokens;
    row["state_numbers"] = r.state_numbers;
    if (task.in_bits_per_byte()) row["bytes"] = r.bytes, row["bits_per_byte"] = r.bits_per_byte();
    if (config.plan.recall) results.back()["recall"] = recall_json(r.recall);
  }
  nlohmann::ordered_json all{
      {"results", results}, {"selection", config.plan.selection}, {"seed", config.plan.seed}};
  if (config.checkpoint != "last") all["checkpoint"] = config.checkpoint, all["step"] = step;
  if (config.plan.selection == "soft") all["temperature"] = config.plan.temperature;
  if (config.plan.last_half) all["scored"] = "last half";
  if (config.plan.stride) all["stride"] = *config.plan.stride;
  if (config.plan.iterations > 0) all["iterations"] = config.plan.iterations;
  if (const auto baseline = task.baseline_bits_per_byte())
    all["baseline_bits_per_byte"] = *baseline;
  return all.dump(2) + "\n";
}

Exit evaluate(const Words& words) {
  EvalConfig config;
  if (!read_words(words, kEvalUsage, config)) return Exit::ok;
  if (config.plan.temperature > 0 && config.plan.selection != "soft")
    fail_option("temperature", "belongs to --selection soft");
  if (config.plan.temperature > 0 && config.plan.temperature < 1e-3)
    fail_option("temperature", "expected 0 or 0.001 to 1000, got {}", config.plan.temperature);
  const OutputFile json(config.json);
  config.plan.state = !config.json.empty();
  const OpenedRun run(config.run, config.checkpoint, config.threads);
  const Task& task = run.task();
  auto lengths =
      config.read_stride() ? std::vector<size_t>{0} : parse_lengths(config.lengths, task);
  if (config.plan.temperature == 0)
    config.plan.temperature = run.experiment->training.temperature.last();

  std::vector<Evaluation> rows;
  size_t done = 0, batches = 0;
  for (const size_t length : lengths) batches += batches_at(task, length, config.plan);
  if (config.dry_run) {
    lengths.resize(1);
    config.plan.batches = config.plan.batch = batches = 1;
  }
  {
    Progress progress("batch", 0, batches, config.quiet);
    for (const size_t length : lengths) {
      if (done == 0) progress.show(done, "");
      rows.push_back(evaluate_at(*run.model, task, length, config.plan, [&](const Evaluation& row) {
        progress.show(++done, fmt::format("length {}  accuracy {:.1f} %", row.length,
                                          100 * row.token_accuracy));
      }));
    }
  }
  hand_out(as_table(rows, task) + remarks(rows, task, config.plan) +
               (config.plan.recall ? recall_table(rows) : ""),
           {{json, [&] { return as_json(rows, task, config, run.step); }}});
  return Exit::ok;
}

const Registration<Command> kEval{"eval",
                                  "accuracy of a trained model beside chance, at any length",
                                  command(Place::using_runs, evaluate)};

}  // namespace
}  // namespace gnomon
