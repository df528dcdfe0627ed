// `gnomon sweep`: slips of the user, damaged files, data that moved.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/sweeps.hpp"

using namespace gnomon;

namespace {

namespace fs = std::filesystem;

/// `text` with the first `from` replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("sweep: what would fail after training is refused before it, with its line") {
  const Folder folder;
  const std::string row = "[row a]\n" + kModel, plan = folder / "plan.ini", out = folder / "out";
  const std::string tuned = "tune.seeds = 9\n" + row + "tune.clip = 1 ; 2\n";
  struct Slip {
    std::string plan, sentence;
  };
  for (const auto& [text, sentence] : std::vector<Slip>{
           {with(row, "batches = 1", "batches = abc"), "line 13: [row a]: --batches: expected"},
           {with(row, "eval.batch = 4", "eval.batch = -1"), "line 14: [row a]: --batch: expected"},
           {with(row, "9,20", "9,twenty"), "line 12: [row a]: --lengths: expected a whole number"},
           {with(row, "9,20", ""), "line 12: [row a]: --lengths is missing"},
           {with(row, "9,20", "20,1"), "line 12: [row a]: "},
           {"tune.by = bits-per-byte\n" + tuned, "line 1: tune.by: [row a] has no bits-per-byte"},
           {"tune.lengths = 1\n" + tuned, "[row a]: "},
           {row + "[command x]\nwords = bensh --lengths 8\nresult = x\n",
            "line 16: [command x]: unknown command 'bensh'"},
       }) {
    const auto& current_text = text;
    CAPTURE(current_text);
    put(plan, text);
    const ProgramEnd ended = sweep(plan, out);
    CHECK(ended.code == 2);
    CHECK_MESSAGE(ended.err.find(sentence) != std::string::npos, ended.err);
    CHECK(!fs::exists(out));
  }
  put(plan, row);
  const ProgramEnd set = sweep(plan, out, "--set seeds=3");
  CHECK(set.code == 2);
  CHECK_MESSAGE(set.err.find("plan.ini: --set: seeds belongs to the top") != set.err.npos, set.err);
  CHECK(sweep(plan, out, "--seeds 1 --ledger " + (folder / "ledger")).code == 2);
}

TEST_CASE("sweep: what is set on the command line is not chosen among candidates any more") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "tune.seeds = 9\n[row a]\n" + kModel + "tune.clip = 1 ; 2\n[row b]\nlike = a\n");
  REQUIRE(sweep(plan, out, "--set clip=3").code == 0);
  CHECK(get(out + "/runs/a/1/config.ini").find("clip = 3") != std::string::npos);
  CHECK(!fs::exists(out + "/runs/a/tuning"));
}

TEST_CASE("sweep: damaged files of finished runs are made anew, not a reason to end") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out", run = out + "/runs/a/1/";
  put(plan, "tune.seeds = 9\n[row a]\n" + kModel + "tune.clip = 1 ; 2\n");
  REQUIRE(sweep(plan, out).code == 0);
  const std::string before = table(out), done = get(run + "done.json");
  const std::string tuning = out + "/runs/a/tuning/clip=1/9/";
  for (const std::string& file : {run + "eval.json", tuning + "eval.json", run + "done.json"})
    for (const std::string bad :
         {"", "{", "[]", "{\"results\":5}", "{\"status\":5,\"code\":\"x\"}"}) {
      CAPTURE(file);
      CAPTURE(bad);
      put(file, bad);
      CHECK(sweep(plan, out, "--dry-run").code == 0);
      const ProgramEnd again = sweep(plan, out);
      CHECK_MESSAGE(again.code == 0, again.err);
      CHECK(table(out) == before);
    }
  // Without the hash of what was judged it is judged again, for it may be anything.
  put(run + "done.json", with(done, "\"judged\"", "\"judgod\""));
  put(run + "eval.json", "{\"results\": \"x\"}");
  CHECK(sweep(plan, out).code == 0);
  CHECK(table(out) == before);
}

