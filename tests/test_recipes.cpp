// Every recipe is one that the program takes.
#include <doctest/doctest.h>

#include <filesystem>

#include "core/base/fields.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

const std::string kTools = GNOMON_SOURCE_DIR "/tools";

}  // namespace

TEST_CASE("recipes: each takes a step") {
  size_t taken = 0;
  for (const auto& file : std::filesystem::directory_iterator(kTools + "/recipes")) {
    const std::string recipe = file.path().string();
    CAPTURE(recipe);
    const Folder folder;
    std::vector<std::string> list =
        words("train --steps 1 --batch 1 --threads 1 --quiet --config", recipe);
    // Any text does here: that of Genesis need not be on this machine.
    if (get(recipe).find("task = text") != std::string::npos) {
      std::string text;
      for (int line = 0; line < 2000; ++line) text += fmt::format("{} In the beginning\n", line);
      put(folder / "text", text);
      list.insert(list.end(), {"--file", folder / "text"});
      if (get(recipe).find("pieces = ") != std::string::npos)  // more than so small a text carries
        list.insert(list.end(), {"--pieces", "300", "--length", "256"});
    }
    if (get(recipe).find("task = ") == std::string::npos)  // the general one
      list.insert(list.end(), {"--task", "copy"});
    list.insert(list.end(), {"--out", folder / "run"});
    const ProgramEnd ended = gnomon_run(list);
    CHECK_MESSAGE(ended.code == 0, ended.err);
    ++taken;
  }
  CHECK(taken > 15);
}
