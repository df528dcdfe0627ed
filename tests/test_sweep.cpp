// `gnomon sweep`: plans, what is finished, failures, choosing, the tables.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/sweeps.hpp"
#include "tools/sweep/plan.hpp"
#include "tools/training/experiment.hpp"

using namespace gnomon;

TEST_CASE("sweep: what a plan may not say is refused with its line, and nothing is written") {
  const Folder folder;
  const std::string row = "[row a]\n" + kModel;
  struct Bad {
    std::string plan, sentence;
  };
  const std::vector<Bad> all{
      {"seedz = 1\n" + row, "line 1: unknown option 'seedz'; did you mean 'seeds'?"},
      {"seeds = 1,1\n" + row, "line 1: seeds: seed 1 stands twice"},
      {"seeds = x\n" + row, "line 1: seeds: expected a whole number from 0"},
      {"seeds = 1\ntune.seeds = 1\n" + row, "seed 1 is in seeds and in tune.seeds"},
      {"data-seed = 5\ntune.seeds = 9\ntune.data-seed = 5\n" + row, "are both 5"},
      {"tune.by = luck\n" + row, "line 1: tune.by: expected one of token-accuracy"},
      {"budget.parameters = 5\n" + row, "line 1: budget.parameters: expected a percentage"},
      {row + "width = 16\n", "line 15: width stands twice in its section, first in line 7"},
      {row + row, "line 15: [row a] stands twice, first in line 1"},
      {row + "[rows b]\n", "line 15: expected [names], [all], [row NAME]"},
      {row + "[row b.c]\n", "line 15: [row b.c]: expected a name without '.'"},
      {row + "[row b\n", "line 15: expected a ']'"},
      {row + "widht = 16\n", "line 15: [row a]: unknown option 'widht'; did you mean 'width'?"},
      {row + "hidden = 16\n", "line 15: [row a]: unknown option 'hidden'"},
      {row + "steps\n", "line 15: expected name = value, got 'steps'"},
      {row + "heads = 3\n", "[row a]: "},
      {row + "seed = 3\n", "line 15: seed is set by the sweep itself"},
      {row + "tune.position = none ; rope\n", "line 15: tune.position: expected tune.seeds"},
      {row + "dropout = 0 ; 0.1\nclip = 1 ; 2 ; 3\ntogether = dropout clip\n",
       "line 16: clip: expected 2 values"},
      {row + "together = dropout\n", "line 15: together: the row has no line 'dropout'"},
      {row + "sources = {menu}\n", "line 15: there is no 'menu' in [names]"},
      {row + "recipe = nothing\n", "line 15: recipe: there is no"},
      {row + "[row b]\nlike = c\n", "line 16: like: expected the name of a row above"},
      {"[row a]\nmodel = pointer\n", "line 1: [row a]: eval.lengths is missing"},
      {row + "eval.batchez = 2\n", "line 15: [row a]: unknown option 'batchez'"},
      {row + "eval.recall = true ; false\n", "line 15: eval.recall: expected one value"},
      {row + "[command c]\nwords = bench\n", "line 15: [command c]: expected the lines words"},
      {"# nothing\n", "expected a [row NAME]"},
  };
  for (const Bad& bad : all) {
    CAPTURE(bad.plan);
    put(folder / "plan.ini", bad.plan);
    const ProgramEnd ended = sweep(folder / "plan.ini", folder / "out");
    CHECK(ended.code == 2);
    CHECK_MESSAGE(ended.err.find(bad.sentence) != std::string::npos, ended.err, bad.sentence);
    CHECK(!std::filesystem::exists(folder / "out"));
  }
  CHECK(sweep(folder / "none.ini", folder / "out").code == 3);
  CHECK(gnomon_run(words("sweep")).code == 2);
  CHECK(gnomon_run(words("sweep", folder / "plan.ini")).code == 2);
}

