// gnomon reproduce: a rehearsal with two training steps a run.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/program.hpp"

using namespace gnomon;

TEST_CASE("reproduce: the report is complete, and only what is missing is done again") {
  const Folder folder;
  const std::string out = folder / "all",
                    run = "reproduce --quick --seeds 1 --steps 2 --longest 256";
  // Moved away from its sources, of which it knows no path.
  const std::string moved = folder / "moved";
  std::filesystem::copy(GNOMON_PROGRAM, moved);
  CHECK(get(moved).find(GNOMON_SOURCE_DIR "/tools") == std::string::npos);
  const ProgramEnd first = Program(words(run + " --out", out), moved).wait();
  REQUIRE_MESSAGE(first.code == 0, first.err);
  CHECK(first.err.find("10 left: pointer, seed 1") != std::string::npos);
  CHECK(first.err.find("gnomon bench --models transformer,pointer,longformer") !=
        std::string::npos);
  const std::string markdown = get(out + "/reproduction.md"),
                    html = get(out + "/reproduction.html");
  for (const std::string& part : std::vector<std::string>{
           "## Copying", "| the paper: pointer | - | 4.38 % |", "| pointers among K candidates |",
           "| Longformer: window 128", "| control: uniform softmax |", "## Speed", "| 256 | 0.48 |",
           "ln 20 = 2.9957", "## How far the pointers reach", "| dense, layer 3 |", "15.8 x",
           "vocabulary 10,000", "## What holds, and what does not",
           "gnomon sweep " + out + "/plans/reproduction.ini --out " + out +
               " --seeds 1 --set steps=2 --set",
           std::string("gnomon train --config")})
    CHECK_MESSAGE(markdown.find(part) != std::string::npos, part);
  for (const auto& entry : std::filesystem::directory_iterator(out + "/recipes"))
    CHECK(get(entry.path()) ==
          get(GNOMON_SOURCE_DIR "/tools/recipes/" + entry.path().filename().string()));
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(html.find("<polyline") != std::string::npos);
  CHECK(html.find("src=") == std::string::npos);

  const ProgramEnd again = gnomon_run(words(run + " --out", out));
  CHECK(again.code == 0);
  CHECK(again.err == "");
  CHECK(get(out + "/reproduction.md") == markdown);

  // Stopped between training and judging: the judging alone is left, and gives the same report.
  std::filesystem::remove(out + "/runs/uniform/1/eval.json");
  const ProgramEnd rest = gnomon_run(words(run + " --out", out));
  CHECK_MESSAGE(rest.code == 0, rest.err);
  CHECK(rest.err.find("left: uniform, seed 1") != std::string::npos);
  CHECK(get(out + "/reproduction.md") == markdown);

  // What was measured beside something else is marked, and no sentence rests on it.
  for (const std::string noisy : {"", "bench.json", "bench-composed.json"}) {
    CAPTURE(noisy);
    for (const std::string name : {"bench.json", "bench-composed.json"}) {
      nlohmann::json all = nlohmann::json::parse(get(out + "/" + name));
      for (auto& row : all.at("results"))
        row.at("noisy") = name == noisy && row.at("model") == "pointer";
      put(out + "/" + name, all.dump());
    }
    const ProgramEnd e = gnomon_run(words(run + " --out", out));
    CHECK(e.code == 0);
    CHECK(e.err == "");
    const std::string report = get(out + "/reproduction.md");
    const auto says = [&](const char* what) { return report.find(what) != std::string::npos; };
    CHECK(says("the table above says from where on") == noisy.empty());
    CHECK(says("nothing can be said") == !noisy.empty());
    CHECK(says("(noisy)") == !noisy.empty());
  }

  // The commands at the end are true: the sweep they name finds nothing to do.
  const ProgramEnd named = gnomon_run(words("sweep " + out + "/plans/reproduction.ini --out " +
                                            out + " --seeds 1 --set steps=2 --set eval.batches=1"));
  CHECK_MESSAGE(named.code == 0, named.err);
  CHECK(named.err == "");

  // What other options made is no result of these: measured anew where that is cheap, ...
  const std::string elsewhere = folder / "elsewhere";
  std::filesystem::rename(out, elsewhere);  // the folder's name is no option
  const ProgramEnd longer =
      gnomon_run(words("reproduce --quick --seeds 1 --steps 2 --longest 512 --out", elsewhere));
  CHECK_MESSAGE(longer.code == 0, longer.err);
  CHECK(longer.err.find("left: ") == std::string::npos);
  CHECK(longer.err.find("gnomon bench --models transformer,pointer,longformer") !=
        std::string::npos);
  CHECK(longer.err.find("gnomon bench --models transformer,pointer --attention composed") !=
        std::string::npos);
  // ... and refused where days of training may be in it.
  for (const std::string other : {"--steps 3", ""}) {
    const ProgramEnd refused = gnomon_run(
        words("reproduce --quick --seeds 1 " + other + " --longest 512 --out", elsewhere));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("/runs/pointer/1: this run has steps = 2") != std::string::npos);
  }
}

TEST_CASE("reproduce: a command that fails ends it with its sentence and exit code") {
  const Folder folder;
  put(folder / "file", "");
  const ProgramEnd e = gnomon_run(words("reproduce --quick --out", folder / "file"));
  CHECK(e.code == 5);
  CHECK(e.err.find("cannot create the folder") != std::string::npos);
  CHECK(gnomon_run({"reproduce", "--fast"}).code == 2);
}
