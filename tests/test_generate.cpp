// gnomon generate: what it prints, and what it refuses.
#include <doctest/doctest.h>

#include "tests/program.hpp"

using namespace gnomon;

namespace {

/// A folder with a run on text, whose text is gone, and a run on numbers with learned positions.
const Folder& fixture() {
  static const Folder folder;
  static const bool made = [] {
    const std::string tiny = " --width 8 --feed-forward 8 --batch 2 --threads 1 --quiet ";
    std::string text;
    for (int i = 0; i < 200; ++i) text += "to be, or not to be, that is the question. ";
    put(folder / "text", text);
    const Ended bytes = gnomon_run(
        words("train --model pointer --task text --length 20 --steps 30 --validation 0.2" + tiny +
                  "--file",
              folder / "text", "--out", folder / "text-run"));
    REQUIRE_MESSAGE(bytes.code == 0, bytes.err);
    std::filesystem::remove(folder / "text");
    const Ended numbers = gnomon_run(
        words("train --model transformer --task copy --payload 2 --symbols 4 --length 5 --steps 2 "
              "--heads 1 --position learned --max-length 16" +
                  tiny + "--out",
              folder / "copy-run"));
    REQUIRE_MESSAGE(numbers.code == 0, numbers.err);
    return true;
  }();
  REQUIRE(made);
  return folder;
}

std::string generated(const std::string& run, const std::string& prompt,
                      const std::string& options) {
  const Ended e =
      gnomon_run(words("generate " + options + " --run", fixture() / run, "--prompt=" + prompt));
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(e.err == "");
  return e.out;
}

void check_refused(const std::string& options, const std::string& run, int code,
                   const std::string& says) {
  const Ended e = gnomon_run(words("generate " + options + " --run", run));
  CAPTURE(options);
  CHECK(e.code == code);
  CHECK(e.out == "");
  CHECK_MESSAGE(e.err.starts_with("gnomon: "), e.err);
  CHECK_MESSAGE(e.err.find(says) != std::string::npos, e.err);
}

}  // namespace

TEST_CASE("generate: text is bytes, goes on from any place, and needs no training text") {
  const std::string prompt = "to be, \xff or";
  const std::string all = generated("text-run", prompt, "--tokens 12");
  CHECK(all.size() == prompt.size() + 12 + 1);
  CHECK(all.starts_with(prompt));
  CHECK(all.back() == '\n');
  CHECK(generated("text-run", prompt, "--tokens 12 --threads 2 --seed 9") == all);  // greedy
  const std::string half = all.substr(0, prompt.size() + 5);
  CHECK(generated("text-run", half, "--tokens 7") == all);
}

TEST_CASE("generate: at a temperature, the seed decides") {
  const std::string one = generated("text-run", "to", "--tokens 40 --temperature 2 --seed 1");
  CHECK(generated("text-run", "to", "--tokens 40 --temperature 2 --seed 1") == one);
  CHECK(generated("text-run", "to", "--tokens 40 --temperature 2 --seed 2") != one);
  CHECK(generated("text-run", "to", "--tokens 40 --temperature 1e-9") ==
        generated("text-run", "to", "--tokens 40"));
}

TEST_CASE("generate: several samples at once, of which the first is the one written alone") {
  const std::string alone = generated("text-run", "to be", "--tokens 20 --temperature 1 --seed 3");
  const std::string three =
      generated("text-run", "to be", "--tokens 20 --temperature 1 --seed 3 --samples 3");
  CHECK(three.starts_with("--- 1\n" + alone + "\n--- 2\nto be"));
  CHECK(three.find("\n--- 3\nto be") != std::string::npos);
  CHECK(three.size() == 3 * (alone.size() + 6) + 2);
  CHECK(generated("text-run", "to be", "--tokens 20 --temperature 1 --seed 3 --samples 3") ==
        three);
  const std::string greedy = generated("text-run", "to be", "--tokens 20 --samples 2");
  const std::string one = generated("text-run", "to be", "--tokens 20");
  CHECK(greedy == "--- 1\n" + one + "\n--- 2\n" + one);
}

TEST_CASE("generate: a long prompt is read in pieces, with the same result") {
  std::string prompt;
  while (prompt.size() < 2500) prompt += "to be, or not to be, that is the question. ";
  const std::string all = generated("text-run", prompt, "--tokens 12");
  CHECK(generated("text-run", all.substr(0, prompt.size() + 5), "--tokens 7") == all);
}

TEST_CASE("generate: of other tasks, tokens are numbers") {
  const std::string all = generated("copy-run", " 3, 1  2,0", "--tokens 13");  // 16 positions
  CHECK(all.starts_with("3 1 2 0 "));
  CHECK(std::count(all.begin(), all.end(), ' ') == 16);
}

TEST_CASE("generate: what it refuses") {
  const std::string text = fixture() / "text-run", copy = fixture() / "copy-run";
  check_refused("--prompt=x --tokens 0", text, 2, "--tokens");
  check_refused("--prompt=x --tokens many", text, 2, "--tokens");
  check_refused("--prompt=x --temperature -1", text, 2, "--temperature");
  check_refused("--prompt=x --temperature nan", text, 2, "--temperature");
  check_refused("--prompt=x --top 3", text, 2, "unknown option 'top'");
  check_refused("--prompt=x --iterations 3", text, 2, "--iterations: expected a model");
  check_refused("--prompt=x --tokens 3 --tokens 4", text, 2, "twice");
  check_refused("", text, 2, "--prompt: expected at least one token");
  check_refused("--prompt=,", copy, 2, "--prompt: expected at least one token");
  check_refused("--prompt=1,x", copy, 2, "--prompt: token");
  check_refused("--prompt=1,99", copy, 2, "--prompt: token");
  check_refused("--prompt=1,-2", copy, 2, "--prompt: token");
  check_refused("--prompt=1,2 --tokens 16", copy, 2, "expected at most 15 after a prompt of 2");
  check_refused("--prompt=x", fixture() / "nowhere", 3, "config.ini");
  std::filesystem::copy(text, fixture() / "damaged");
  put(fixture() / "damaged/model.safetensors", "foreign");
  check_refused("--prompt=x", fixture() / "damaged", 3, "model.safetensors");
  const Ended e = gnomon_run(words("generate --prompt x"));
  CHECK(e.code == 2);
  CHECK(e.err.find("--run is missing") != std::string::npos);
}
