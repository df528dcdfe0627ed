// Where results go: tried before the work, given to whoever reads them, and never lost to a file.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/base/json.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

/// A folder with a run on numbers and one on text.
const Folder& fixture() {
  static const Folder folder;
  static const bool made = [] {
    const std::string tiny =
        "train --model pointer --layers 1 --width 8 --feed-forward 8 --batch 2 --steps 2 --threads "
        "1 "
        "--quiet ";
    std::string control;  // what follows a byte of it is another
    for (int i = 0; i < 400; ++i) control += "\x1b[31m\x07 \x7f";
    put(folder / "text", control);
    for (const auto& list :
         {words(tiny + "--task copy --payload 2 --symbols 4 --length 5 --out", folder / "copy"),
          words(tiny + "--task text --length 16 --file", folder / "text", "--out",
                folder / "text-run")}) {
      const ProgramEnd e = gnomon_run(list);
      REQUIRE_MESSAGE(e.code == 0, e.err);
    }
    return true;
  }();
  REQUIRE(made);
  return folder;
}

std::string run() { return fixture() / "copy"; }
const std::string kEval = "eval --lengths 5 --batches 1 --batch 2 --threads 1 ";

void check_ended(const ProgramEnd& e, int code, const std::string& says = "") {
  CHECK(e.signal == 0);
  CHECK_MESSAGE(e.code == code, e.err);
  CHECK_MESSAGE(e.err.find(says) != std::string::npos, e.err);
}

}  // namespace

TEST_CASE("output: a file that cannot be written fails before the work begins") {
  const Folder folder;
  const std::string bad = folder / "none/x";
  for (const auto& list :
       {words(kEval + "--run", run(), "--json", bad),
        words("inspect --batches 1 --run", run(), "--json", bad),
        words("inspect --batches 1 --run", run(), "--out", bad),
        words("inspect --batches 1 --run", run(), "--json", folder / "fine", "--png", "/proc/none"),
        words("inspect --batches 1 --run", run(), "--json", folder / "fine", "--svg", "/proc/none"),
        words("inspect --batches 1 --run", run(), "--json", folder / "fine", "--pdf", "/proc/none"),
        words("bench --layers 1 --width 8 --heads 1 --models pointer --lengths 8 --csv", bad),
        words("bench --layers 1 --width 8 --heads 1 --models pointer --lengths 8 --json",
              folder.path())}) {
    CAPTURE(list[0]);
    const ProgramEnd e = gnomon_run(list);
    check_ended(e, 5);
    CHECK(e.out == "");
    CHECK(std::count(e.err.begin(), e.err.end(), '\n') == 1);  // no progress before it
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE(
    "output: a result reaches the screen though its file fails, and the file without a screen") {
  const Folder folder;
  const std::string json = folder / "eval.json";
  const ProgramEnd full = gnomon_run(words(kEval + "--quiet --run", run(), "--json", "/dev/full"));
  check_ended(full, 5, "/dev/full");
  CHECK(full.out.starts_with("length  token accuracy"));
  check_ended(
      shell("$gnomon " + kEval + "--quiet --run '" + run() + "' --json '" + json + "' > /dev/full"),
      5, "the standard output cannot be written");
  CHECK(parse_json(get(json), json).at("results").size() == 1);
}

TEST_CASE("output: JSON goes to the standard output by any of its names, alone") {
  const Folder folder;
  const std::string eval = "$gnomon " + kEval + "--quiet --run '" + run() + "' ";
  const std::string plain = folder / "plain.json", out = folder / "out";
  check_ended(shell(eval + "--json '" + plain + "'"), 0);
  const ProgramEnd dash = shell(eval + "--json -");
  check_ended(dash, 0);
  CHECK(dash.out == get(plain));
  check_ended(shell(eval + "--json '" + out + "' > '" + out + "'"), 0);
  CHECK(get(out) == get(plain));
  const ProgramEnd piped = shell(eval + "--json /proc/self/fd/1 | cat");
  check_ended(piped, 0);
  CHECK(piped.out == get(plain));
  const ProgramEnd inspected =
      shell("$gnomon inspect --batches 1 --run '" + run() + "' --text '0 1' --json -");
  check_ended(inspected, 0);
  const Json json = parse_json(inspected.out, "-", {.bytes = 1 << 24, .depth = 16});
  CHECK(json.at("sample").at("N") == 2);
}

TEST_CASE("output: a reader that leaves ends the program in silence") {
  const std::string generate =
      "$gnomon generate --run '" + fixture() / "text-run" + "' --prompt a --tokens 100000";
  const ProgramEnd e = shell("{ " + generate + "; echo $? >&2; } | head -c 5");
  CHECK(e.out.size() == 5);
  CHECK(e.err == "141\n");
  const ProgramEnd help = shell("{ sleep 0.2; $gnomon train --help; echo $? >&2; } | true");
  CHECK(help.err == "141\n");
}

TEST_CASE("output: a limit on the size of files is an error with a sentence") {
  const Folder folder;
  const ProgramEnd e = shell(
      "ulimit -f 1; $gnomon train --model pointer --task copy --layers 1 --width 32 "
      "--steps 2 --quiet --threads 1 --out '" +
      folder / "run" + "'");
  check_ended(e, 5, "File too large");
  const ProgramEnd json = shell("ulimit -f 0; $gnomon " + kEval + "--quiet --run '" + run() +
                                "' --json '" + folder / "x" + "'");
  check_ended(json, 5);
}

TEST_CASE("output: a terminal is shown escapes, a pipe the bytes") {
  const std::string generate = "$gnomon generate --run " + fixture() / "text-run" +
                               " --tokens 3 --prompt \"$(printf '\\033[31m\\007x\\ty')\"";
  const ProgramEnd pipe = shell(generate);
  check_ended(pipe, 0);
  CHECK(pipe.out.starts_with("\x1b[31m\x07x\ty"));
  if (std::system("command -v script >/dev/null") != 0) return;
  const Folder folder;
  put(folder / "line", generate);
  const ProgramEnd terminal =
      shell("export gnomon; script -qec 'sh " + folder / "line" + "' /dev/null");
  check_ended(terminal, 0);
  CHECK(terminal.out.find("\x1b") == std::string::npos);
  CHECK(terminal.out.find("\\x1b[31m\\x07x\ty") != std::string::npos);
}

TEST_CASE("output: a prompt may come from the standard input") {
  const std::string text = "$gnomon generate --tokens 4 --run '" + fixture() / "text-run" + "' ",
                    copy = "$gnomon generate --tokens 4 --run '" + run() + "' ";
  CHECK(shell("printf 'to be' | " + text + "--prompt -").out ==
        shell(text + "--prompt 'to be'").out);
  CHECK(shell("printf '0,1\\n2' | " + copy + "--prompt -").out ==
        shell(copy + "--prompt '0 1 2'").out);
  CHECK(shell(copy + "--prompt '0 1 2'").out.starts_with("0 1 2 "));
  // Of nothing, one token is drawn.
  check_ended(shell(text + "--prompt - < /dev/null"), 0);
  CHECK(shell(text + "--prompt ''").out == shell(text + "--prompt=").out);
  check_ended(shell(text + "--prompt - <&-"), 3, "the standard input cannot be read");
}
