// gnomon reproduce: what the paper reports, measured: theirs beside ours, and what does not hold.
// Figures of the paper ("Pointer: Linear-Complexity Long-Range Modeling without Pre-training",
// arXiv 2508.02631): its tables of efficiency and of copying, its text and its model card.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "core/counters.hpp"
#include "models/sequence_model.hpp"
#include "tools/commands.hpp"
#include "tools/embedded.hpp"
#include "tools/engine.hpp"
#include "tools/inspect/metrics.hpp"
#include "tools/inspect/packed.hpp"
#include "tools/output.hpp"
#include "tools/reproduce/document.hpp"
#include "tools/sweep/sweep.hpp"
#include "tools/training/options.hpp"

GNOMON_EMBED(gnomon_reproduction, "/tools/plans/reproduction.ini");
GNOMON_EMBED(gnomon_recipe_pointer, "/tools/recipes/demo-pointer-copy.ini");
GNOMON_EMBED(gnomon_recipe_transformer, "/tools/recipes/demo-transformer-copy.ini");
GNOMON_EMBED(gnomon_recipe_control, "/tools/recipes/control-copy.ini");

namespace gnomon {
namespace {

constexpr const char* kReproduceUsage =
    "usage: gnomon reproduce [--quick] [--out DIR]\n"
    "Trains and measures what the paper reports, by a plan that it writes into the folder; writes\n"
    "reproduction.md and reproduction.html. What is interrupted goes on with the same command.\n";

struct ReproduceConfig {
  std::string out;
  bool quick = false, quiet = false;
  size_t seeds = 0, steps = 0, longest = 0;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("out", out,
           "folder of the sweep and the report; default: runs/reproduction, or with --quick "
           "runs/reproduction-quick");
    f.flag("quick", quick, "two seeds and shorter measurements: about ten minutes on two cores");
    f.integer("seeds", seeds, 0, 100, "how many; 0: 2 with --quick, else 3");
    f.integer("steps", steps, 0, 1'000'000'000,
              "a rehearsal: so many training steps, one batch a distance; 0: each recipe's own");
    f.integer("longest", longest, 0, 1 << 16,
              "longest sequence to be timed; 0: 2048 with --quick, else 8192");
    f.flag("quiet", quiet, "does not say what runs");
  }
  /// With what --quick means in place of zeros.
  ReproduceConfig resolved() const {
    ReproduceConfig c = *this;
    if (c.out.empty()) c.out = quick ? "runs/reproduction-quick" : "runs/reproduction";
    if (c.seeds == 0) c.seeds = quick ? 2 : 3;
    if (c.longest == 0) c.longest = quick ? 2048 : 8192;
    return c;
  }
};

using Table = std::vector<std::vector<std::string>>;

const std::map<std::string, std::string> kRecipes{
    {"demo-pointer-copy", {GNOMON_EMBEDDED(gnomon_recipe_pointer)}},
    {"demo-transformer-copy", {GNOMON_EMBEDDED(gnomon_recipe_transformer)}},
    {"control-copy", {GNOMON_EMBEDDED(gnomon_recipe_control)}}};
const std::vector<size_t> kDistances{512, 1024, 1536, 2048};
const std::string kTrained = "160";  // the longest distance in training

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

/// "mean (lowest - highest)" of shares.
std::string spread(std::vector<double> shares) {
  std::sort(shares.begin(), shares.end());
  double sum = 0;
  for (const double share : shares) sum += share;
  const double mean = sum / static_cast<double>(shares.size());
  if (shares.back() - shares.front() < 5e-5) return percent(mean);
  return fmt::format("{:.2f} % ({:.2f} - {:.2f})", 100 * mean, 100 * shares.front(),
                     100 * shares.back());
}

Json json_file(const std::string& path) {
  return parse_json(read_file(path, uint64_t{1} << 28), path,
                    {.bytes = size_t{1} << 28, .depth = 12});
}

/// The commands beside the runs, as sections of a plan.
std::string commands(const ReproduceConfig& config) {
  std::string timed;
  for (size_t length = 256; length <= config.longest; length *= 2)
    timed += (timed.empty() ? "" : ",") + std::to_string(length);
  if (timed.empty()) timed = std::to_string(config.longest);
  // N x N scores of 8 heads at 8,192: 2 GB in every layer, and as much for the gradients.
  const std::string composed = config.longest < 2048 ? timed : "256,512,1024,2048";
  std::string text;
  const auto add = [&](const std::string& name, const std::string& words) {
    text += fmt::format("\n[command {0}]\nwords = {1} --json @/{0}.json\nresult = {0}.json\n", name,
                        words);
  };
  add("bench",
      fmt::format("bench --models transformer,pointer,longformer --lengths {} --repeats {}", timed,
                  config.quick ? 3 : 9));
  add("bench-composed",
      fmt::format(
          "bench --models transformer,pointer --attention composed --lengths {} --repeats 3",
          composed));
  for (const char* name : {"pointer", "dense", "self-gather", "rounded-position"})
    for (const char* length : {"40", "2048"})
      add(fmt::format("{}-{}", name, length),
          fmt::format("inspect --run @/runs/{}/1 --length {} --lengths 40 --batches 1", name,
                      length));
  return text;
}

/// Writes the plan and its recipes; returns the plan's name.
std::string written_plan(const ReproduceConfig& config) {
  for (const char* folder : {"/plans", "/recipes"}) create_folder(config.out + folder);
  for (const auto& [name, text] : kRecipes)
    atomic_write(config.out + "/recipes/" + name + ".ini", {text});
  const std::string path = config.out + "/plans/reproduction.ini";
  atomic_write(path, {std::string(GNOMON_EMBEDDED(gnomon_reproduction)), commands(config)});
  return path;
}

/// What --quick and --steps mean, as words for the sweep.
std::vector<std::string> sets(const ReproduceConfig& config) {
  if (config.steps) return {fmt::format("steps={}", config.steps), "eval.batches=1"};
  if (config.quick) return {"eval.batches=4"};
  return {};
}

std::string seeds(const ReproduceConfig& config) {
  std::string all;
  for (size_t seed = 1; seed <= config.seeds; ++seed)
    all += (all.empty() ? "" : ",") + std::to_string(seed);
  return all;
}

class Reproduction {
 public:
  explicit Reproduction(const ReproduceConfig& config)
      : config_(config),
        plan_(written_plan(config), sets(config), seeds(config)),
        sweep_(plan_, config.out) {}