TEST_CASE("sweep: no option of an experiment has the name of a word of plans") {
  for (const std::string& model : registered_names<ModelKind>())
    for (const std::string& task : registered_names<Task>()) {
      ExperimentNames names;
      names.model = model, names.task = task;
      Experiment experiment{names};
      Options options;
      experiment.declare(options);
      for (const std::string& word : Plan::own_words()) CHECK(options.find(word) == nullptr);
    }
}

TEST_CASE("sweep: alternatives, lists in step, inheritance and precedence") {
  const Folder folder;
  put(folder / "r.ini", "model = pointer\ntask = mqar\nwidth = 8\nclip = 2\n");
  put(folder / "plan.ini",
      "[names]\nmenu = window:2,match:1\n[all]\nrecipe = r.ini\nclip = 3\n[row a]\n"
      "length = 32 ; 64\npairs = 2 ; 4\nlearning-rate = 0.1 ; 0.2\neval.lengths = 32 ; 64\n"
      "together = length pairs eval.lengths\nlabel = first\n[row b]\nlike = a\nclip = 4\n"
      "sources = {menu},run\nlearning-rate = 0.3\n");
  const Plan plan(folder / "plan.ini", {"clip=5"}, "");
  REQUIRE(plan.lines.size() == 6);
  CHECK(spelled(plan.lines[1].values) == "length=32 pairs=2 learning-rate=0.2");
  CHECK(spelled(plan.lines[3].values) == "length=64 pairs=4 learning-rate=0.2");
  CHECK(spelled(plan.lines[3].judging) == "lengths=64");
  CHECK(plan.lines[4].label == "b");
  CHECK(spelled(plan.lines[5].options) ==
        "clip=5 length=64 pairs=4 learning-rate=0.3 sources=window:2,match:1,run");
  CHECK(spelled(Plan(folder / "plan.ini", {}, "").lines[0].options).find("clip=3") == 0);
}

TEST_CASE("sweep: one plan and one command, again it runs nothing, a new judging judges anew") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "seeds = 1,2\n[row a]\n" + kModel + "learning-rate = 0.001 ; 0.003\n");
  const ProgramEnd dry = sweep(plan, out, "--dry-run");
  CHECK_MESSAGE(dry.code == 0, dry.err);
  CHECK(dry.out.find("about") != std::string::npos);
  CHECK(!std::filesystem::exists(out));
  const ProgramEnd first = sweep(plan, out);
  REQUIRE_MESSAGE(first.code == 0, first.err);
  const auto r = record(out, 1);
  CHECK(r.at("length") == 20);
  CHECK(r.at("n") == 2);
  CHECK(r.at("steps").at("high") == 8);
  const double low = r.at("token_accuracy").at("low"), high = r.at("token_accuracy").at("high");
  CHECK(r.at("token_accuracy").at("mean").get<double>() == doctest::Approx((low + high) / 2));
  CHECK(r.at("token_accuracy").at("sd").get<double>() ==
        doctest::Approx((high - low) / std::sqrt(2.0)));
  // The same as by hand.
  const std::string run = out + "/runs/a/learning-rate=0.001/2";
  const ProgramEnd list = sweep(plan, out, "--list");
  CHECK(list.out.find("gnomon train --model pointer") != std::string::npos);
  const auto done = nlohmann::json::parse(get(run + "/done.json"));
  CHECK(done.at("status") == "finished");
  CHECK(done.at("step") == 8);
  const auto at = std::filesystem::last_write_time(run + "/model.safetensors");
  const std::string before = table(out);
  CHECK(sweep(plan, out).code == 0);
  CHECK(table(out) == before);
  put(plan, get(plan) + "eval.selection = soft\n");
  CHECK(sweep(plan, out).code == 0);
  CHECK(std::filesystem::last_write_time(run + "/model.safetensors") == at);
  CHECK(get(run + "/eval.json").find("soft") != std::string::npos);
  // Only some of the rows.
  const ProgramEnd some = sweep(plan, folder / "some", "--rows none");
  CHECK(some.code == 2);
  CHECK(some.err.find("--rows: expected names of rows of ") != std::string::npos);

  // Another sweep takes finished runs over.
  const ProgramEnd taken = sweep(plan, folder / "other", "--reuse " + out);
  CHECK_MESSAGE(taken.code == 0, taken.err);
  CHECK(taken.err.find("taken over: a learning-rate=0.001, seed 1") != std::string::npos);
  CHECK(table(folder / "other") == table(out));
  // What is changed is refused, and left alone.
  put(plan, get(plan) + "clip = 2\n");
  const ProgramEnd refused = sweep(plan, out);
  CHECK(refused.code == 2);
  CHECK_MESSAGE(refused.err.find("clip = 1 (the plan: 2)") != std::string::npos, refused.err);
}

