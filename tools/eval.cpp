// tools/eval.cpp
// gnomon eval: a trained model on fresh data of chosen lengths, beside chance.
#include <nlohmann/json.hpp>
#include <numbers>

#include "core/base/file.hpp"
#include "core/parallel.hpp"
#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/training/checkpoint.hpp"
#include "tools/training/evaluation.hpp"

namespace gnomon {
namespace {

constexpr const char* kEvalUsage = "usage: gnomon eval --run DIR --lengths 64,512,... [options]\n";

struct EvalConfig {
  std::string run, lengths, json;
  EvaluationPlan plan;
  size_t threads = static_cast<size_t>(gnomon::threads());
  bool quiet = false;

  void declare(Options& options) {
    options.heading("options");
    Fields& f = options.fields;
    f.text("run", run, "directory of the trained run");
    f.text("lengths", lengths, "separated by commas, counted as the task counts them");
    f.integer("batches", plan.batches, 1, 1'000'000, "batches for each length");
    f.integer("batch", plan.batch, 0, 1 << 20,
              "sequences a batch; 0: as many as make about 16384 tokens");
    f.integer("seed", plan.seed, 0, std::numeric_limits<size_t>::max(), "of the test data");
    f.choice("selection", plan.selection, {"hard", "soft"}, "how pointers choose");
    f.integer("iterations", plan.iterations, 0, 4096,
              "how often the layer of a model trained with --share is repeated; 0: as in training");
    f.flag(
        "recall", plan.recall,
        "also how often the best of all earlier tokens is among a layer's candidates; quadratic");
    f.text("json", json, "file for the results as JSON");
    f.integer("threads", threads, 1, 1024, "the results do not depend on it");
    f.flag("quiet", quiet, "no progress bar");
  }
};

double bits(double nats) { return nats / std::numbers::ln2; }

std::string as_table(const std::vector<Evaluation>& rows, const Task& task) {
  std::vector<Words> cells{{"length", "token accuracy", "exact match", "chance", "loss"}};
  if (task.in_bits_per_byte()) cells[0].push_back("bits/byte");
  cells[0].push_back("tokens");
  const auto percent = [](double share) { return fmt::format("{:.2f} %", 100 * share); };
  for (const Evaluation& r : rows) {
    cells.push_back({fmt::format("{}", r.length), percent(r.token_accuracy), percent(r.exact_match),
                     percent(task.chance(r.length)), fmt::format("{:.4f}", r.loss)});
    if (task.in_bits_per_byte()) cells.back().push_back(fmt::format("{:.3f}", bits(r.loss)));
    cells.back().push_back(fmt::format("{}", r.tokens));
  }
  std::string text = table(cells);
  if (const auto baseline = task.baseline_bits_per_byte())
    text += fmt::format("knowing only how often each byte occurs: {:.3f} bits/byte\n", *baseline);
  return text;
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
    results.push_back({{"length", r.length},
                       {"token_accuracy", r.token_accuracy},
                       {"exact_match", r.exact_match},
                       {"chance", task.chance(r.length)},
                       {"loss", r.loss},
                       {"tokens", r.tokens}});
    if (task.in_bits_per_byte()) results.back()["bits_per_byte"] = bits(r.loss);
    if (config.plan.recall) results.back()["recall"] = recall_json(r.recall);
  }
  nlohmann::ordered_json all{
      {"results", results}, {"selection", config.plan.selection}, {"seed", config.plan.seed}};
  if (config.plan.iterations > 0) all["iterations"] = config.plan.iterations;
  if (const auto baseline = task.baseline_bits_per_byte())
    all["baseline_bits_per_byte"] = *baseline;
  return all.dump(2) + "\n";
}

}  // namespace

Exit evaluate(const Words& words) {
  const Arguments arguments(words);
  EvalConfig config;
  Options options;
  config.declare(options);
  if (arguments.help()) {
    print(kEvalUsage + options.help());
    return Exit::ok;
  }
  arguments.set_all(options.fields);
  if (config.run.empty()) fail(Fault::option, "--run is missing: the directory of a trained run");
  const auto experiment = Experiment::of_run(Arguments::of_file(config.run + "/config.ini"));
  const Task& task = experiment->task();
  const auto lengths = parse_lengths(config.lengths, task);
  start_engine(config.threads);
  const auto model = experiment->make_model();
  load_parameters(config.run + "/model.safetensors", model->parameters());

  std::vector<Evaluation> rows;
  size_t done = 0;
  {
    Progress progress("batch", 0, lengths.size() * config.plan.batches, config.quiet);
    for (const size_t length : lengths)
      rows.push_back(evaluate_at(*model, task, length, config.plan, [&](const Evaluation& row) {
        progress.show(
            ++done, fmt::format("length {}  accuracy {:.1f} %", length, 100 * row.token_accuracy));
      }));
  }
  if (!config.json.empty()) atomic_write(config.json, {as_json(rows, task, config)});
  print(as_table(rows, task) + (config.plan.recall ? recall_table(rows) : ""));
  return Exit::ok;
}

}  // namespace gnomon