  void work() {
    for (const char* name : {"reproduction.md", "reproduction.html"}) OutputFile(sweep_.file(name));
    sweep_.work({.threads = default_threads(), .fail_fast = true, .quiet = config_.quiet});
    write();
  }

 private:
  void write() {
    Document report("What the Pointer paper reports, and what is measured here");
    report.paragraph(fmt::format(
        "Paper: arXiv 2508.02631. {} seed{}; mean (lowest - highest). Pointers are hard. Every "
        "figure of ours comes from the commands at the end, run on this machine.",
        config_.seeds, config_.seeds == 1 ? "" : "s"));
    const auto at_2048 = copying(report);
    curve(report);
    const bool quiet = efficiency(report);
    reach(report);
    controls(report);
    complexity(report);
    sizes(report);
    verdict(report, at_2048, quiet);
    report.heading("The commands");
    std::string whole =
        fmt::format("gnomon sweep {} --out {} --seeds {}", gnomon::quoted(plan_.path),
                    gnomon::quoted(config_.out), seeds(config_));
    for (const std::string& set : sets(config_)) whole += " --set " + set;
    report.paragraph("All of them:");
    report.commands({whole});
    report.paragraph("which are:");
    report.commands(sweep_.commands());
    const OutputFile markdown(sweep_.file("reproduction.md")),
        html(sweep_.file("reproduction.html"));
    hand_out(
        "", {{markdown, [&] { return report.markdown(); }}, {html, [&] { return report.html(); }}});
    print(fmt::format("'{}' and '{}'\n", sweep_.file("reproduction.md"),
                      sweep_.file("reproduction.html")));
  }

