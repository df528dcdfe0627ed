// tools/generate.cpp
// gnomon generate: a trained model goes on where a prompt ends, one token at a time.
#include <cmath>

#include "core/argmax.hpp"
#include "core/parallel.hpp"
#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/spelling.hpp"
#include "tools/training/checkpoint.hpp"
#include "tools/training/experiment.hpp"

namespace gnomon {
namespace {

constexpr const char* kGenerateUsage =
    "usage: gnomon generate --run DIR --prompt TEXT [options]\n"
    "Prints the prompt and what follows. For the task `text` a token is a byte; for the others\n"
    "TEXT is numbers of tokens: --prompt \"3 1 4\". A prompt that begins with '-': --prompt=-x.\n";

struct GenerateConfig {
  std::string run, prompt;
  size_t tokens = 200, seed = 1, iterations = 0, threads = static_cast<size_t>(gnomon::threads());
  double temperature = 0;

  void declare(Options& options) {
    options.heading("options");
    Fields& f = options.fields;
    f.text("run", run, "directory of the trained run");
    f.text("prompt", prompt, "what to go on from");
    f.integer("tokens", tokens, 1, 1'000'000'000, "how many tokens to add");
    f.number("temperature", temperature, 0, 100, "0: the likeliest token; above: drawn, wilder");
    f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(), "of the draws");
    f.integer("iterations", iterations, 0, 4096,
              "how often the layer of a model trained with --share is repeated; 0: as in training");
    f.integer("threads", threads, 1, 1024, "the results do not depend on it");
  }
};

/// Temperature 0: the largest of the logits [V]. Else one drawn from softmax(logits / temperature).
int32_t chosen(const Array& logits, double temperature, Random& random) {
  const int32_t best = argmax(logits).item();
  if (temperature == 0) return best;
  const double top = double{logits.data()[best]};
  std::vector<double> up_to(logits.size());
  double sum = 0;
  for (size_t v = 0; v < logits.size(); ++v)
    up_to[v] = sum += std::exp((double{logits.data()[v]} - top) / temperature);
  const auto at = std::upper_bound(up_to.begin(), up_to.end(), random.uniform() * sum);
  return static_cast<int32_t>(
      std::min<std::ptrdiff_t>(at - up_to.begin(), static_cast<std::ptrdiff_t>(up_to.size()) - 1));
}

}  // namespace

Exit generate(const Words& words) {
  const Arguments arguments(words);
  GenerateConfig config;
  Options options;
  config.declare(options);
  if (arguments.help()) {
    print(kGenerateUsage + options.help());
    return Exit::ok;
  }
  arguments.set_all(options.fields);
  if (config.run.empty()) fail(Fault::option, "--run is missing: the directory of a trained run");
  const auto experiment = Experiment::unprepared(Arguments::of_file(config.run + "/config.ini"));
  const Spelling spelling(experiment->task());
  const std::vector<int32_t> prompt = spelling.tokens(config.prompt, "prompt");
  if (prompt.empty()) fail(Fault::option, "--prompt is missing: expected at least one token");
  start_engine(config.threads);
  const auto model = experiment->make_model();
  // The last token is shown, not read.
  if (const size_t needed = prompt.size() + config.tokens - 1; needed > model->longest())
    fail_option("tokens",
                "expected at most {} after a prompt of {} (the model learned positions for "
                "--max-length = {}), got {}",
                model->longest() - std::min(model->longest(), prompt.size() - 1), prompt.size(),
                model->longest(), config.tokens);
  load_parameters(config.run + "/model.safetensors", model->parameters());

  SequenceModel::Memory memory(*model,
                               config.iterations ? std::optional(config.iterations) : std::nullopt);
  std::string shown;
  for (const int32_t token : prompt) shown += spelling.text(token, shown.empty());
  print(shown);
  Array logits;
  for (const int32_t token : prompt) logits = memory.step(token);
  Random random = Random(config.seed).split("generate");
  for (size_t n = 0; n < config.tokens; ++n) {
    const int32_t next = chosen(logits, config.temperature, random);
    print(spelling.text(next, false));
    if (n + 1 < config.tokens) logits = memory.step(next);
  }
  print("\n");
  return Exit::ok;
}

}  // namespace gnomon