TEST_CASE("sweep: data that moved is found again, in training and in judging") {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "abcdefgh "[static_cast<size_t>(i * i % 9)];
  put(folder / "old.txt", text);
  const auto plan_of = [&](const std::string& file, const std::string& more) {
    return "[row a]\nmodel = pointer\ntask = text\nfile = " + (folder / file) +
           "\nlength = 16\nlayers = 1\nwidth = 8\nfeed-forward = 8\nbatch = 4\nsteps = 4\n"
           "eval.lengths = 16\neval.batches = 1\neval.batch = 4\n" +
           more;
  };
  const std::string plan = folder / "plan.ini", out = folder / "out", run = out + "/runs/a/1/";
  put(plan, plan_of("old.txt", ""));
  REQUIRE(sweep(plan, out).code == 0);
  const std::string before = table(out), model = get(run + "model.safetensors");
  fs::rename(folder / "old.txt", folder / "new.txt");
  put(plan, plan_of("new.txt", "eval.seed = 9\n"));
  CHECK(sweep(plan, out).code == 2);  // the sweep sets it
  put(plan, plan_of("new.txt", "eval.selection = soft\n"));
  const ProgramEnd anew = sweep(plan, out);
  REQUIRE_MESSAGE(anew.code == 0, anew.err);
  CHECK(get(run + "model.safetensors") == model);
  CHECK(get(run + "config.ini").find("new.txt") != std::string::npos);
  put(plan, plan_of("new.txt", ""));
  CHECK(sweep(plan, out).code == 0);
  CHECK(split(table(out), '\n')[0].find("\"label\"") != std::string::npos);
  // Killed after the training: what is judged lies elsewhere again.
  fs::rename(folder / "new.txt", folder / "third.txt");
  put(plan, plan_of("third.txt", ""));
  fs::remove(run + "done.json");
  const ProgramEnd third = sweep(plan, out);
  CHECK_MESSAGE(third.code == 0, third.err);
  const auto weights = [](const std::string& file) { return file.substr(file.size() - 2000); };
  CHECK(weights(get(run + "model.safetensors")) == weights(model));  // what precedes them has moved
  // Other data under the same name is another run.
  put(folder / "third.txt", text + "more");
  const ProgramEnd other = sweep(plan, out);
  CHECK(other.code == 2);
  CHECK_MESSAGE(other.err.find("has learned from other data") != std::string::npos, other.err);
}

TEST_CASE("sweep: a dry run counts what is begun, retried and taken over") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "seeds = 1,2\n[row a]\n" + kModel);
  REQUIRE(sweep(plan, out).code == 0);
  const ProgramEnd taken = sweep(plan, folder / "other", "--dry-run --reuse " + out);
  CHECK(taken.code == 0);
  CHECK_MESSAGE(taken.out.find("taken over") != std::string::npos, taken.out);
  CHECK(taken.out.find("about 0:00") != std::string::npos);
  CHECK(!fs::exists(folder / "other"));
  for (const std::string seed : {"1", "2"}) fs::remove(out + "/runs/a/" + seed + "/done.json");
  const std::string log = out + "/runs/a/2/metrics.jsonl";
  put(log, "{\"step\":4,\"seconds\":4000}\n");
  put(out + "/runs/a/1/metrics.jsonl", "");
  const ProgramEnd begun = sweep(plan, out, "--dry-run");
  CHECK(begun.code == 0);
  CHECK_MESSAGE(begun.out.find("3:20:00") != std::string::npos, begun.out);  // 12 steps of 1,000 s
}