  /// Returns the mean accuracy of every contestant at 2,048.
  std::map<std::string, double> copying(Document& report) const {
    report.heading("Copying");
    report.paragraph(
        "32 of 20 symbols, to be repeated from a distance; trained on distances up to 160 (the "
        "paper: up to 2,048). Tokens right; chance is 1/20 = 5 %. What the paper calls success at "
        "over 95 % is in its own table chance, for both models.");
    Table rows{{"", kTrained}};
    for (const size_t distance : kDistances) rows[0].push_back(std::to_string(distance));
    rows.push_back({"the paper: pointer", "-", "4.38 %", "5.50 %", "5.38 %", "5.25 %"});
    rows.push_back({"the paper: transformer", "-", "5.38 %", "4.25 %", "4.88 %", "4.75 %"});
    Table exact{rows[0]};
    std::map<std::string, double> at_2048;
    for (const PlanLine& line : plan_.lines) {
      std::vector<std::vector<double>> right(rows[0].size() - 1), whole(right.size());
      for (const Run& run : sweep_.reported()) {
        if (run.line != &line) continue;
        const Json results = json_file(run.file("eval.json")).at("results");
        for (size_t i = 0; i < right.size(); ++i) {
          right[i].push_back(results.at(i).at("token_accuracy"));
          whole[i].push_back(results.at(i).at("exact_match"));
        }
      }
      rows.push_back({line.label}), exact.push_back({line.label});
      for (size_t i = 0; i < right.size(); ++i)
        rows.back().push_back(spread(right[i])), exact.back().push_back(spread(whole[i]));
      for (const double share : right.back())
        at_2048[line.row] += share / static_cast<double>(config_.seeds);
    }
    report.table(rows);
    report.paragraph("Sequences without a fault:");
    report.table(exact);
    report.paragraph(
        "The Longformer sees 127 tokens back in a layer, so 254 in two, and the first 4 tokens, "
        "which know only themselves: what lies further back it cannot copy, whatever it learns.");
    return at_2048;
  }

  void curve(Document& report) const {
    report.heading("The loss in training");
    std::vector<LineOfPlot> curves;
    for (const char* name : {"pointer", "dense", "transformer"}) {
      LineOfPlot c{name, {}, {}};
      const MetricLines lines =
          read_metrics(sweep_.file(fmt::format("runs/{}/1/metrics.jsonl", name)));
      if (!lines.remark.empty()) complain(lines.remark);
      for (const Metric& m : lines.all)
        c.x.push_back(static_cast<double>(m.step)), c.y.push_back(m.loss);
      curves.push_back(c);
    }
    report.figure(curves_svg(curves), "loss in nats by step, seed 1");
    report.paragraph(
        fmt::format("The paper's falls from 3.13 to 2.99; ln 20 = {:.4f} is the loss of guessing "
                    "among 20 symbols. At the end here: pointers {:.4f}, the paper's formula and "
                    "recipe {:.4f}, transformer {:.4f}.",
                    std::log(20.0), curves[0].y.back(), curves[1].y.back(), curves[2].y.back()));
  }

  /// A figure that something else disturbed: shown with a mark, and no sentence rests on it.
  static bool noisy(const Json& row) { return row.value("noisy", false); }

  /// Are the speeds of this report figures to go by?
  bool efficiency(Document& report) const {
    report.heading("Speed");
    const Json fused = json_file(sweep_.file("bench.json")),
               composed = json_file(sweep_.file("bench-composed.json"));
    const std::map<size_t, std::pair<const char*, const char*>> paper{
        {256, {"0.48", "14446 / 30320"}},
        {512, {"0.83", "34914 / 29427"}},
        {1024, {"1.89", "37189 / 19703"}},
        {2048, {"2.45", "28268 / 11549"}}};
    const auto at = [](const Json& all, const std::string& model, size_t length) -> const Json* {
      for (const Json& r : all.at("results"))
        if (r.at("model") == model && r.at("length") == length) return &r;
      return nullptr;
    };
    const auto rate = [](const Json* r) {
      return r ? fmt::format("{:.0f}", r->at("tokens_per_s").get<double>()) : std::string("-");
    };
    const auto ratio = [](const Json* r) {
      if (!r) return std::string("-");
      return fmt::format("{:.2f}{}", r->at("against_first").get<double>(),
                         noisy(*r) ? " (noisy)" : "");
    };
    Table rows{{"tokens", "the paper: ratio", "against composed attention",
                "against fused attention", "pointer tokens/s", "transformer", "Longformer",
                "the paper: tokens/s"}};
    for (const Json& r : fused.at("results")) {
      if (r.at("model") != "pointer") continue;
      const size_t length = r.at("length");
      const auto theirs = paper.find(length);
      rows.push_back({std::to_string(length), theirs == paper.end() ? "-" : theirs->second.first,
                      ratio(at(composed, "pointer", length)), ratio(&r), rate(&r),
                      rate(at(fused, "transformer", length)), rate(at(fused, "longformer", length)),
                      theirs == paper.end() ? "-" : theirs->second.second});
    }
    report.table(rows);
    report.paragraph(fmt::format(
        "Ratio: a transformer's training step in units of the pointers', 6 layers, width 256, 8 "
        "heads, one sequence, equal parameters within 3 %; models in turn, median. Composed "
        "attention keeps all N x N scores, as a plain implementation does; fused attention does "
        "not, and is the fair opponent. {} threads, {:.0f} GFLOP/s in matrix products. The paper's "
        "tokens/s (pointer / transformer) are those of its own machine.",
        fused.at("machine").at("threads").get<int>(),
        fused.at("machine").at("gemm_gflops_f32").get<double>()));
    const auto quiet = [](const Json& all) {
      return std::none_of(all.at("results").begin(), all.at("results").end(), noisy);
    };
    return quiet(fused) && quiet(composed);
  }