TEST_CASE("sweep: some of the rows only, the table and the ledger keep the others") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out", ledger = folder / "ledger";
  put(plan,
      "[row a]\n" + kModel + "[row ab]\nlike = a\nwidth = 12\n[row b]\nlike = a\nwidth = 16\n");
  CHECK(sweep(plan, out, "--rows b").code == 0);
  CHECK(std::filesystem::exists(out + "/runs/b/1/done.json"));
  CHECK(!std::filesystem::exists(out + "/runs/a"));
  CHECK(sweep(plan, out, "--ledger " + ledger + " --rows a*").code == 0);
  CHECK(std::filesystem::exists(out + "/runs/ab/1/done.json"));
  for (size_t line = 0; line < 6; ++line) CHECK(record(out, line).at("n") == 1);
  const std::string before = get(ledger);
  CHECK(split(before, '\n').size() == 7);
  CHECK(sweep(plan, out, "--ledger " + ledger + " --rows !a*").code == 0);
  CHECK(get(ledger) == before);
}

TEST_CASE(
    "sweep: what is judged by hand is judged anew, and only the rows asked for are run anew") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "[row a]\n" + kModel + "[row b]\nlike = a\nwidth = 12\n");
  REQUIRE(sweep(plan, out).code == 0);
  const std::string before = table(out), run = out + "/runs/a/1";
  REQUIRE(gnomon_run(words("eval --lengths 20 --batches 1 --quiet --run " + run + " --json",
                           run + "/eval.json"))
              .code == 0);
  CHECK(sweep(plan, out).code == 0);
  CHECK(table(out) == before);

  for (const std::string row : {"a", "b"}) {
    const std::string done = out + "/runs/" + row + "/1/done.json";
    auto record = nlohmann::json::parse(get(done));
    record["commit"] = "another";
    put(done, record.dump());
  }
  CHECK(sweep(plan, out, "--retry stale --rows b").code == 0);
  CHECK(std::filesystem::exists(run + "/done.json"));
  CHECK(get(out + "/runs/b/1/done.json").find("another") == std::string::npos);

  // A figure in prose, whatever stood there, and a length that was not measured.
  const std::string ledger = folder / "ledger", page = folder / "page.md";
  REQUIRE(sweep(plan, out, "--ledger " + ledger).code == 0);
  for (const std::string old : {"not run", "1.00 %", "7 - 9"}) {
    put(page, "x <!-- = plan/a/20/steps -->" + old +
                  ".\n<!-- sweep plan columns=label|steps@9|steps@10 -->\n<!-- end -->\n");
    const std::string to_page = "sweep " + plan + " --ledger " + ledger;
    CHECK(gnomon_run(words(to_page + " --write", page)).code == 0);
    CHECK(get(page).starts_with("x <!-- = plan/a/20/steps -->8.\n"));
    CHECK(get(page).find("| a | 8 | - |") != std::string::npos);
    CHECK(gnomon_run(words(to_page + " --check", page)).code == 0);
  }
}

