// gnomon generate: a trained model goes on where a prompt ends.
#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/opened_run.hpp"
#include "tools/output.hpp"
#include "tools/spelling.hpp"
#include "tools/training/generation.hpp"

namespace gnomon {
namespace {

constexpr const char* kGenerateUsage =
    "usage: gnomon generate --run DIR --prompt TEXT [options]\n"
    "Prints the prompt and what follows. For the task `text` a token is a byte; for the others\n"
    "TEXT is numbers of tokens: --prompt \"3 1 4\". A prompt that begins with '-': --prompt=-x; "
    "the\nprompt - is read from the standard input. At temperature 0 a small model of text soon "
    "repeats\nitself for ever: try --temperature 0.8.\n";

struct GenerateConfig {
  std::string run, prompt, checkpoint = "last";
  size_t tokens = 200, samples = 1, seed = 1, iterations = 0, threads = default_threads();
  double temperature = 0;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("run", run, "directory of the trained run");
    declare_checkpoint(f, checkpoint);
    f.text("prompt", prompt, "what to go on from; -: the standard input");
    f.integer("tokens", tokens, 1, 1'000'000'000, "how many tokens to add");
    f.integer("samples", samples, 1, 4096, "how many texts to write, side by side");
    f.number("temperature", temperature, 0, 100, "0: the likeliest token; above: drawn, wilder");
    f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(), "of the draws");
    f.integer("iterations", iterations, 0, 4096,
              "how often the layer of a model trained with --share is repeated; 0: as in training");
    declare_threads(f, threads);
  }
};

Exit generate(const Words& words) {
  GenerateConfig config;
  if (!read_words(words, kGenerateUsage, config)) return Exit::ok;
  const OpenedRun run(config.run, config.checkpoint, config.threads, false);
  const SequenceModel* model = run.model.get();
  const Spelling spelling(run.task());
  const std::vector<int32_t> prompt = spelling.tokens(config.prompt, "prompt");
  if (prompt.empty())
    fail_option("prompt", "expected at least one token to go on from, or - for the standard input");
  // The last token is shown, not read.
  if (const size_t needed = prompt.size() + config.tokens - 1; needed > model->longest())
    fail_option("tokens",
                "expected at most {} after a prompt of {} (the model learned positions for "
                "--max-length = {}), got {}",
                model->longest() - std::min(model->longest(), prompt.size() - 1), prompt.size(),
                model->longest(), config.tokens);

  const auto spelled_out = [&](const std::vector<int32_t>& tokens) {
    std::string text;
    for (const int32_t token : tokens) text += spelling.text(token, text.empty());
    return text;
  };
  const GenerationPlan plan{config.samples, config.tokens, config.seed, config.temperature,
                            config.iterations ? std::optional(config.iterations) : std::nullopt};
  std::vector<std::string> texts(config.samples, spelled_out(prompt));
  const bool alone = config.samples == 1;
  generate(*model, prompt, plan, [&](const std::vector<int32_t>& next) {
    if (alone) return print(std::exchange(texts[0], "") + spelling.text(next[0], false));
    for (size_t s = 0; s < next.size(); ++s) texts[s] += spelling.text(next[s], false);
  });
  for (size_t s = 0; !alone && s < texts.size(); ++s)
    print(fmt::format("{}--- {}\n{}\n", s == 0 ? "" : "\n", s + 1, texts[s]));
  if (alone) print("\n");
  return Exit::ok;
}

const Registration<Command> kGenerate{"generate", "goes on where a prompt ends",
                                      command(Place::using_runs, generate)};

}  // namespace
}  // namespace gnomon
