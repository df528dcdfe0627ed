// gnomon eval: a trained model on fresh data of chosen lengths, beside chance.
#include <nlohmann/json.hpp>
#include <numbers>

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
  std::string run, lengths, json;
  EvaluationPlan plan{.temperature = 0};
  size_t threads = default_threads();
  bool quiet = false;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("run", run, "directory of the trained run");
    f.text("lengths", lengths, "separated by commas, counted as the task counts them");
    f.integer("batches", plan.batches, 1, 1'000'000, "batches for each length");
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
    f.text("json", json, "file for the results as JSON; -: the standard output, without the table");
    declare_threads(f, threads);
    f.flag("quiet", quiet, "no progress bar");
  }
};

double bits(double nats) { return nats / std::numbers::ln2; }

/// What the figures of a text are of, and what limits them.
std::string remarks(const std::vector<Evaluation>& rows, const Task& task, bool last_half) {
  std::string text;
  if (const auto baseline = task.baseline_bits_per_byte())
    text += fmt::format("knowing only how often each byte occurs: {:.3f} bits/byte\n", *baseline);
  if (task.in_bits_per_byte())
    text += last_half ? "scored: the last half of each sequence\n"
                      : "scored: every byte, the first ones too, which have little before them "
                        "(--last-half leaves them out)\n";
  for (const Evaluation& r : rows)
    if (const auto different = task.test_sequences(r.length); different && *different < r.sequences)
      text +=
          fmt::format("length {}: the test part has only {} different sequence{}, drawn {} times\n",
                      r.length, *different, *different == 1 ? "" : "s", r.sequences);
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
  const auto percent = [](double share) { return fmt::format("{:.2f} %", 100 * share); };
  for (const Evaluation& r : rows) {
    Words row{fmt::format("{}", r.length), percent(r.token_accuracy)};
    if (!bytes) row.push_back(percent(r.exact_match));
    row.insert(row.end(), {percent(r.chance), fmt::format("{:.4f}", r.loss)});
    if (bytes) row.push_back(fmt::format("{:.3f}", bits(r.loss)));
    row.push_back(fmt::format("{}", r.tokens));
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

std::string as_json(const std::vector<Evaluation>& rows, const Task& task,
                    const EvalConfig& config) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Evaluation& r : rows) {
    results.push_back({{"length", r.length}, {"token_accuracy", r.token_accuracy}});
    auto& row = results.back();
    if (!task.in_bits_per_byte()) row["exact_match"] = r.exact_match;
    row["chance"] = r.chance, row["loss"] = r.loss, row["tokens"] = r.tokens;
    row["state_numbers"] = r.state_numbers;
    if (task.in_bits_per_byte()) row["bits_per_byte"] = bits(r.loss);
    if (config.plan.recall) results.back()["recall"] = recall_json(r.recall);
  }
  nlohmann::ordered_json all{
      {"results", results}, {"selection", config.plan.selection}, {"seed", config.plan.seed}};
  if (config.plan.selection == "soft") all["temperature"] = config.plan.temperature;
  if (config.plan.last_half) all["scored"] = "last half";
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
  const OpenedRun run(config.run, config.threads);
  const Task& task = run.task();
  const auto lengths = parse_lengths(config.lengths, task);
  if (config.plan.temperature == 0)
    config.plan.temperature = run.experiment->training.temperature.final_temperature;

  std::vector<Evaluation> rows;
  size_t done = 0;
  {
    Progress progress("batch", 0, lengths.size() * config.plan.batches, config.quiet);
    for (const size_t length : lengths) {
      progress.show(done, fmt::format("length {}", length));
      rows.push_back(evaluate_at(*run.model, task, length, config.plan, [&](const Evaluation& row) {
        progress.show(
            ++done, fmt::format("length {}  accuracy {:.1f} %", length, 100 * row.token_accuracy));
      }));
    }
  }
  hand_out(as_table(rows, task) + remarks(rows, task, config.plan.last_half) +
               (config.plan.recall ? recall_table(rows) : ""),
           {{json, [&] { return as_json(rows, task, config); }}});
  return Exit::ok;
}

const Registration<Command> kEval{"eval",
                                  "accuracy of a trained model beside chance, at any length",
                                  command(Place::using_runs, evaluate)};

}  // namespace
}  // namespace gnomon
