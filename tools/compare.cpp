// gnomon compare: runs beside each other, folded over their seeds: a page, a figure, all points.
#include "tools/commands.hpp"
#include "tools/compare/figure.hpp"
#include "tools/compare/page.hpp"

namespace gnomon {
namespace {

constexpr const char* kCompareUsage =
    "usage: gnomon compare RUN... --out page.html [options]\n"
    "RUN: a run directory, a folder with runs at any depth (a sweep), or a pattern in quotes, such "
    "as\n'runs/copy-*'. Runs whose options are equal, the seed apart, are one group: mean, "
    "deviation, lowest\nand highest. Unfinished, failed and damaged ones are named, with the "
    "reason. Accuracies are those\nof RUN/eval.json, as a sweep leaves it, or gnomon eval --run "
    "RUN --lengths 64,512 --json RUN/eval.json.\n";
constexpr size_t kMostPrinted = 40;  // groups, runs: the rest is in the page

struct CompareConfig {
  std::string out, csv, svg, png, x = "step", y, group;

  void declare(Options& options) {
    Fields& f = options.group("options");
    f.text("out", out, "the page: one HTML file, complete in itself");
    f.text("csv", csv, "file for every point of every curve; -: the standard output");
    f.text("svg", svg, "file for one figure, --y by --x");
    f.text("png", png, "the same figure as a PNG file");
    f.text("x", x,
           "of the figure: step, tokens, seconds; length (of eval.json); parameters or "
           "state_numbers: one point a group");
    f.text("y", y,
           "of the figure: a name in metrics.jsonl, such as validation_accuracy or mean_hop:2; or "
           "in eval.json, token_accuracy@2048 at one length; none given: loss, token_accuracy");
    f.text("group", group, "option whose values make the lines of the figure; none given: all");
  }
};

/// The words of the command line that are no options and no values of options.
Words taken_from(Words& words) {
  Words runs, rest;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_option = words[i].starts_with("--");
    (is_option ? rest : runs).push_back(words[i]);
    if (!is_option || words[i] == "--help" || words[i].find('=') != std::string::npos) continue;
    if (i + 1 < words.size() && !words[i + 1].starts_with("--")) rest.push_back(words[++i]);
  }
  words = rest;
  return runs;
}

std::string plural(size_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string groups_table(const Comparison& all) {
  const size_t length = common_length(all);
  const std::string of =
      length > 0 ? fmt::format("token accuracy at {}", length) : "accuracy in training, at the end";
  std::vector<Words> cells{{of, "n", "mean", "sd", "lowest", "highest"}};
  const auto percent = [](double share) {
    return std::isfinite(share) ? fmt::format("{:.2f} %", 100 * share) : "-";
  };
  for (const ComparedGroup& group : all.groups) {
    if (cells.size() > kMostPrinted) break;
    std::vector<double> values;
    for (const size_t i : group.runs)
      if (all.runs[i].status == RunStatus::finished)
        values.push_back(length > 0 ? all.runs[i].judged_at("token_accuracy", length)
                                    : all.runs[i].last("accuracy"));
    const SeedSpread s = spread_of(values);
    cells.push_back({group.label,
                     s.n == group.runs.size() ? fmt::format("{}", s.n)
                                              : fmt::format("{} of {}", s.n, group.runs.size()),
                     percent(s.mean), percent(s.deviation), percent(s.low), percent(s.high)});
  }
  return table(cells);
}

std::string remarks_of(const Comparison& all) {
  std::string text;
  size_t count = 0;
  for (const ComparedRun& run : all.runs)
    for (const std::string& remark : run.remarks)
      if (count++ < kMostPrinted)
        text += fmt::format("{} ({}): {}\n", run.path, name_of(run.status), remark);
  if (count > kMostPrinted) text += plural(count - kMostPrinted, "more remark") + " in the page\n";
  return text;
}

Exit compare(const Words& given) {
  Words words = given;
  const Words runs = taken_from(words);
  CompareConfig config;
  if (!read_words(words, kCompareUsage, config)) return Exit::ok;
  if (runs.empty()) fail(Fault::option, "which runs? gnomon compare RUN... --out page.html");
  const bool figure_wanted = !config.svg.empty() || !config.png.empty();
  if (config.out.empty() && config.csv.empty() && !figure_wanted)
    fail(Fault::option,
         "--out is missing: the page to write, such as page.html (or --csv, --svg, --png)");
  if (!figure_wanted && (config.x != "step" || !config.y.empty() || !config.group.empty()))
    fail(Fault::option, "--x, --y and --group belong to a figure: --svg or --png");
  const OutputFile page(config.out), csv(config.csv), svg(config.svg), png(config.png);
  const Comparison all = fold_runs(collect_runs(runs));
  if (config.y.empty()) {
    const bool judged =
        config.x == "length" || config.x == "parameters" || config.x == "state_numbers";
    config.y = judged ? "token_accuracy" : "loss";
  }
  Figure figure;
  if (figure_wanted) figure = figure_of(all, config.x, config.y, config.group);
  hand_out(plural(all.runs.size(), "run") + " in " + plural(all.groups.size(), "group") + "\n" +
               groups_table(all) + remarks_of(all),
           {{page, [&] { return comparison_page(all); }},
            {csv, [&] { return csv_of(all); }},
            {svg, [&] { return svg_of(figure); }},
            {png, [&] { return png_of(figure); }}});
  return Exit::ok;
}

const Registration<Command> kCompare{"compare", "runs beside each other, over seeds: a page, a CSV",
                                     command(Place::using_runs, compare)};

}  // namespace
}  // namespace gnomon
