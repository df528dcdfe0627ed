// gnomon bench: what a step costs, at the shape of the Pointer paper unless told otherwise, beside
// what the machine can do.
#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "tools/bench/report.hpp"
#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/training/experiment.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

constexpr const char* kBenchUsage =
    "usage: gnomon bench --models transformer,pointer --lengths 256,1024 [options]\n"
    "Options of the models and their mixers may follow; every one that has an option gets it.\n";

struct BenchConfig {
  std::string models = "transformer,pointer", lengths = "256,1024", equal_to = "transformer", json,
              csv;
  size_t batch = 1, repeats = 5, vocabulary = 32, threads = default_threads();
  bool peer = false, profile = false, rows = false, quiet = false;

  Fields& declare(Options& options) {
    Fields& f = options.group("options");
    f.text("models", models, "separated by commas; `gnomon models` lists them");
    f.text("lengths", lengths, "in tokens, separated by commas");
    f.text("equal-to", equal_to,
           "the others get the --feed-forward that gives them as many parameters as this model; "
           "none: all get what is given");
    f.integer("batch", batch, 1, 1 << 20, "sequences a step");
    f.integer("repeats", repeats, 1, 100'000, "timed steps, the models in turn");
    f.integer("vocabulary", vocabulary, 2, 1 << 24, "different tokens");
    f.flag("peer", peer, "also the same models in plain PyTorch, in turn with ours");
    f.flag("profile", profile, "also the seconds and bytes of every op of a training step");
    f.flag("rows", rows, "also how fast random rows are gathered and scatter-added");
    f.text("json", json, "file for the results as JSON; -: the standard output");
    f.text("csv", csv, "file for the results as a table for plots; -: the same");
    declare_threads(f, threads);
    f.flag("quiet", quiet, "no progress bar");
    return f;
  }
};

/// A model at the shape of the Pointer paper.
std::unique_ptr<ModelKind> paper_shaped(const std::string& name, size_t longest) {
  auto kind = make_registered<ModelKind>(name, "model");
  EncoderConfig& shape = kind->config.encoder;
  shape.layers = 6, shape.width = 256, shape.heads = 8, shape.feed_forward = 512;
  kind->config.max_length = longest;
  return kind;
}

/// Sets the feed-forward width that brings the model nearest to so many parameters: a multiple of
/// 8, as anyone would choose it, where it is not small.
void set_parameters(ModelKind& kind, size_t parameters, size_t vocabulary) {
  EncoderConfig& shape = kind.config.encoder;
  const size_t stacks = shape.share ? 1 : shape.layers;
  const double missing = static_cast<double>(parameters) -
                         static_cast<double>(kind.make(vocabulary)->parameter_count());
  const double wider = missing / static_cast<double>(stacks * (2 * shape.width + 1));
  const double width = static_cast<double>(shape.feed_forward) + wider;
  const double step = width < 128 ? 1 : 8;
  shape.feed_forward = static_cast<size_t>(std::max(1.0, step * std::round(width / step)));
}

Exit bench(const Words& words) {
  const Arguments arguments(words);
  BenchConfig config;
  Options options;
  arguments.set_known(config.declare(options));

  std::vector<size_t> lengths;
  for (const std::string& part : split(config.lengths, ','))
    lengths.push_back(parse_integer(part, 1, size_t{1} << 24, "lengths"));
  const auto names = split(config.models, ',');
  if (lengths.empty()) fail_option("lengths", "expected numbers such as 256,1024");
  if (names.empty()) fail_option("models", "expected names such as transformer,pointer");

  const size_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<std::unique_ptr<ModelKind>> kinds;
  const ExperimentNames chosen(arguments);
  SequenceModel::Config all;  // what one of the models has: for what none has
  const auto add_kind = [&](const std::string& name) {
    ModelKind& kind = *kinds.emplace_back(paper_shaped(name, longest));
    chosen.apply(kind.config);
    declare_model(kind, name, options);
    if (all.mixers.find(kind.config.mixers) == std::string::npos)
      all.mixers += (all.mixers.empty() ? "" : ",") + kind.config.mixers;
    all.encoder.position = kind.config.encoder.position;
  };
  for (const std::string& name : names) add_kind(name);
  if (arguments.help()) {
    print(kBenchUsage + options.help());
    return Exit::ok;
  }
  if (config.equal_to != "none") add_kind(config.equal_to);
  options.foreign = [&](const std::string& name) { return foreign_option(name, all); };
  arguments.set_all(options);
  const OutputFile json(config.json), csv(config.csv);
  for (const auto& kind : kinds)
    kind->make(config.vocabulary);  // options that do not fit fail here
  if (config.equal_to != "none") {
    const size_t parameters = kinds.back()->make(config.vocabulary)->parameter_count();
    kinds.pop_back();
    for (const auto& kind : kinds) set_parameters(*kind, parameters, config.vocabulary);
  }

  const std::string precision = kinds.front()->config.precision;  // every model has the option
  start_engine(config.threads, precision);
  BenchReport report{
      .machine = measure_machine(config.rows), .batch = config.batch, .precision = precision};
  {
    BenchPlan plan{.length = 0,
                   .batch = config.batch,
                   .vocabulary = config.vocabulary,
                   .repeats = config.repeats,
                   .profile = config.profile,
                   .peer = config.peer,
                   .threads = threads()};
    size_t done = 0;
    Progress progress("run", 0, lengths.size() * bench_ticks(plan, names.size()), config.quiet);
    for (const size_t length : lengths) {
      plan.length = length;
      for (BenchResult& r : run_bench(plan, names, kinds, [&] {
             progress.show(++done, fmt::format("length {}", length));
           })) {
        r.gemm_share = r.gflop / r.step.median / report.machine.gemm_gflops;
        report.results.push_back(std::move(r));
      }
    }
  }
  std::string tables = bench_table(report);
  if (config.profile)
    for (const BenchResult& r : report.results)
      if (!r.profile.empty()) tables += "\n" + bench_profile(r, config.repeats);
  hand_out(tables,
           {{json, [&] { return bench_json(report); }}, {csv, [&] { return bench_csv(report); }}});
  return Exit::ok;
}

const Registration<Command> kBench{"bench", "step time, tokens a second and memory of models",
                                   command(Place::judging, bench)};

}  // namespace
}  // namespace gnomon