TEST_CASE("sweep: killed at any moment, with one job or two, or two sweeps: the same table") {
  const Folder folder;
  const std::string plan = folder / "plan.ini";
  put(plan, "seeds = 1,2\ntune.seeds = 7\n[row a]\n" + kModel +
                "selection = soft ; gumbel\ntune.learning-rate = 0.001 ; 0.01\n");
  REQUIRE(sweep(plan, folder / "whole").code == 0);
  const std::string whole = table(folder / "whole");
  CHECK(split(get(folder / "whole" + "/chosen.jsonl"), '\n').size() >= 2);
  Random random(5);
  for (const char* jobs : {"--jobs 1", "--jobs 2"}) {
    const std::string out = folder / jobs;
    for (int kill = 0; kill < 4; ++kill) {
      Program program(words("sweep " + plan + " --quiet " + jobs, "--out", out));
      pause_ms(static_cast<int>(300 + random.below(1200)));
      program.send(SIGKILL);
      program.wait();
    }
    const ProgramEnd ended = gnomon_run(words("sweep " + plan + " --quiet " + jobs, "--out", out));
    CHECK_MESSAGE(ended.code == 0, ended.err);
    CHECK(table(out) == whole);
  }
  const std::string out = folder / "two";
  Program one(words("sweep " + plan + " --quiet", "--out", out)),
      two(words("sweep " + plan + " --quiet", "--out", out));
  const ProgramEnd a = one.wait(), b = two.wait();
  CHECK_MESSAGE(a.code == 0, a.err);
  CHECK_MESSAGE(b.code == 0, b.err);
  CHECK(table(out) == whole);
}

TEST_CASE("sweep: a signal stops the children, saved, and the same command goes on") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "[row a]\n" + kModel);
  Program program(words("sweep " + plan + " --quiet --set steps=2000", "--out", out));
  wait_until(program, [&] { return std::filesystem::exists(out + "/runs/a/1/metrics.jsonl"); });
  program.send(SIGTERM);
  const ProgramEnd ended = program.wait();
  CHECK(ended.code == 130);
  CHECK(ended.err.find("the same command goes on") != std::string::npos);
  CHECK(std::filesystem::exists(out + "/runs/a/1/checkpoint.safetensors"));
  CHECK(gnomon_run(words("sweep " + plan + " --quiet --set steps=2000", "--out", out)).code == 0);
}

TEST_CASE("sweep: what fails is said, counted and never hidden, the others complete") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "[row good]\n" + kModel +
                "[row bad]\nlike = good\nlearning-rate = 10\nweight-decay = 1\n" +
                "steps = 400\nwarmup = 0\nschedule = constant\n[row last]\nlike = good\n");
  const ProgramEnd ended = sweep(plan, out);
  CHECK(ended.code == 4);
  CHECK(ended.err.find("failed: bad, seed 1: step ") != std::string::npos);
  CHECK(ended.out.find("0 of 1, 1 failed") != std::string::npos);
  CHECK(record(out, 0).at("n") == 1);
  CHECK(record(out, 0).at("tokens_per_s").at("low") > 0);
  CHECK(record(out, 0).at("seconds").at("low") > 0);
  const auto bad = record(out, 2);
  CHECK(bad.at("n") == 0);
  CHECK(bad.at("token_accuracy").is_null());
  CHECK(bad.at("failed").at(0).at("code") == 4);
  CHECK(record(out, 3).at("row") == "last");
  // It would diverge again, and is not tried again unless that is asked for.
  const auto at = std::filesystem::last_write_time(out + "/runs/bad/1/done.json");
  CHECK(sweep(plan, out).code == 4);
  CHECK(std::filesystem::last_write_time(out + "/runs/bad/1/done.json") == at);
  CHECK(sweep(plan, out, "--retry failed").code == 4);
  CHECK(std::filesystem::last_write_time(out + "/runs/bad/1/done.json") != at);
}

