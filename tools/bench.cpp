// tools/bench.cpp
// gnomon bench: what a step costs, at the shape of the Pointer paper unless told otherwise, beside
// what the machine can do.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/counters.hpp"
#include "core/file.hpp"
#include "core/gemm.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "models/sequence_model.hpp"
#include "nn/optimizer.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"

namespace gnomon {
namespace {

constexpr const char* kUsage =
    "usage: gnomon bench --models pointer,transformer --lengths 256,1024 [options]\n"
    "A model's own options may follow; every model that has one gets it.\n";

struct BenchConfig {
  std::string models = "pointer,transformer", lengths = "256,1024", json;
  size_t batch = 1, repeats = 5, vocabulary = 32, threads = static_cast<size_t>(gnomon::threads());
  bool quiet = false;

  void declare(Options& options) {
    options.heading("options");
    Fields& f = options.fields;
    f.text("models", models, "separated by commas; `gnomon models` lists them");
    f.text("lengths", lengths, "in tokens, separated by commas");
    f.integer("batch", batch, 1, 1 << 20, "sequences a step");
    f.integer("repeats", repeats, 1, 100'000, "timed steps, of which the median counts");
    f.integer("vocabulary", vocabulary, 2, 1 << 24, "different tokens");
    f.text("json", json, "file for the results as JSON");
    f.integer("threads", threads, 1, 1024, "threads");
    f.flag("quiet", quiet, "no progress bar");
  }
};

struct Machine {
  double gemm_gflops = 0, copy_gb_s = 0;
};

struct Result {
  std::string model;
  size_t length = 0, parameters = 0;
  double forward_s = 0, step_s = 0, tokens_per_s = 0, gflop = 0, gemm_share = 0, peak_mb = 0;
};

template <class Work>
double seconds_of(Work&& work) {
  const Stopwatch watch;
  work();
  return watch.seconds();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The best of many: what the machine can do when nothing is in the way.
Machine measure_machine() {
  constexpr size_t m = 2048, n = 512, k = 256, kBytes = size_t{64} << 20, kPiece = size_t{1} << 20;
  Machine machine;
  Random random(1);
  const Array a = random.normal({m, k}), b = random.normal({k, n});
  Array c({m, n});
  for (int i = 0; i < 100; ++i)
    machine.gemm_gflops =
        std::max(machine.gemm_gflops, 2e-9 * double{m * n * k} / seconds_of([&] {
                                        gemm(m, n, k, {a.data(), k}, {b.data(), n}, c.data(), n);
                                      }));
  const std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes);
  for (int i = 0; i < 10; ++i)
    machine.copy_gb_s =
        std::max(machine.copy_gb_s, 1e-9 * double{kBytes} / seconds_of([&] {
                                      parallel_for(kBytes, kPiece, [&](size_t begin, size_t end) {
                                        std::memcpy(&to[begin], &from[begin], end - begin);
                                      });
                                    }));
  return machine;
}

/// Random tokens; every one has a target.
Batch random_batch(size_t batch, size_t length, size_t vocabulary) {
  Batch b{Index({batch, length}), Index({batch, length})};
  Random random(1);
  for (int32_t& token : b.tokens)
    token = static_cast<int32_t>(random.below(static_cast<uint32_t>(vocabulary)));
  for (int32_t& target : b.targets)
    target = static_cast<int32_t>(random.below(static_cast<uint32_t>(vocabulary)));
  return b;
}

std::unique_ptr<ModelKind> paper_shaped(const std::string& name, size_t longest) {
  auto kind = make_registered<ModelKind>(name, "model");
  EncoderConfig& shape = kind->config.encoder;
  shape.layers = 6, shape.width = 256, shape.heads = 8, shape.feed_forward = 512;
  kind->config.max_length = longest;
  return kind;
}

class Bench {
 public:
  explicit Bench(const BenchConfig& config) : config_(config) {}

  Result measure(const std::string& name, const ModelKind& kind, size_t length,
                 const std::function<void()>& tick) {
    pool::trim();
    pool::reset_peak();
    const auto model = kind.make(config_.vocabulary);
    model->initialise(1);
    const std::vector<Parameter> parameters = model->parameters();
    AdamW optimizer(parameters);
    const Batch batch = random_batch(config_.batch, length, config_.vocabulary);

    const auto step = [&] {
      Pass pass;
      pass.training = true;
      model->clear_gradients();
      Tape tape;
      const auto scored = model->score(batch, pass);
      tape.backward(scored.loss);
      clip_gradients(parameters, 1);
      optimizer.step(1e-3);
    };
    const auto forward = [&] {
      Pass pass;
      model->score(batch, pass);
    };

    step();  // warms the pool and the caches
    tick();
    Result result{.model = name, .length = length, .parameters = model->parameter_count()};
    std::vector<double> steps, forwards;
    for (size_t r = 0; r < config_.repeats; ++r) {
      counters.reset();
      steps.push_back(seconds_of(step));
      result.gflop = 1e-9 * static_cast<double>(counters.matrix_flops);
      tick();
    }
    result.peak_mb = 1e-6 * static_cast<double>(pool::use().peak);
    forward();
    for (size_t r = 0; r < config_.repeats; ++r) forwards.push_back(seconds_of(forward)), tick();
    result.step_s = median(steps);
    result.forward_s = median(forwards);
    result.tokens_per_s = static_cast<double>(config_.batch * length) / result.step_s;
    return result;
  }
  size_t ticks() const { return 1 + 2 * config_.repeats; }

