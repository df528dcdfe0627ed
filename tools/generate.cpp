// gnomon generate: a trained model goes on where a prompt ends.
#include <nlohmann/json.hpp>

#include "core/base/file.hpp"

#include "tools/commands.hpp"
#include "tools/engine.hpp"
#include "tools/opened_run.hpp"
#include "tools/output.hpp"
#include "tools/spelling.hpp"
#include "tools/training/generation.hpp"
#include "tools/training/stops.hpp"

namespace gnomon {
namespace {

constexpr const char* kGenerateUsage =
    "usage: gnomon generate --run DIR [--prompt TEXT] [options]\n"
    "Prints the prompt and what follows. For the task `text` a token is a byte; for the others\n"
    "TEXT is numbers of tokens: --prompt \"3 1 4\". A prompt that begins with '-': --prompt=-x; "
    "the\nprompt - is read from the standard input. Without a prompt one token is drawn to begin "
    "with.\nAt temperature 0 a small model of text soon repeats itself for ever: try --temperature "
    "0.8.\n"
    "Order: repetition penalty, then top-k, top-p and min-p by the probabilities at temperature 1, "
    "then\nthe temperature. --stop \"END\" ends a text exactly before END; it may be given several "
    "times.\n";

constexpr uint64_t kLongestPrompt = uint64_t{1} << 30;

struct GenerateConfig {
  std::string run, prompt, prompt_file, checkpoint = "last";
  size_t tokens = 200, samples = 1, seed = 1, iterations = 0, threads = default_threads();
  SamplerConfig sampler;
  std::vector<std::string> stops;
  bool json = false;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("run", run, "directory of the trained run");
    declare_checkpoint(f, checkpoint);
    f.text("prompt", prompt, "what to go on from; -: the standard input");
    f.text("prompt-file", prompt_file,
           "a file to go on from, byte for byte; -: the standard input");
    f.integer("tokens", tokens, 1, 1'000'000'000, "how many tokens to add, at most");
    f.texts("stop", stops, "end a text before this one; may be given several times");
    f.integer("samples", samples, 1, 4096, "how many texts to write, side by side");
    sampler.declare(f);
    f.integer("seed", seed, 0, std::numeric_limits<size_t>::max(), "of the draws");
    f.flag("json", json, "a line of JSON for each sample: seed, sample, tokens, text, stop");
    f.integer("iterations", iterations, 0, 4096,
              "how often the layer of a model trained with --share is repeated; 0: as in training");
    declare_threads(f, threads);
  }
};

/// The tokens to go on from, one at least.
std::vector<int32_t> read_prompt(const GenerateConfig& config, const Spelling& spelling,
                                 size_t vocabulary) {
  if (!config.prompt.empty() && !config.prompt_file.empty())
    fail_option("prompt-file", "expected it or --prompt, got both");
  const bool from_file = !config.prompt_file.empty() && config.prompt_file != "-";
  std::vector<int32_t> prompt =
      from_file ? spelling.tokens(read_file(config.prompt_file, kLongestPrompt), "prompt-file")
                : spelling.tokens(typed_text(config.prompt + config.prompt_file), "prompt");
  if (prompt.empty()) {
    Random random = Random(config.seed).split("generate").split("prompt");
    prompt.push_back(static_cast<int32_t>(random.below(static_cast<uint32_t>(vocabulary))));
  }
  return prompt;
}

/// One of the texts that are written.
class Sample {
 public:
  Sample(const Spelling& spelling, const std::vector<Units>& stops)
      : spelling_(&spelling), stops_(stops) {}
  /// Reads the next token; false: it was the last.
  bool add(int32_t token) {
    tokens.push_back(token);
    ready_ += stops_.read(spelling_->units(token));
    return !stops_.met();
  }
  /// What has been added since the last call, in whole letters; behind the last token, all of it.
  std::string take(bool over) {
    if (over) ready_ += stops_.rest();
    begun_ += spelling_->text(std::exchange(ready_, {}), false);
    const size_t whole = over ? begun_.size() : whole_letters(begun_);
    std::string text = begun_.substr(0, whole);
    begun_.erase(0, whole);
    return text;
  }
  std::optional<size_t> stop() const { return stops_.met(); }

  std::vector<int32_t> tokens;

 private:
  const Spelling* spelling_;
  Stops stops_;
  Units ready_;
  std::string begun_;
};

std::string as_json(const GenerateConfig& config, size_t number, Sample& sample) {
  nlohmann::ordered_json line{{"seed", config.seed}, {"sample", number}, {"tokens", sample.tokens}};
  line["text"] = sample.take(true);
  line["stop"] = nullptr;
  if (sample.stop()) line["stop"] = config.stops[*sample.stop()];
  // JSON holds UTF-8 only: other bytes are in the tokens.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Exit generate(const Words& words) {
  GenerateConfig config;
  if (!read_words(words, kGenerateUsage, config)) return Exit::ok;
  const OpenedRun run(config.run, config.checkpoint, config.threads, false);
  const SequenceModel* model = run.model.get();
  const Spelling spelling(run.task());
  std::vector<Units> stops;
  for (const std::string& stop : config.stops)
    if (stops.push_back(spelling.units(stop, "stop")); stops.back().empty())
      fail_option("stop", "expected a text, got '{}'", stop);
  const std::vector<int32_t> prompt = read_prompt(config, spelling, model->vocabulary());
  // The last token is shown, not read.
  if (const size_t needed = prompt.size() + config.tokens - 1; needed > model->longest())
    fail_option("tokens",
                "expected at most {} after a prompt of {} (the model learned positions for "
                "--max-length = {}), got {}",
                model->longest() - std::min(model->longest(), prompt.size() - 1), prompt.size(),
                model->longest(), config.tokens);

  std::string beginning;
  for (const int32_t token : prompt) beginning += spelling.text(token, beginning.empty());
  const GenerationPlan plan{config.samples, config.tokens, config.seed, config.sampler,
                            config.iterations ? std::optional(config.iterations) : std::nullopt};
  std::vector<Sample> samples(config.samples, Sample(spelling, stops));
  const bool alone = config.samples == 1 && !config.json;
  std::string shown = beginning;  // with the first token, so that nothing stands before a refusal
  generate(*model, prompt, plan, [&](size_t s, int32_t token) {
    const bool goes_on = samples[s].add(token);
    if (alone) print(spelling.shown(std::exchange(shown, "") + samples[s].take(false)));
    return goes_on;
  });
  for (size_t s = 0; s < samples.size(); ++s)
    print(config.json ? as_json(config, s + 1, samples[s])
          : alone     ? spelling.shown(samples[s].take(true)) + "\n"
                      : fmt::format("{}--- {}\n{}\n", s == 0 ? "" : "\n", s + 1,
                                    spelling.shown(beginning + samples[s].take(true))));
  const size_t round = plan.sampler.temperature == 0 ? period(samples[0].tokens) : 0;
  if (round > 0)
    complain(
        fmt::format("the text repeats its last {} again and again, as the likeliest do; try "
                    "--temperature 0.8",
                    round == 1 ? "token" : fmt::format("{} tokens", round)));
  return Exit::ok;
}

const Registration<Command> kGenerate{"generate", "goes on where a prompt ends",
                                      command(Place::using_runs, generate)};

}  // namespace
}  // namespace gnomon