  void reach(Document& report) const {
    report.heading("How far the pointers reach");
    Table rows{{"run, layer", "mean hop", "median", "longest", "self", "under 16", "16 and more"}};
    for (const char* name : {"pointer", "dense"}) {
      const Json all = json_file(sweep_.file(fmt::format("{}-2048.json", name)));
      for (const Json& layer : all.at("sample").at("layers")) {
        const Json& hops = layer.at("heads").at(0).at("hops");
        const auto share = [&](const char* of) { return percent(hops.at(of).get<double>()); };
        rows.push_back({fmt::format("{}, layer {}", name, layer.at("layer").get<size_t>()),
                        fmt::format("{:.1f}", hops.at("mean").get<double>()),
                        fmt::format("{:.1f}", hops.at("median").get<double>()),
                        std::to_string(hops.at("longest").get<size_t>()), share("self"),
                        share("local"), share("far")});
      }
    }
    report.table(rows);
    report.paragraph(
        "One sequence at distance 2,048, seed 1. The paper reports mean hops of 47 to 58 tokens in "
        "layers 0 to 2 and up to 483 in layers 3 to 5, of a model that copies at chance. Long hops "
        "alone show nothing: what counts is whether they lead to the right place.");
  }

  void controls(Document& report) const {
    report.heading("Why the public code cannot learn to point");
    std::string pictures;
    for (const auto& [name, title] : std::vector<std::pair<std::string, std::string>>{
             {"pointer", "pointers, last layer"},
             {"dense", "the paper's recipe"},
             {"self-gather", "self-gather"},
             {"rounded-position", "rounded position"}}) {
      const Json all = json_file(sweep_.file(name + "-40.json")), &sample = all.at("sample");
      const auto to = unpacked(
          sample.at("pool"), sample.at("layers").back().at("heads").at(0).at("to"), sample.at("N"));
      pictures += map_svg({to.begin(), to.end()}, title) + " ";
    }
    report.figure(pictures,
                  "where every token (down) points (across), last layer, distance 40, seed 1");
    report.paragraph(
        "Three public versions of the author's code differ in how they choose. Self-gather returns "
        "the token itself: nothing moves. A rounded position is computed from the token's own "
        "features alone, and rounding has no slope, so it never changes for a reason. A softmax "
        "over equal scores reads the mean of all tokens: there is no map to draw, and what it can "
        "learn is how often each symbol occurred. In the first picture the second payload (the "
        "last rows) points at the first.");
  }

  /// One forward pass without a gradient, counted.
  static std::pair<uint64_t, uint64_t> counted(const std::string& model, const std::string& sources,
                                               size_t N) {
    const auto kind = make_registered<ModelKind>(model, "model");
    EncoderConfig& shape = kind->config.encoder;
    shape.layers = 1, shape.width = 256, shape.heads = 8, shape.feed_forward = 512;
    Fields fields;
    kind->declare(fields);
    if (!sources.empty()) fields.set("sources", sources);
    const auto network = kind->make(32);
    network->initialise(1);
    Context context;
    context.tokens = Index({1, N});
    for (size_t n = 0; n < N; ++n) context.tokens.data()[n] = static_cast<int32_t>(n * 7 % 32);
    counters.reset();
    network->encode(context);
    return {counters.matrix_flops, counters.rows_read};
  }