TEST_CASE("sweep: a dry run counts the steps of choosing apart from those of what is reported") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "tune.seeds = 9\ntune.steps = 2\n[row a]\n" + kModel + "tune.clip = 1 ; 2\n");
  REQUIRE(sweep(plan, out).code == 0);
  const auto log = [&](const std::string& run, const std::string& line) {
    put(out + "/runs/a/" + run + "/metrics.jsonl", line + "\n");
  };
  log("tuning/clip=1/9", "{\"step\":2,\"seconds\":2000}");
  log("tuning/clip=2/9", "{\"step\":2,\"seconds\":2000}");
  log("1", "{\"step\":8,\"seconds\":8000}");
  const ProgramEnd done = sweep(plan, out, "--dry-run");
  CHECK_MESSAGE(done.out.find("about 0:00 ") != std::string::npos, done.out);
  std::filesystem::remove_all(out + "/runs/a/1");
  const ProgramEnd left = sweep(plan, out, "--dry-run");  // 8 steps of 1,000 s
  CHECK_MESSAGE(left.out.find("about 2:13:20 ") != std::string::npos, left.out);
  std::filesystem::remove_all(out + "/runs/a/tuning/clip=2");
  const ProgramEnd both = sweep(plan, out, "--dry-run");  // and 2 of a candidate
  CHECK_MESSAGE(both.out.find("about 2:46:40 ") != std::string::npos, both.out);
}

TEST_CASE("sweep: a command runs once, and must leave its result") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", out = folder / "out";
  put(plan, "[row a]\n" + kModel + "[command list]\nwords = models\nresult = list.json\n");
  const ProgramEnd ended = sweep(plan, out);
  CHECK(ended.code == 4);
  CHECK_MESSAGE(ended.err.find("list: it ended well and did not write '") != std::string::npos,
                ended.err);
  put(plan,
      "[command eval]\nwords = eval --run @/runs/a/1 --lengths 9 --json @/e.json --quiet\n"
      "result = e.json\n");
  REQUIRE(sweep(plan, out).code == 0);
  const auto at = fs::last_write_time(out + "/e.json");
  Program one(words("sweep " + plan + " --quiet", "--out", out)),
      two(words("sweep " + plan + " --quiet", "--out", out));
  CHECK(one.wait().code == 0);
  CHECK(two.wait().code == 0);
  CHECK(fs::last_write_time(out + "/e.json") == at);
}

TEST_CASE("sweep: a figure in prose names its alternative, a ledger knows its seeds and judging") {
  const Folder folder;
  const std::string plan = folder / "plan.ini", ledger = folder / "ledger", page = folder / "page";
  const std::string text = "seeds = 1,2\n[row a]\n" + kModel + "clip = 1 ; 2\n";
  put(plan, text);
  REQUIRE(sweep(plan, folder / "out", "--ledger " + ledger).code == 0);
  const auto render = [&](const std::string& what) {
    return gnomon_run(words("sweep " + plan + " --ledger " + ledger + " --" + what + " " + page));
  };
  put(page, "<!-- = plan/a/20/steps -->1\n");
  CHECK(render("write").code == 3);
  CHECK(render("write").err.find("row a has alternatives: write a clip=") != std::string::npos);
  put(page, "<!-- = plan/a clip=2/20/steps -->1\n");
  CHECK(render("write").code == 0);
  CHECK(get(page) == "<!-- = plan/a clip=2/20/steps -->8\n");
  put(plan, with(text, "9,20", "9, 20"));
  CHECK(render("check").code == 0);
  struct Change {
    std::string from, to, sentence;
  };
  for (const auto& [from, to, sentence] :
       std::vector<Change>{{"seeds = 1,2", "seeds = 1,3", "seeds 1,2 (now 1,3)"},
                           {"seeds = 1,2", "seeds = 1,2\ndata-seed = 8", "\"data-seed\":\"1\""},
                           {"eval.batches = 1", "eval.batches = 2", "\"batches\":\"2\""}}) {
    put(plan, with(text, from, to));
    CHECK(render("check").code == 1);
    CHECK_MESSAGE(render("check").err.find(sentence) != std::string::npos, render("check").err);
  }
}
