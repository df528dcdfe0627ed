// The user's own sequences, from the example in Python to a judged model.
#include <doctest/doctest.h>

#include "core/base/json.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

const std::string kModel =
    "--model pointer --layers 1 --width 8 --feed-forward 8 --batch 4 --threads 1 --quiet ";

std::string python(const std::string& script, const Folder& folder) {
  return "cd '" + folder.path() + "' && /usr/bin/python3 " GNOMON_SOURCE_DIR "/tasks/" + script;
}

}  // namespace

TEST_CASE(
    "program, sequences: twenty lines of Python, a check, a run, every test line judged once") {
  const Folder folder;
  REQUIRE(std::system(python("reverse.py", folder).c_str()) == 0);
  const std::string data = folder / "reverse", run = folder / "run";
  const ProgramEnd check = gnomon_run({"tasks", "--check", data});
  CHECK(check.code == 0);
  CHECK(check.err == "");
  CHECK(check.out.starts_with(data + ": say it backwards: 11 tokens\ntrain "));
  CHECK(check.out.find("\nlength 16: 166 test lines, chance ") != std::string::npos);

  const ProgramEnd trained = gnomon_run(words(
      "train --task sequences --length 32 --steps 4 --validate-every 2 --validate-batches 2 " +
          kModel + "--folder",
      data, "--out", run));
  CHECK_MESSAGE(trained.code == 0, trained.err);
  CHECK(get(run + "/metrics.jsonl").find("\"validation_accuracy\":") != std::string::npos);
  CHECK(get(run + "/config.ini").find("folder = " + data + "\n") != std::string::npos);

  // All lengths that there are, and of each all lines, in parts that do not matter.
  const auto judged = [&](const std::string& more) {
    const ProgramEnd e =
        gnomon_run(words("eval --quiet --threads 1 --json - " + more + " --run", run));
    CHECK_MESSAGE(e.code == 0, e.err);
    return parse_json(e.out, "eval").at("results");
  };
  const Json all = judged("");
  REQUIRE(all.size() == 3);
  CHECK(all[0].at("length") == 16);
  CHECK(all[0].at("tokens") == 166 * 8);
  CHECK(all[2].at("length") == 64);
  CHECK(all[2].at("tokens") == 166 * 32);
  const Json parts = judged("--batch 7");
  for (size_t i = 0; i < 3; ++i) {
    CHECK(parts[i].at("tokens") == all[i].at("tokens"));
    CHECK(parts[i].at("token_accuracy") == all[i].at("token_accuracy"));
    CHECK(parts[i].at("exact_match") == all[i].at("exact_match"));
  }
  CHECK(judged("--batch 7 --batches 2 --lengths 32")[0].at("tokens") == 14 * 16);

  const auto refused = [&](const std::string& more, int code, const std::string& says) {
    const ProgramEnd e = gnomon_run(words(more));
    CHECK(e.code == code);
    CHECK_MESSAGE(e.err.find(says) != std::string::npos, e.err);
  };
  refused("eval --lengths 12 --run " + run, 2,
          "--lengths: expected lengths of test sequences, which are 16, 32, 64, got 12");
  refused("eval --lengths 16 --batches 2 --run " + run, 2, "--batches: expected at most 1");
  refused("inspect --length 20 --out page.html --run " + run, 2, "expected one of 16, 32, 64");
  const ProgramEnd page = gnomon_run(words("inspect --out", folder / "page.html", "--run", run));
  CHECK_MESSAGE(page.code == 0, page.err);

  // Writing needs the run alone; judging and resuming need the folder, as it was.
  const std::string away = folder / "away";
  std::filesystem::rename(data, away);
  const ProgramEnd wrote =
      gnomon_run({"generate", "--run", run, "--prompt", "1 7 3 |", "--tokens", "3"});
  CHECK_MESSAGE(wrote.code == 0, wrote.err);
  CHECK(wrote.out.starts_with("1 7 3 | "));
  refused("eval --run " + run, 3, "/reverse: there is no such folder");
  // The same data elsewhere is no other configuration.
  const std::string second = folder / "second";
  const auto train = [&](const std::string& at, const std::string& out) {
    return gnomon_run(words("train --task sequences --length 32 --steps 4 --seed 2 " + kModel +
                                "--validate-every 2 --validate-batches 2 --folder",
                            at, "--out", out));
  };
  REQUIRE(train(away, second).code == 0);
  const ProgramEnd both = gnomon_run({"compare", run, second, "--out", folder / "both.html"});
  CHECK_MESSAGE(both.out.find("2 runs in 1 group") != std::string::npos, both.out);
  // A run that was killed before it had its config.ini begins anew over what it keeps; other files
  // stay.
  const std::string killed = folder / "killed", kept = killed + "/sequences.json";
  std::filesystem::create_directories(killed);
  put(kept, get(second + "/sequences.json"));
  CHECK(train(away, killed).code == 0);
  std::filesystem::remove_all(killed);
  std::filesystem::create_directories(killed);
  put(kept, "mine");
  CHECK(train(away, killed).code == 2);
  CHECK(get(kept) == "mine");
  std::filesystem::rename(away, data);
  put(data + "/test.jsonl",
      get(data + "/test.jsonl") + R"({"tokens": [1, 2, 3], "next": 0})" + "\n");
  refused("eval --run " + run, 3, "the data is not that it was trained on");
  refused("train --resume " + run, 3, "the data is not that it was trained on");
}

TEST_CASE("program, sequences: a wrong folder is one sentence, and nothing is written") {
  const Folder folder;
  REQUIRE(std::system(python("reverse.py", folder).c_str()) == 0);
  const std::string data = folder / "reverse", run = folder / "run";
  put(data + "/train.jsonl", get(data + "/train.jsonl") + "{\"tokens\": [1, 99], \"next\": 0}\n");
  const std::string said = data +
                           "/train.jsonl: line 19995: tokens[1]: expected a whole number from 0 to "
                           "10, got '99'\n";
  const ProgramEnd check = gnomon_run({"tasks", "--check", data});
  CHECK(check.code == 3);
  CHECK(check.err == "gnomon: " + said);
  const ProgramEnd train = gnomon_run(
      words("train --task sequences --length 32 " + kModel + "--folder", data, "--out", run));
  CHECK(train.code == 3);
  CHECK(train.err == "gnomon: " + said);
  CHECK(!std::filesystem::exists(run));
  CHECK(gnomon_run({"tasks", "--overlap", "allowed"}).code == 2);
  CHECK(gnomon_run(words("train --task sequences --length 32 " + kModel + "--out", run))
            .err.starts_with("gnomon: --folder: expected a folder with data.json"));
}
