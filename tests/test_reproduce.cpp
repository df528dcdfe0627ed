// gnomon reproduce: a rehearsal with two training steps a run.
#include <doctest/doctest.h>

#include "tests/program.hpp"

using namespace gnomon;

TEST_CASE("reproduce: the report is complete, and only what is missing is done again") {
  const Folder folder;
  const std::string out = folder / "all",
                    run = "reproduce --quick --seeds 1 --steps 2 --longest 256";
  const Ended first = gnomon_run(words(run + " --out", out));
  REQUIRE_MESSAGE(first.code == 0, first.err);
  CHECK(first.err.find("26 left: bench --models transformer,pointer,longformer") !=
        std::string::npos);
  const std::string markdown = get(out + "/reproduction.md"),
                    html = get(out + "/reproduction.html");
  for (const std::string part :
       {"## Copying", "| the paper: pointer | - | 4.38 % |", "| pointers among K candidates |",
        "| Longformer: window 128", "| control: uniform softmax |", "## Speed", "| 256 | 0.48 |",
        "ln 20 = 2.9957", "## How far the pointers reach", "| dense, layer 3 |", "15.8 x",
        "vocabulary 10,000", "## What holds, and what does not", "gnomon train --config"})
    CHECK_MESSAGE(markdown.find(part) != std::string::npos, part);
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(html.find("<polyline") != std::string::npos);
  CHECK(html.find("src=") == std::string::npos);

  const Ended again = gnomon_run(words(run + " --out", out));
  CHECK(again.code == 0);
  CHECK(again.err == "");
  CHECK(get(out + "/reproduction.md") == markdown);

  // Stopped between training and judging: the judging alone is left, and gives the same report.
  std::filesystem::remove(out + "/uniform-1/eval.json");
  const Ended rest = gnomon_run(words(run + " --out", out));
  CHECK_MESSAGE(rest.code == 0, rest.err);
  CHECK(rest.err.find("2 left: train") != std::string::npos);
  CHECK(get(out + "/reproduction.md") == markdown);
}

TEST_CASE("reproduce: a command that fails ends it with its sentence and exit code") {
  const Folder folder;
  put(folder / "file", "");
  const Ended e = gnomon_run(words("reproduce --quick --out", folder / "file"));
  CHECK(e.code == 5);
  CHECK(e.err.find("cannot be made") != std::string::npos);
  CHECK(gnomon_run({"reproduce", "--fast"}).code == 2);
}
