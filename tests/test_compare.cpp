// gnomon compare: runs folded over their seeds, their curves, what is said of those that are not
// whole, and what it refuses. tests/test_compare.sh looks at the page in a browser.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/program.hpp"

using namespace gnomon;
using nlohmann::json;

namespace {

/// A run as train leaves it, written by hand: `steps` lines, losses 1/step; accuracies 0 to 1.
struct MadeRun {
  std::string path, options = "";
  size_t seed = 1, steps = 20, lines = 20;
  double spike = 0;    // the loss of line 7
  double judged = -1;  // token accuracy at 40; 0.1 less at 160

  std::string file(const std::string& name) const { return path + "/" + name; }
  std::string line(size_t n) const {
    return fmt::format(R"({{"step":{},"loss":{},"accuracy":{},"tokens_per_s":100,"seconds":{},)"
                       R"("tau":1,"lr":0.001,"gradient_norm":1,"tokens":{}}})",
                       n, n == 7 && spike > 0 ? spike : 1.0 / static_cast<double>(n),
                       static_cast<double>(n) / static_cast<double>(steps), n, 100 * n);
  }
  void make() const {
    std::filesystem::create_directories(path);
    put(file("config.ini"), fmt::format("model = pointer\ntask = copy\nlayers = 1\nsteps = {}\n"
                                        "length = 40\nseed = {}\n{}",
                                        steps, seed, options));
    std::string log;
    for (size_t n = 1; n <= lines; ++n) log += line(n) + "\n";
    put(file("metrics.jsonl"), log);
    if (judged < 0) return;
    json results = json::array();
    for (const auto& [length, accuracy] : {std::pair{40, judged}, {160, judged - 0.1}})
      results.push_back({{"length", length},
                         {"token_accuracy", accuracy},
                         {"chance", 0.05},
                         {"loss", 1.5},
                         {"state_numbers", 10 * length}});
    put(file("eval.json"), json{{"results", results}}.dump());
  }
};

ProgramEnd compared(const std::vector<std::string>& given) {
  std::vector<std::string> all{"compare"};
  all.insert(all.end(), given.begin(), given.end());
  return gnomon_run(all);
}

/// What stands in the page.
json page_of(const std::string& file) {
  const std::string html = get(file), begin = R"(<script id="data" type="application/json">)";
  const size_t at = html.find(begin) + begin.size();
  return json::parse(html.substr(at, html.find("</script>", at) - at));
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

size_t lines_in(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("compare: runs fold over their seeds, with count, mean, deviation and extremes") {
  const Folder folder;
  for (size_t seed = 1; seed <= 3; ++seed) {
    MadeRun{.path = folder / fmt::format("slow-{}", seed),
            .options = "learning-rate = 0.001\n",
            .seed = seed,
            .judged = 0.5 + 0.1 * static_cast<double>(seed)}
        .make();
    MadeRun{.path = folder / fmt::format("fast-{}", seed),
            .options = "learning-rate = 0.01\n",
            .seed = seed,
            .judged = 0.9}
        .make();
  }
  // A folder of runs and a pattern name the same runs: each counts once.
  const ProgramEnd e = compared({folder.path(), folder / "slow-*", "--out", folder / "page.html"});
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(says(e.out, "6 runs in 2 groups"));
  CHECK(says(e.out, "token accuracy at 160"));
  const size_t row = e.out.find("learning-rate=0.001 ");
  REQUIRE(row != std::string::npos);
  std::string cells = e.out.substr(row, e.out.find('\n', row) - row);
  cells.erase(
      std::unique(cells.begin(), cells.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
      cells.end());
  CHECK(cells == "learning-rate=0.001 3 60.00 % 10.00 % 50.00 % 70.00 %");

  const json page = page_of(folder / "page.html");
  CHECK(page["different"] == json{"learning-rate"});
  CHECK(page["equal"]["task"] == "copy");
  CHECK(page["equal"].contains("batch"));  // not in config.ini: its default
  CHECK_FALSE(page["equal"].contains("seed"));
  REQUIRE(page["groups"].size() == 2);
  CHECK(page["groups"][0]["runs"].size() == 3);
  const json& curve = page["runs"][0]["curves"]["loss"];
  CHECK(page["pool"][curve[0].get<size_t>()].size() == 20);
  CHECK(page["pool"][curve[1].get<size_t>()][1] == 0.5);
}

TEST_CASE("compare: what is not finished or not whole is named with the reason, and stays") {
  const Folder folder;
  MadeRun run{.path = folder / "runs/row/1", .seed = 1, .judged = 0.8};
  run.make();
  put(run.file("done.json"), R"({"status":"finished","stop":"patience","jobs":2,"machine":"M"})");
  run.path = folder / "runs/row/2", run.seed = 2, run.lines = 12, run.judged = -1;
  run.make();
  run.path = folder / "runs/row/3", run.seed = 3;
  run.make();
  put(run.file("done.json"),
      R"({"status":"failed","code":4,"sentence":"loss: is not finite at step 12","step":12})");
  run.path = folder / "runs/row/4", run.seed = 4, run.lines = 20;
  run.make();
  put(run.file("metrics.jsonl"), run.line(1) + "\nnonsense\n" + run.line(20) + "\n{\"step\":2");
  put(run.file("eval.json"), "{");
  const ProgramEnd e = compared({folder.path(), "--out", folder / "page.html"});
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(says(e.out, "4 runs in 1 group\n"));
  CHECK_MESSAGE(says(e.out, "1 of 4  70.00 %"), e.out);
  CHECK(says(e.out, "runs/row/2 (unfinished): step 12 of 20; gnomon train --resume "));
  CHECK(says(e.out, "runs/row/3 (failed): loss: is not finite at step 12 (exit code 4)\n"));
  CHECK(says(e.out, "metrics.jsonl: line 2: not valid JSON at byte"));
  CHECK(says(e.out, "1 damaged line is left out of its curves"));
  CHECK(says(e.out, "eval.json: not valid JSON"));
  const json page = page_of(folder / "page.html");
  CHECK(page["runs"][0]["stop"] == "patience");
  CHECK(page["runs"][0]["machine"] == "M with 2 jobs at once");
  CHECK(page["runs"][2]["status"] == "failed");
  CHECK(page["groups"][0]["label"] == "row");
}

TEST_CASE("compare: a seed that comes twice is no second draw, candidates are no results") {
  const Folder folder;
  MadeRun run{.path = folder / "before", .judged = 0.5};
  run.make();
  run.path = folder / "after", run.judged = 0.6;
  run.make();
  const ProgramEnd e =
      compared({folder / "before", folder / "after", "--out", folder / "page.html"});
  CHECK(says(e.out, "2 runs in 2 groups"));
  CHECK(page_of(folder / "page.html")["different"] == json{"path"});

  for (const char* path : {"sweep/runs/row/1", "sweep/runs/row/tuning/rate=1/11"}) {
    run.path = folder / path, run.seed += 10;
    run.make();
  }
  const ProgramEnd sweep = compared({folder / "sweep", "--out", folder / "page.html"});
  CHECK(says(sweep.out, "2 runs in 2 groups"));
  CHECK(page_of(folder / "page.html")["groups"][1]["values"] == json{"choosing"});
}

TEST_CASE("compare: a page keeps 200 points of a curve and every spike, the CSV keeps all") {
  const Folder folder;
  MadeRun run{.path = folder / "long", .steps = 5000, .lines = 5000, .spike = 123};
  run.make();
  const ProgramEnd e =
      compared({run.path, "--out", folder / "page.html", "--csv", folder / "all.csv"});
  CHECK_MESSAGE(e.code == 0, e.err);
  const json page = page_of(folder / "page.html");
  const json& curve = page["runs"][0]["curves"]["loss"];
  const json& steps = page["pool"][curve[0].get<size_t>()];
  const json& losses = page["pool"][curve[1].get<size_t>()];
  CHECK(steps.size() <= 200);
  CHECK(steps.size() > 150);
  const auto spike = std::find(losses.begin(), losses.end(), json(123));
  REQUIRE(spike != losses.end());
  CHECK(steps[static_cast<size_t>(spike - losses.begin())] == 7);
  CHECK(steps.back() == 5000);
  CHECK(page["runs"][0]["last"]["loss"] == 0.0002);
  CHECK(lines_in(get(folder / "all.csv")) == 5001);
}

TEST_CASE("compare: CSV is RFC 4180, with nothing where nothing is known") {
  const Folder folder;
  MadeRun run{.path = folder / "a, \"b\"", .lines = 0};
  run.make();
  put(run.file("metrics.jsonl"), R"({"step":1,"loss":null,"accuracy":0.25,"validation_loss":2,)"
                                 R"("pointers":[{"layer":2,"mean_hop":7.5}]})"
                                 "\n"
                                 R"({"step":2,"loss":0.125,"accuracy":0.5})"
                                 "\n");
  const ProgramEnd e = compared({run.path, "--csv", "-"});
  CHECK_MESSAGE(e.code == 0, e.err);
  const std::string named = "\"" + folder.path() + "/a, \"\"b\"\"\"";
  CHECK(e.out == "run,group,status,seed,step,accuracy,loss,mean_hop:2,validation_loss\r\n" + named +
                     "," + named + ",unfinished,1,1,0.25,,7.5,2\r\n" + named + "," + named +
                     ",unfinished,1,2,0.5,0.125,,\r\n");
}

TEST_CASE("compare: a continued run has the curve of the one before it, up to where it went on") {
  const Folder folder;
  MadeRun run{.path = folder / "first"};
  run.make();
  MadeRun next{.path = folder / "second", .steps = 14, .lines = 0};
  next.make();
  put(next.file("continued.json"), R"({"run":"somewhere/else/first","step":10})");
  put(next.file("metrics.jsonl"),
      R"({"step":12,"loss":0.5,"accuracy":0.5,"seconds":1.5,"tokens":1200})"
      "\n"
      R"({"step":14,"loss":0.25,"accuracy":0.5,"seconds":2,"tokens":1400})"
      "\n");
  const ProgramEnd e = compared({next.path, "--out", folder / "page.html"});
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK_FALSE(says(e.out, "continue"));
  const json page = page_of(folder / "page.html");
  const auto numbers = [&](const char* name, size_t which) {
    return page["pool"][page["runs"][0]["curves"][name][which].get<size_t>()]
        .get<std::vector<double>>();
  };
  CHECK(numbers("loss", 0) == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14});
  CHECK(numbers("seconds", 1).back() == 12);  // counted from nothing again
  CHECK(numbers("tokens", 1).back() == 1400);
  put(next.file("continued.json"), R"({"run":"nowhere","step":10})");
  const std::string lost = compared({next.path, "--csv", folder / "csv"}).out;
  CHECK_MESSAGE(says(lost, "'nowhere', is not there: its curves begin at step 10"), lost);
  put(next.file("continued.json"), R"({"run":"second","step":13})");
  CHECK(says(compared({next.path, "--csv", folder / "csv"}).out, "in a ring"));
}

TEST_CASE("compare: a figure as SVG and PNG, of curves, lengths and costs") {
  const Folder folder;
  MadeRun run{.path = folder / "</text>&1", .judged = 0.5};
  run.make();
  run.path = folder / "short", run.seed = 2, run.lines = 10, run.judged = 0.7;
  run.make();
  const auto svg = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all{run.path, folder / "</text>&1", "--svg", folder / "figure.svg"};
    all.insert(all.end(), more.begin(), more.end());
    const ProgramEnd e = compared(all);
    CHECK_MESSAGE(e.code == 0, e.err);
    return get(folder / "figure.svg");
  };
  const std::string curves = svg({});
  CHECK(says(curves, ">loss by step</text>"));
  CHECK(says(curves, ">n = 1</text>"));  // from step 11 on
  CHECK(says(curves, "(n = 2; mean, lowest to highest)"));
  CHECK_FALSE(says(curves, "nan"));
  const std::string names = svg({"--group", "seed", "--x", "tokens", "--y", "accuracy"});
  CHECK(says(names, ">seed=2 (n = 1)</text>"));
  CHECK(says(names, ">100 %</text>"));
  const std::string lengths = svg({"--x", "length"});
  CHECK(says(lengths, ">chance</text>"));
  CHECK(says(lengths, ">trained</text>"));
  const std::string costs = svg({"--x", "state_numbers", "--y", "token_accuracy@40"});
  CHECK(says(costs, ">token_accuracy@40 by state_numbers</text>"));
  CHECK(says(costs, "<circle "));
  const ProgramEnd png = compared({run.path, "--png", folder / "figure.png"});
  CHECK_MESSAGE(png.code == 0, png.err);
  CHECK(get(folder / "figure.png").substr(1, 3) == "PNG");
}

TEST_CASE("compare: what it refuses") {
  const Folder folder;
  MadeRun run{.path = folder / "run"};
  run.make();
  std::filesystem::create_directory(folder / "empty");
  const auto refused = [&](const std::vector<std::string>& given, int code,
                           const std::string& sentence) {
    const ProgramEnd e = compared(given);
    CHECK(e.code == code);
    CHECK(e.out == "");
    CHECK_MESSAGE(says(e.err, sentence), e.err);
    CHECK(lines_in(e.err) == 1);
  };
  const std::string out = folder / "page.html", svg = folder / "figure.svg";
  refused({"--out", out}, 2, "which runs?");
  refused({run.path}, 2, "--out is missing");
  refused({folder / "absent", "--out", out}, 3, "there is no such folder");
  refused({folder / "absent-*", "--out", out}, 3, "no folder has such a name");
  refused({folder / "empty", "--out", out}, 3, "no config.ini in it");
  refused({run.file("config.ini"), "--out", out}, 3, "got a file");
  refused({run.path, "--out", folder / "no/page.html"}, 5, "no/page.html");
  refused({run.path, "--out", out, "--y", "loss"}, 2, "--svg or --png");
  refused({run.path, "--svg", svg, "--y", "lose"}, 2, "--y: expected one of accuracy, ");
  refused({run.path, "--svg", svg, "--x", "time"}, 2, "--x: expected one of ");
  refused({run.path, "--svg", svg, "--group", "layer"}, 2, "did you mean layers?");
  refused({run.path, "--svg", svg, "--x", "length"}, 2, "which no run has");
  refused({run.path, "--svg", svg, "--x"}, 2, "--x");
}