TEST_CASE(
    "sweep: a run killed by the system, or too large for memory, is said, the others complete") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "[row long]\n" + kModel + "[row last]\nlike = long\n");
  const std::string begin = "sweep " + plan + " --quiet --set steps=400 --out ";
  REQUIRE(gnomon_run(words(begin + (folder / "whole"))).code == 0);
  Program program(words(begin + out));
  while (!std::filesystem::exists(out + "/runs/long/1/metrics.jsonl")) pause_ms(5);
  program.kill_children();
  const ProgramEnd ended = program.wait();
  CHECK_MESSAGE(ended.code == 4, ended.err);
  CHECK(ended.err.find("failed: long, seed 1: killed, perhaps since memory was short") !=
        std::string::npos);
  CHECK(ended.err.find("1 run failed; all others are finished") != std::string::npos);
  CHECK(record(out, 0).at("n") == 0);
  CHECK(record(out, 0).at("failed").at(0).at("code") == 137);
  CHECK(record(out, 2).at("n") == 1);
  CHECK(gnomon_run(words(begin + out)).code == 0);  // it has not diverged: it goes on
  CHECK(table(out) == table(folder / "whole"));

  put(plan, "[row small]\n" + kModel + "[row large]\nlike = small\nbatch = 65536\nlength = 4096\n");
  const ProgramEnd large =
      shell("ulimit -v 2000000; $gnomon sweep " + plan + " --quiet --out " + (folder / "large"));
  CHECK_MESSAGE(large.code == 4, large.err);
  CHECK(large.err.find("failed: large, seed 1: out of memory") != std::string::npos);
  CHECK(record(folder / "large", 0).at("n") == 1);
}

TEST_CASE("sweep: chosen on tuning seeds and data, the first of equals, failures cannot win") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "tune.seeds = 11,12\ntune.by = loss\n[row a]\n" + kModel +
                "tune.clip = 500000 ; 600000\n[row b]\nlike = a\nsteps = 400\nwarmup = 0\n"
                "schedule = constant\nweight-decay = 1\ntune.clip = 1\n"
                "tune.learning-rate = 10 ; 0.001\n");
  const ProgramEnd ended = sweep(plan, out);
  CHECK_MESSAGE(ended.code == 4, ended.err);  // the candidate that diverged is counted
  const auto lines = split(get(out + "/chosen.jsonl"), '\n');
  const auto a = nlohmann::json::parse(lines.at(0)), b = nlohmann::json::parse(lines.at(1));
  CHECK(a.at("winner") == "clip=500000");
  CHECK(a.at("candidates").at(0).at("mean") == a.at("candidates").at(1).at("mean"));
  CHECK(b.at("winner") == "clip=1 learning-rate=0.001");
  CHECK(std::filesystem::exists(out + "/runs/a/tuning/clip=500000/12/done.json"));
  CHECK(record(out, 0).at("tried") == 2);
  CHECK(record(out, 0).at("seeds") == nlohmann::json({1}));
}

TEST_CASE(
    "sweep: an option goes with the candidates that it belongs to, and with none is refused") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  const std::string row = "tune.seeds = 11\n[row a]\n" + kModel + "max-length = 64\n";
  put(plan, row + "tune.position = none ; learned\n");
  CHECK(sweep(plan, out).code == 0);
  CHECK(get(out + "/runs/a/tuning/position=learned/11/config.ini").find("max-length = 64") !=
        std::string::npos);
  put(plan, row + "tune.learning-rate = 0.001 ; 0.01\n");
  const ProgramEnd refused = sweep(plan, folder / "refused");
  CHECK(refused.code == 2);
  CHECK(refused.err.find("--max-length belongs to --position learned") != std::string::npos);
}

TEST_CASE("sweep: every plan of the project can be carried out as far as it is known") {
  for (const std::string name : {"ablation", "demo", "reproduction", "results"}) {
    CAPTURE(name);
    const ProgramEnd list = shell("cd " GNOMON_SOURCE_DIR " && $gnomon sweep tools/plans/" + name +
                                  ".ini --list --out /tmp/gnomon-no-such-folder");
    // Texts that no test can count on are the only thing that may be missing.
    if (list.code != 0)
      CHECK_MESSAGE(list.err.find("king-james.txt") != std::string::npos, list.err);
  }
}