 private:
  const BenchConfig& config_;
};

std::string as_table(const std::vector<Result>& results, const Machine& machine) {
  std::vector<Words> cells{{"model", "length", "forward s", "step s", "tokens/s", "GFLOP/step",
                            "GEMM share", "peak MB", "parameters"}};
  for (const Result& r : results)
    cells.push_back({r.model, fmt::format("{}", r.length), fmt::format("{:.4f}", r.forward_s),
                     fmt::format("{:.4f}", r.step_s), fmt::format("{:.0f}", r.tokens_per_s),
                     fmt::format("{:.2f}", r.gflop), fmt::format("{:.0f} %", 100 * r.gemm_share),
                     fmt::format("{:.0f}", r.peak_mb), fmt::format("{}", r.parameters)});
  return table(cells) +
         fmt::format(
             "this machine, {} threads: {:.0f} GFLOP/s in float32 products, copies {:.0f} GB/s\n",
             threads(), machine.gemm_gflops, machine.copy_gb_s);
}

std::string as_json(const std::vector<Result>& results, const Machine& machine, size_t batch) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Result& r : results)
    rows.push_back({{"model", r.model},
                    {"length", r.length},
                    {"batch", batch},
                    {"precision", "f32"},
                    {"forward_s", r.forward_s},
                    {"step_s", r.step_s},
                    {"tokens_per_s", r.tokens_per_s},
                    {"model_gflop_per_step", r.gflop},
                    {"gemm_share", r.gemm_share},
                    {"peak_mb", r.peak_mb},
                    {"parameters", r.parameters}});
  const nlohmann::ordered_json all{{"machine",
                                    {{"gemm_gflops_f32", machine.gemm_gflops},
                                     {"copy_gb_s", machine.copy_gb_s},
                                     {"threads", threads()}}},
                                   {"results", rows}};
  return all.dump(2) + "\n";
}

}  // namespace

Exit bench(const Words& words) {
  const Arguments arguments(words);
  BenchConfig config;
  Options own;
  config.declare(own);
  arguments.set_known(own.fields);

  std::vector<size_t> lengths;
  for (const std::string& part : split(config.lengths, ','))
    lengths.push_back(parse_integer(part, 1, size_t{1} << 24, "--lengths"));
  const auto names = split(config.models, ',');
  if (lengths.empty()) fail(Exit::usage, "--lengths: expected numbers such as 256,1024");
  if (names.empty()) fail(Exit::usage, "--models: expected names such as pointer,transformer");

  std::vector<std::unique_ptr<ModelKind>> kinds;
  std::vector<std::unique_ptr<Options>> options;
  std::vector<Fields*> groups{&own.fields};
  for (const std::string& name : names) {
    kinds.push_back(paper_shaped(name, *std::max_element(lengths.begin(), lengths.end())));
    options.push_back(std::make_unique<Options>());
    options.back()->heading("the model " + name);
    kinds.back()->declare(options.back()->fields);
    groups.push_back(&options.back()->fields);
  }
  if (arguments.help()) {
    print(kUsage + own.help() + options.front()->help());
    return Exit::ok;
  }
  arguments.set_all(groups);
  for (const auto& kind : kinds)
    kind->make(config.vocabulary);  // options that do not fit fail here

  set_threads(static_cast<int>(config.threads));
  gemm_self_test();
  const Machine machine = measure_machine();
  Bench runner(config);
  std::vector<Result> results;
  {
    size_t done = 0;
    Progress progress("run", 0, names.size() * lengths.size() * runner.ticks(), config.quiet);
    for (const size_t length : lengths)
      for (size_t i = 0; i < names.size(); ++i) {
        results.push_back(runner.measure(names[i], *kinds[i], length, [&] {
          progress.show(++done, fmt::format("{}, length {}", names[i], length));
        }));
        Result& r = results.back();
        r.gemm_share = r.gflop / r.step_s / machine.gemm_gflops;
      }
  }
  if (!config.json.empty()) atomic_write(config.json, {as_json(results, machine, config.batch)});
  print(as_table(results, machine));
  return Exit::ok;
}

}  // namespace gnomon