  void complexity(Document& report) const {
    report.heading("Operations, counted");
    Table rows{{"one layer, width 256", "512 tokens", "1024", "2048", "growth, 512 to 2048"}};
    const auto add = [&](const std::string& label, const auto& count) {
      std::vector<double> of;
      for (const size_t N : {512, 1024, 2048}) of.push_back(static_cast<double>(count(N)));
      rows.push_back({label, fmt::format("{:.4g}", of[0]), fmt::format("{:.4g}", of[1]),
                      fmt::format("{:.4g}", of[2]), fmt::format("{:.1f} x", of[2] / of[0])});
    };
    add("pointers: matrix FLOP", [](size_t N) { return counted("pointer", "", N).first; });
    add("pointers: rows gathered", [](size_t N) { return counted("pointer", "", N).second; });
    add("the paper's formula: rows gathered",
        [](size_t N) { return counted("pointer", "dense", N).second; });
    add("fused attention: matrix FLOP",
        [](size_t N) { return counted("transformer", "", N).first; });
    add("Longformer: matrix FLOP", [](size_t N) { return counted("longformer", "", N).first; });
    report.table(rows);
    report.paragraph(
        "Four times the tokens cost pointers four times the work. The paper's formula, an argmax "
        "over all earlier tokens, compares every pair and so grows sixteenfold: linear is only "
        "what happens after the choice. Its factor of 10,000 over attention counts that gather "
        "alone; projections and feed-forward network, which are most of the work of both models, "
        "do not shrink.");
  }

  void sizes(Document& report) const {
    report.heading("Sizes");
    Table rows{{"6 layers, width 256, 8 heads, feed-forward 512", "parameters"}};
    for (const auto& [label, vocabulary] : std::vector<std::pair<std::string, size_t>>{
             {"vocabulary 32", 32}, {"vocabulary 10,000, as the card says", 10000}})
      for (const char* model : {"pointer", "transformer", "longformer"}) {
        const auto kind = make_registered<ModelKind>(model, "model");
        EncoderConfig& shape = kind->config.encoder;
        shape.layers = 6, shape.width = 256, shape.heads = 8, shape.feed_forward = 512;
        rows.push_back({fmt::format("{}, {}", model, label),
                        fmt::format("{}", kind->make(vocabulary)->parameter_count())});
      }
    report.table(rows);
    report.paragraph(
        "The paper names 3.2 M parameters: that is a transformer of this shape with a vocabulary "
        "of tens. With the 10,000 tokens of its model card it would be far more.");
  }

  void verdict(Document& report, const std::map<std::string, double>& at_2048, bool quiet) const {
    report.heading("What holds, and what does not");
    report.paragraph(fmt::format(
        "\"Over 95 % on copying to 2,048 tokens\": not in the paper's own table, which is chance, "
        "nor here with its formula and recipe. With a few candidates for each token, hard pointers "
        "reach {} at 2,048 on average over the seeds, trained on distances up to 160.",
        percent(at_2048.at("pointer"))));
    report.paragraph(
        fmt::format("What attention reaches beyond its training length depends on how it is told "
                    "positions: rotary ones give {} of the tokens at 2,048, ALiBi {}.",
                    percent(at_2048.at("transformer")), percent(at_2048.at("transformer-alibi"))));
    report.paragraph(
        "\"Linear cost\": holds only with candidate sets (counted above). The argmax over all "
        "tokens is quadratic.");
    report.paragraph(quiet ? "\"2 to 10 times faster than attention\": holds for long sequences "
                             "only, and the table above says from where on; against fused "
                             "attention the factor is smaller than against a plain one."
                           : "\"2 to 10 times faster than attention\": nothing can be said. "
                             "Something else ran while the speeds were measured; remove bench.json "
                             "and bench-composed.json and measure again.");
    report.paragraph(
        "\"Interpretable\": holds in the sense that every pointer can be looked at (gnomon "
        "inspect), and says something where the model answers rightly.");
  }

  const ReproduceConfig config_;
  const Plan plan_;
  Sweep sweep_;
};

Exit reproduce(const Words& words) {
  ReproduceConfig config;
  if (!read_words(words, kReproduceUsage, config)) return Exit::ok;
  Reproduction(config.resolved()).work();
  return Exit::ok;
}

const Registration<Command> kReproduce{"reproduce",
                                       "what the paper reports, theirs beside ours, in one report",
                                       command(Place::judging, reproduce)};

}  // namespace

}  // namespace gnomon