TEST_CASE("sweep: pages are rendered from a ledger, and a wrong digit, option or marker is found") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", ledger = folder / "plan.jsonl",
                    page = folder / "page.md";
  put(plan, "[row a]\n" + kModel + "label = first\n[row b]\nlike = a\nsteps = 9\n");
  REQUIRE(sweep(plan, folder / "out", "--ledger " + ledger).code == 0);
  put(page,
      "before\n<!-- sweep plan columns=label:what|length|token_accuracy:tokens right -->\n"
      "<!-- end -->\nb alone:\n<!-- sweep plan columns=label|loss@20:loss rows=!a -->\nold\n"
      "<!-- end -->\nIt gets <!-- = plan/a/20/token_accuracy -->0 % and more.\n");
  const auto render = [&](const char* what) {
    return gnomon_run(words("sweep " + plan + " --ledger " + ledger + " --" + what + " " + page));
  };
  CHECK(render("check").code == 1);
  CHECK(render("write").code == 0);
  CHECK(render("check").code == 0);
  const std::string text = get(page);
  CHECK(text.find("| what | length | tokens right |\n|---|---|---|\n| first | 9") != text.npos);
  CHECK(text.find("| b | 0") == text.npos);  // a loss of guessing is above 1
  CHECK(text.find("old") == text.npos);
  CHECK(text.find(" % and more.") != text.npos);
  const auto fails_with = [&](const std::string& file, const std::string& from,
                              const std::string& to, int code, const std::string& sentence) {
    const std::string before = get(file);
    std::string changed = before;
    const size_t at = changed.find(from);
    REQUIRE(at != changed.npos);
    put(file, changed.replace(at, from.size(), to));
    const ProgramEnd ended = render("check");
    CHECK(ended.code == code);
    CHECK_MESSAGE(ended.err.find(sentence) != std::string::npos, ended.err);
    put(file, before);
  };
  fails_with(page, "| first | 9", "| first | 8", 1, "line 5: '| first | 8");
  fails_with(page, " % and more", ".5 % and more", 1, "and more");
  fails_with(page, "<!-- end -->", "<!-- fin -->", 1, "");
  fails_with(plan, "width = 8\n", "width = 16\n", 1, "row a was measured with width = 8 (now 16)");
  fails_with(plan, "eval.lengths = 9,20", "eval.lengths = 9", 1, "lengths 9,20 (now 9)");
  fails_with(ledger, "{\"plan\"", "{\"plan\":1,\"plan\"", 3, "line 1");
  put(plan, get(plan) + "[row c]\nlike = a\nclip = 3\n");
  CHECK(render("check").code == 1);
  CHECK(render("write").code == 0);
  CHECK(get(page).find("| c | not run |") != std::string::npos);
  // A sweep of some rows leaves the others' records as they are.
  CHECK(sweep(plan, folder / "out", "--ledger " + ledger).code == 0);
  CHECK(get(ledger).find("\"row\":\"c\"") != std::string::npos);
}

TEST_CASE("sweep: the project's pages are what its ledgers say, of the plans as they are") {
  const std::string root = GNOMON_SOURCE_DIR "/";
  for (const auto& [plan, page] :
       std::vector<std::pair<std::string, std::string>>{{"results", "models/RESULTS.md"},
                                                        {"card", "models/RESULTS.md"},
                                                        {"ablation", "nn/pointer/README.md"}}) {
    const auto& current_page = page;
    CAPTURE(current_page);
    const std::string name = root + "tools/plans/" + plan;
    const ProgramEnd ended = gnomon_run(
        words("sweep " + name + ".ini --ledger " + name + ".jsonl --check", root + page));
    CHECK_MESSAGE(ended.code == 0, ended.err);
    CHECK(get(root + page).find("<!-- sweep " + plan + " ") != std::string::npos);
  }
}
