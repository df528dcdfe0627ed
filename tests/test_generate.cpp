// gnomon generate: what it prints, and what it refuses.
#include <doctest/doctest.h>

#include <sstream>

#include "core/base/fields.hpp"
#include "core/base/json.hpp"
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
    const ProgramEnd bytes = gnomon_run(
        words("train --model pointer --task text --length 20 --steps 30 --validation 0.2" + tiny +
                  "--file",
              folder / "text", "--out", folder / "text-run"));
    REQUIRE_MESSAGE(bytes.code == 0, bytes.err);
    std::filesystem::remove(folder / "text");
    const ProgramEnd numbers = gnomon_run(
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
  const ProgramEnd e =
      gnomon_run(words("generate " + options + " --run", fixture() / run, "--prompt=" + prompt));
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(e.err == "");
  return e.out;
}

void check_refused(const std::string& options, const std::string& run, int code,
                   const std::string& says) {
  const ProgramEnd e = gnomon_run(words("generate " + options + " --run", run));
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

TEST_CASE("generate: one candidate, temperature 0 and a share of 1 write the same bytes") {
  const std::string greedy = generated("text-run", "to", "--tokens 40");
  for (const char* one : {"--top-k 1", "--top-p 0", "--min-p 1", "--top-p 1e-9 --top-k 3"}) {
    CAPTURE(one);
    CHECK(generated("text-run", "to", "--tokens 40 --temperature 2 " + std::string(one)) == greedy);
  }
}

TEST_CASE("generate: a text ends exactly before a stop") {
  const std::string all = generated("text-run", "to", "--tokens 60 --temperature 1.5");
  const std::string written = all.substr(2, 60);
  for (const size_t length : {1, 2, 5}) {
    const std::string stop = written.substr(30, length);
    const std::string before = written.substr(0, written.find(stop));
    const std::vector<std::string> two = words("--stop=" + stop, "--stop", "never there");
    std::vector<std::string> line = words("generate --tokens 60 --temperature 1.5 --run",
                                          fixture() / "text-run", "--prompt=to");
    line.insert(line.end(), two.begin(), two.end());
    const ProgramEnd e = gnomon_run(line);
    CAPTURE(stop);
    CHECK(e.code == 0);
    CHECK(e.out == "to" + before + "\n");
  }
  // What may become a stop, and does not, is written in the end.
  const ProgramEnd held =
      gnomon_run(words("generate --tokens 60 --temperature 1.5 --run", fixture() / "text-run",
                       "--prompt=to", "--stop=" + written.substr(50) + "x"));
  CHECK(held.out == all);
}

TEST_CASE("generate: of several samples each ends at its own stop") {
  const std::string options = "--tokens 30 --temperature 2 --samples 20";
  const std::string whole = generated("text-run", "to", options);
  const std::string cut = generated("text-run", "to", options + " --stop e");
  std::string expected;
  for (size_t at = 0, s = 1; s <= 20; ++s) {
    const std::string head = fmt::format("{}--- {}\n", s == 1 ? "" : "\n", s);
    at += head.size();
    const std::string text = whole.substr(at, 32);
    expected += head + text.substr(0, text.find('e')) + "\n";
    at += 33;
  }
  CHECK(cut == expected);
}

TEST_CASE("generate: a sample does not depend on how many there are, nor on the threads") {
  const std::string options = "--tokens 30 --temperature 1 --seed 5 --threads ";
  const std::string many = generated("text-run", "to", options + "3 --samples 37");
  CHECK(generated("text-run", "to", options + "1 --samples 37") == many);
  CHECK(many.starts_with(generated("text-run", "to", options + "1 --samples 2")));
  CHECK(many.starts_with(generated("text-run", "to", options + "2 --samples 17")));
}

TEST_CASE("generate: as JSON, one line a sample") {
  const std::string options = "--tokens 30 --temperature 2 --seed 5 --samples 3 ";
  const std::string lines = generated("text-run", "to", options + "--json --stop e");
  const std::string plain = generated("text-run", "to", options + "--stop e");
  std::string again;
  std::istringstream in(lines);
  size_t s = 0;
  for (std::string line; std::getline(in, line);) {
    const Json sample = parse_json(line, "a sample");
    CHECK(sample.at("seed") == 5);
    CHECK(sample.at("sample") == ++s);
    const bool met = sample.at("stop") == "e";
    CHECK((met || sample.at("stop").is_null()));
    std::string bytes;
    for (const int32_t token : sample.at("tokens")) bytes += static_cast<char>(token);
    CHECK(met == (bytes.find('e') != bytes.npos));
    if (met) bytes.pop_back();
    if (is_utf8(bytes)) CHECK(sample.at("text") == bytes);
    again += fmt::format("{}--- {}\nto{}\n", s == 1 ? "" : "\n", s, bytes);
  }
  CHECK(s == 3);
  CHECK(again == plain);
  const Json numbers =
      parse_json(generated("copy-run", "3 1", "--tokens 4 --json"), "a sample of numbers");
  CHECK(numbers.at("tokens").size() == 4);
  CHECK(numbers.at("stop").is_null());
}

TEST_CASE("generate: a prompt from a file, byte for byte, and none at all") {
  put(fixture() / "prompt", "to be,\n");
  const std::string of_file =
      generated("text-run", "", "--tokens 9 --prompt-file " + (fixture() / "prompt"));
  CHECK(of_file == generated("text-run", "to be,\n", "--tokens 9"));
  const std::string drawn = generated("text-run", "", "--tokens 9 --seed 4");
  CHECK(drawn.size() == 1 + 9 + 1);
  CHECK(generated("text-run", drawn.substr(0, 1), "--tokens 9") == drawn);
  CHECK(std::count(drawn.begin(), drawn.end(), drawn[0]) < 10);
  const std::string number = generated("copy-run", ",", "--tokens 3");
  CHECK(std::count(number.begin(), number.end(), ' ') == 3);
}

TEST_CASE("generate: numbers stop at numbers, not at digits") {
  const std::string all = generated("copy-run", "3 1 2 0", "--tokens 12 --temperature 9");
  const std::vector<std::string> tokens = split(all.substr(0, all.size() - 1), ' ');
  const std::string cut =
      generated("copy-run", "3 1 2 0", "--tokens 12 --temperature 9 --stop " + tokens[10]);
  const auto at = std::find(tokens.begin() + 4, tokens.end(), tokens[10]);
  CHECK(split(cut.substr(0, cut.size() - 1), ' ') == std::vector<std::string>(tokens.begin(), at));
}

TEST_CASE("generate: a text that goes round in circles is told of once, with the way out") {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "ab";
  put(folder / "text", text);
  const ProgramEnd made = gnomon_run(words(
      "train --model pointer --task text --length 20 --steps 60 --learning-rate 0.01 --width 8 "
      "--feed-forward 8 --batch 2 --threads 1 --quiet --file",
      folder / "text", "--out", folder / "run"));
  REQUIRE_MESSAGE(made.code == 0, made.err);
  const auto told = [&](const std::string& options) {
    const ProgramEnd e = gnomon_run(
        words("generate --tokens 100 --prompt=ab " + options + " --run", folder / "run"));
    CHECK_MESSAGE(e.code == 0, e.err);
    return e.err;
  };
  CHECK(told("") ==
        "gnomon: the text repeats its last 2 tokens again and again, as the likeliest do; try "
        "--temperature 0.8\n");
  CHECK(told("--temperature 9") == "");
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
  check_refused("--prompt=x --top-k -1", text, 2, "--top-k");
  check_refused("--prompt=x --top-p 1.5", text, 2, "--top-p");
  check_refused("--prompt=x --min-p nan", text, 2, "--min-p");
  check_refused("--prompt=x --repetition-penalty 0", text, 2, "--repetition-penalty");
  check_refused("--prompt=x --stop=", text, 2, "--stop: expected a text");
  check_refused("--prompt=1 --stop=x", copy, 2, "--stop: token");
  check_refused("--prompt=1 --prompt-file=x", copy, 2, "--prompt-file: expected it or --prompt");
  check_refused("--prompt-file=nowhere", text, 3, "nowhere");
  check_refused("--prompt=1,x", copy, 2, "--prompt: token");
  check_refused("--prompt=1,99", copy, 2, "--prompt: token");
  check_refused("--prompt=1,-2", copy, 2, "--prompt: token");
  check_refused("--prompt=1,2 --tokens 16", copy, 2, "expected at most 15 after a prompt of 2");
  check_refused("--prompt=x", fixture() / "nowhere", 3, "config.ini");
  std::filesystem::copy(text, fixture() / "damaged");
  put(fixture() / "damaged/model.safetensors", "foreign");
  check_refused("--prompt=x", fixture() / "damaged", 3, "model.safetensors");
  const ProgramEnd e = gnomon_run(words("generate --prompt x"));
  CHECK(e.code == 2);
  CHECK(e.err.find("--run is missing") != std::string::npos);
}
