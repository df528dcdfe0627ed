// The program's manners: what it says and how it ends when it is used wrongly.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/base/fields.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

const std::string kTiny =
    "--model pointer --task copy --layers 1 --width 8 --feed-forward 8 --sources "
    "window:3,match:1,run "
    "--payload 2 --symbols 4 --length 5 --batch 2 --threads 1";

/// A folder with one finished tiny run in it, made once.
const Folder& fixture() {
  static const Folder folder;
  static const ProgramEnd made =
      gnomon_run(words("train " + kTiny + " --steps 3 --quiet --out", folder / "run"));
  REQUIRE_MESSAGE(made.code == 0, made.err);
  return folder;
}

/// A copy of the run with one file replaced ("": removed).
std::string damaged(const std::string& name, const std::string& file, const std::string& content) {
  const std::string run = fixture() / name;
  std::filesystem::remove_all(run);
  std::filesystem::copy(fixture() / "run", run);
  content.empty() ? static_cast<void>(std::filesystem::remove(run + "/" + file))
                  : put(run + "/" + file, content);
  return run;
}

/// An INI file with the tiny run's options and a few lines more.
std::string ini(const std::string& name, const std::string& lines) {
  const std::string path = fixture() / name;
  put(path, "model = pointer\ntask = copy\nsteps = 2\n" + lines);
  return path;
}

struct Bad {
  std::vector<std::string> words;
  int code;
  std::string says;  // part of the sentence
};

void check_refused(const Bad& bad) {
  std::string line;
  for (const std::string& word : bad.words) line += " " + word.substr(0, 60);
  CAPTURE(line);
  const ProgramEnd e = gnomon_run(bad.words);
  CHECK(e.signal == 0);
  CHECK(e.code == bad.code);
  CHECK(e.out == "");
  CHECK(std::count(e.err.begin(), e.err.end(), '\n') <= 5);
  CHECK(e.err.size() < 2000);
  CHECK_MESSAGE(e.err.starts_with("gnomon: "), e.err);
  CHECK_MESSAGE(e.err.find(bad.says) != std::string::npos, e.err);
}

}  // namespace

TEST_CASE("program: wrong commands and words") {
  for (const Bad& bad : std::vector<Bad>{
           {{}, 2, "which command"},
           {{""}, 2, "unknown command ''"},
           {{"trian"}, 2, "did you mean 'train'?"},
           {{"model"}, 2, "did you mean 'models'?"},
           {{"--steps"}, 2, "unknown command"},
           {{"-x"}, 2, "unknown command"},
           {{std::string(1 << 16, 'x')}, 2, "unknown command"},
           {{"\x01\x02\xff"}, 2, "\\x01\\x02"},
           {{"models", "extra"}, 2, "unexpected word 'extra'"},
           {{"models", "--all"}, 2, "unknown option 'all'"},
           {{"tasks", "-v"}, 2, "unknown option '-v'"},
           {{"variants", "--", "x"}, 2, "unexpected word 'x'"},
           {{"gradcheck", "--op", "add"}, 2, "unknown option 'op'"},
           {{"--versions"}, 2, "unknown command"},
           {words("train --modle pointer --task copy"), 2, "'modle'; did you mean 'model'?"},
           {words("train --model pointer --taks copy"), 2, "'taks'; did you mean 'task'?"},
           {words("train --sources window:3"), 2, "--model is missing"},
           {words("train --resume", ""), 2, "--resume: expected the directory of a run"},
           {words("generate"), 2, "--run is missing"},
           {words("inspect"), 2, "--run is missing"},
           {words("bench --models transformer --sources window:3"), 2,
            "--sources belongs to the mixer pointer, which is not among --mixers attention"},
           {words("bench --models pointer,transformer --kernel 3"), 2,
            "which is not among --mixers pointer,attention"},
           {words("bench --models pointer --payload 3"), 2, "unknown option 'payload'"},
           {words("train --model transformer --task copy --selection hard"), 2,
            "--selection belongs to the mixer pointer"},
           {words("train --model pointer --task copy --mixers self-gather --selection hard"), 2,
            "which is not among --mixers self-gather"},
           {words("train --model pointer --task copy --packed"), 2,
            "--packed belongs to the task listops, and --task is copy"},
           {words("train --model transformer --task copy --hold 0.1"), 2, "--hold belongs to"},
           {words("train --model pointer --task copy --out x --position rope"), 2,
            "--position: expected none or learned"},
           {words("train --model pointer --task copy --out x --mixers uniform --position alibi"), 2,
            "--position: expected none or learned"},
           {{"train"}, 2, "--model is missing; there are: aaren, block-attention"},
           {{"train", "--model", "pointer"}, 2, "--task is missing; there are: copy"},
           {{"train", "--task", "copy"}, 2, "--model is missing"},
           {words("train --model pionter --task copy"), 2, "did you mean 'pointer'?"},
           {words("train --model pointer --task copi"), 2, "did you mean 'copy'?"},
           {words("train --model pointer --task copy --model pointer"), 2,
            "--model is given twice"},
           {words("train --model pointer --task copy"), 2, "--out is missing"},
           {words("train --model pointer --task copy --out --quiet"), 2,
            "--out: a value is missing"},
           {words("train --model pointer --task copy --out"), 2, "--out: a value is missing"},
           {words("train --model pointer --task copy --out", ""), 2, "--out is missing"},
           {words("eval"), 2, "--run is missing"},
           {words("eval --lengths 5"), 2, "--run is missing"},
           {words("eval --run /nonexistent --lengths 5"), 3, "/nonexistent/config.ini"},
           {words("eval --ru x"), 2, "did you mean 'run'?"},
           {words("bench --models nothing"), 2, "unknown model 'nothing'"},
           {words("bench --models", ""), 2, "--models"},
           {words("bench --lengths 0"), 2, "--lengths"},
           {words("bench --lengths 5,,6"), 2, "--lengths"},
           {words("bench --lengths abc"), 2, "--lengths"},
           {words("bench --repeats 0"), 2, "--repeats"},
           {words("bench --repeat 3"), 2, "did you mean 'repeats'?"},
           {words("bench --width 10"), 2, "--width: expected a multiple of heads"},
           {words("bench stray"), 2, "unexpected word 'stray'"},
           {words("bench --batch 1 --batch 2"), 2, "--batch is given twice"},
       })
    check_refused(bad);
}

TEST_CASE("program: wrong values of options") {
  const auto with = [](const std::string& name, const std::string& value) {
    auto list = words("train " + kTiny + " --out", fixture() / "never");
    // What is in kTiny already is replaced, not given twice.
    const auto at = std::find(list.begin(), list.end(), name);
    if (at != list.end()) list.erase(at, at + 2);
    list.push_back(name);
    list.push_back(value);
    return list;
  };
  for (const std::string value : {"-1", "0", "1e9", "abc", "", "1e3", "0x10", "nan", " 5", "5 ",
                                  "1.5", "+3", "99999999999999999999999"})
    check_refused({with("--steps", value), 2, "--steps"});
  for (const std::string value : {"-1", "nan", "inf", "1e-400x", "1,5", "1e999", "", "0.1f", "11"})
    check_refused({with("--learning-rate", value), 2, "--learning-rate"});
  for (const std::string value : {"-1", "18446744073709551616", "x"})
    check_refused({with("--seed", value), 2, "--seed"});
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"--batch", "0"},
           {"--threads", "0"},
           {"--threads", "4096"},
           {"--checkpoint-every", "0"},
           {"--clip", "0"},
           {"--beta1", "1"},
           {"--width", "0"},
           {"--norm", "batch"},
           {"--schedule", "cosinus"},
           {"--selection", "sfot"},
           {"--position", "sinus"},
           {"--mixers", "pionter"},
           {"--mixers", "pointer,pointer,pointer"},
           {"--sources", "windwo:4"},
           {"--sources", "window:0"},
           {"--sources", ""},
           {"--until", "0.1"},
           {"--length", "0"},
           {"--length", "2"},
           {"--heads", "3"},
           {"--symbols", "1"},
           {"--stepz", "3"},
           {"--step", "3"},
           {"--quiet", "maybe"},
           {"--out", "twice"},
       }) {
    const auto& current_name = name;
    CAPTURE(current_name);
    auto list = with(name, value);
    if (name == "--out") list = words("train " + kTiny + " --out a --out b");
    check_refused({list, 2, ""});
  }
  check_refused({with("--quiet=maybe", "x"), 2, ""});
  check_refused({with("--stepz", "3"), 2, "did you mean 'steps'?"});
  check_refused({with("--schedule", "cosin"), 2, "did you mean 'cosine'?"});
  // Only the model itself can tell: it is asked before anything is written.
  auto learned = with("--position", "learned");
  learned.insert(learned.end(), {"--max-length", "4"});
  check_refused({learned, 2, "expected at most max-length = 4 tokens"});
  auto spread = with("--length", "3000");
  spread.insert(spread.end(), {"--hand-on", "distribution"});
  check_refused({spread, 2, "--hand-on: distribution: expected at most 2048 tokens"});
  CHECK(!std::filesystem::exists(fixture() / "never"));
}

TEST_CASE("program: output directories that cannot be") {
  const auto into = [](const std::string& out) {
    return words("train " + kTiny + " --steps 2 --out", out);
  };
  put(fixture() / "file", "x");
  std::filesystem::create_directory(fixture() / "full");
  put(fixture() / "full/other", "x");
  check_refused({into(fixture() / "run"), 2, "is not empty"});
  check_refused({into(fixture() / "run/"), 2, "is not empty"});
  check_refused({into(fixture() / "full"), 2, "is not empty"});
  check_refused({into(fixture() / "file"), 2, "is no directory"});
  check_refused({into(fixture() / "file/below"), 5, "cannot create"});
  check_refused({into("/dev/null/x"), 5, "cannot create"});
  check_refused({into("/proc/nothing"), 5, "/proc/nothing"});
  CHECK(get(fixture() / "full/other") == "x");

  for (const std::string name : {"two words", "quote'\"", "line\nend", "deep/er/run", "slash/"}) {
    const ProgramEnd e = gnomon_run(into(fixture() / name));
    CHECK_MESSAGE(e.code == 0, e.err);
    CHECK(std::filesystem::exists(fixture() / (name + "/model.safetensors")));
  }
}

TEST_CASE("program: INI files") {
  const std::string out = fixture() / "never";
  const auto with = [&](const std::string& path) {
    return words("train --config", path, "--out", out);
  };
  std::string nul = "steps = 2\n";
  nul += '\0';
  check_refused({with("/nonexistent.ini"), 3, "/nonexistent.ini"});
  check_refused({with(fixture().path()), 3, "a directory"});
  check_refused({with("/dev/zero"), 3, "a device"});
  check_refused({with(ini("unknown.ini", "stepz = 3\n")), 2,
                 "unknown.ini: unknown option 'stepz'; did you mean"});
  check_refused({with(ini("section.ini", "[training]\nbatch = 3\n")), 2,
                 "section.ini: line 4: sections, such as '[training]'"});
  check_refused(
      {with(ini("twice.ini", "batch = 3\nbatch = 3\n")), 2, "twice.ini: --batch is given twice"});
  check_refused(
      {with(ini("value.ini", "batch = -3\n")), 2, "value.ini: --batch: expected a whole number"});
  check_refused({with(ini("empty.ini", "batch =\n")), 2, "empty.ini: --batch"});
  check_refused({with(ini("self.ini", "config = x.ini\n")), 2, "unknown option 'config'"});
  check_refused({with(ini("line.ini", "no equals sign\n")), 3, "line.ini: not an INI file"});
  check_refused({with(ini("nul.ini", nul)), 3, "NUL"});
  put(fixture() / "bom.ini",
      "\xef\xbb\xbfmodel = pointer\ntask = coppy\n");  // the mark does not hide the name
  check_refused({with(fixture() / "bom.ini"), 2, "did you mean 'copy'?"});
  check_refused({with(ini("huge.ini", "#" + std::string(2 << 20, 'x') + "\n")), 3, "at most"});
  check_refused(
      {words("train --config", ini("a.ini", ""), "--config", ini("b.ini", "")), 2, "twice"});
  check_refused({words("train --config", ""), 2, "--config"});
  check_refused({words("train --model pointer --task text --file a#b --out", out), 3, ""});
  put(fixture() / "a#b", std::string(5000, 'x'));
  check_refused({words("train --model pointer --task text --file", fixture() / "a#b", "--out", out),
                 2, "cannot be kept in an INI file"});
  CHECK(!std::filesystem::exists(out));

  // Windows line ends are fine; the command line beats the file.
  const std::string crlf = fixture() / "crlf.ini";
  put(crlf, "model = pointer\r\ntask = copy\r\nsteps = 2\r\nseed = 3\r\nquiet = true\r\n");
  auto list =
      words("train " + kTiny + " --config", crlf, "--seed", "4", "--out", fixture() / "crlf");
  const ProgramEnd e = gnomon_run(list);
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(e.err == "");
  const std::string config = get(fixture() / "crlf/config.ini");
  CHECK(config.find("steps = 2\n") != std::string::npos);
  CHECK(config.find("seed = 4\n") != std::string::npos);
}

TEST_CASE("program: runs that cannot be evaluated or resumed") {
  const std::string model = get(fixture() / "run/model.safetensors");
  const std::string checkpoint = get(fixture() / "run/checkpoint.safetensors");
  const std::string config = get(fixture() / "run/config.ini");
  const auto eval = [](const std::string& run) {
    return words("eval --lengths 5 --quiet --run", run);
  };
  const auto resume = [](const std::string& run) { return words("train --quiet --resume", run); };
  const auto other = [&](const std::string& from, const std::string& to) {
    std::string changed = config;
    return changed.replace(changed.find(from), from.size(), to);
  };

  check_refused({eval(damaged("d1", "model.safetensors", "")), 3, "model.safetensors"});
  check_refused({eval(damaged("d2", "model.safetensors", "foreign")), 3, "model.safetensors"});
  check_refused(
      {eval(damaged("d3", "model.safetensors", model.substr(0, model.size() - 1))), 3, "model"});
  // A checkpoint holds the model too.
  CHECK(gnomon_run(eval(damaged("d4", "model.safetensors", checkpoint))).code == 0);
  check_refused({eval(damaged("d5", "config.ini", "")), 3, "config.ini"});
  check_refused({eval(damaged("d6", "config.ini", other("width = 8", "width = 16"))), 3,
                 "width = 8 (now 16)"});
  check_refused({eval(damaged("d7", "config.ini", other("model = pointer", "model = x"))), 2,
                 "unknown model"});
  check_refused({eval(fixture().path()), 3, "config.ini"});
  for (const std::string lengths : {"", "0", "2", "-1", "5,", "5;6", "x", "1e3", "99999999999"})
    check_refused({words("eval --run", fixture() / "run", "--lengths", lengths), 2, "length"});
  check_refused(
      {words("eval --selection topk --lengths 5 --run", fixture() / "run"), 2, "--selection"});
  check_refused({words("eval --iterations 3 --lengths 5 --quiet --run", fixture() / "run"), 2,
                 "trained with share"});
  check_refused({words("eval --batches -1 --lengths 5 --run", fixture() / "run"), 2, "--batches"});
  const ProgramEnd late = gnomon_run(words(
      "eval --quiet --batches 1 --lengths 5 --json /nonexistent/x.json --run", fixture() / "run"));
  CHECK(late.code == 5);

  check_refused({resume("/nonexistent"), 3, "/nonexistent"});
  check_refused({resume(fixture() / "file"), 3, ""});
  check_refused({resume(fixture().path()), 3, "config.ini"});
  check_refused({resume(damaged("r1", "checkpoint.safetensors", "")), 3, "is missing"});
  check_refused({resume(damaged("r2", "checkpoint.safetensors", checkpoint.substr(0, 100))), 3,
                 "checkpoint"});
  check_refused({resume(damaged("r3", "checkpoint.safetensors", model)), 3, "does not fit"});
  check_refused({resume(damaged("r4", "config.ini", other("seed = 1", "seed = 2"))), 3,
                 "config.ini has changed"});
  check_refused({words("train --steps 9 --resume", fixture() / "run"), 2,
                 "--steps does not go with --resume"});
  check_refused(
      {words("train --out x --resume", fixture() / "run"), 2, "--out does not go with --resume"});
  CHECK(get(fixture() / "run/model.safetensors") == model);
}

TEST_CASE("program: a run is what its config.ini says, however it is written") {
  const std::string config = get(fixture() / "run/config.ini");
  const std::string checkpoint = get(fixture() / "run/checkpoint.safetensors");
  std::string crlf = "# a remark\r\n";
  for (const char c : config) crlf += c == '\n' ? std::string(" # more\r\n") : std::string(1, c);
  const ProgramEnd same =
      gnomon_run(words("train --quiet --resume", damaged("w1", "config.ini", crlf)));
  CHECK_MESSAGE(same.code == 0, same.err);

  // Trained further than its last step.
  const auto fewer = [](std::string text) {
    for (size_t at = 0; (at = text.find("steps = 3", at)) != text.npos; ++at)
      text.replace(at, 9, "steps = 2");
    return text;
  };
  const std::string run = damaged("w2", "config.ini", fewer(config));
  put(run + "/checkpoint.safetensors", fewer(checkpoint));
  check_refused({words("train --quiet --resume", run), 3,
                 "expected at most step 2, the last by config.ini, got step 3"});

  // What belonged to nothing was accepted by earlier versions.
  const std::string older = damaged("w3", "config.ini", config + "kernel = 4\nattention = fused\n");
  const ProgramEnd old = gnomon_run(words("eval --batches 1 --lengths 5 --quiet --run", older));
  CHECK(old.code == 0);
  CHECK(
      old.err.ends_with("kernel = 4 is passed over: it belongs to the mixer convolution, which is "
                        "not among --mixers pointer\n"));
  CHECK(std::count(old.err.begin(), old.err.end(), '\n') == 1);
}

TEST_CASE("program: what memory has no room for leaves nothing behind") {
  const std::string out = fixture() / "large";
  const ProgramEnd e = shell(
      "ulimit -v 3000000; exec $gnomon train --model pointer --task copy "
      "--batch 20000 --threads 1 --out '" +
      out + "'");
  CHECK(e.code == 5);
  CHECK(e.err.starts_with("gnomon: out of memory; a smaller --batch"));
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("program: any number of threads that the system offers") {
  for (const std::string threads : {"1", "2000", "100000"})
    for (const std::string line : {"train --help", "eval --help", "bench --help"}) {
      const ProgramEnd e = shell("OMP_NUM_THREADS=" + threads + " $gnomon " + line);
      CHECK_MESSAGE(e.code == 0, e.err);
    }
}

TEST_CASE("program: the next command can be typed as it is printed") {
  const std::string run = fixture() / "it's 1 & 2";
  const ProgramEnd e = gnomon_run(words("train " + kTiny + " --steps 1 --quiet --out", run));
  CHECK_MESSAGE(e.code == 0, e.err);
  const size_t at = e.out.find("now: gnomon ");
  REQUIRE(at != std::string::npos);
  const ProgramEnd next = shell("$gnomon " + e.out.substr(at + 12));
  CHECK_MESSAGE(next.code == 0, next.err);
}

TEST_CASE("program: help lists everything, with defaults") {
  for (const std::string command :
       {"models", "tasks", "variants", "train", "eval", "generate", "bench", "gradcheck"}) {
    CAPTURE(command);
    for (const std::string flag : {"--help", "-h"}) {
      const ProgramEnd e = gnomon_run({command, flag});
      CHECK(e.code == 0);
      CHECK(e.err == "");
      CHECK(e.out.starts_with("usage: gnomon " + command));
    }
    CHECK(gnomon_run({"--help"}).out.find("  " + command) != std::string::npos);
  }
  const ProgramEnd e = gnomon_run(words("train --model pointer --task copy --help"));
  for (const std::string part :
       {"--steps", "[1 to 1000000000]", "(2000)", "--payload", "--sources"})
    CHECK(e.out.find(part) != std::string::npos);
}

TEST_CASE("program: what is registered is listed, one line each") {
  CHECK(gnomon_run({"--version"}).out == "gnomon 0.1.0\n");
  CHECK(gnomon_run({"models"}).out.find("\npointer ") != std::string::npos);
  CHECK(gnomon_run({"tasks"}).out.find("copy ") == 0);
  const std::string variants = gnomon_run({"variants"}).out;
  for (const std::string name : {"pointer ", "window ", "match ", "run "})
    CHECK(variants.find("\n" + name) != std::string::npos);
  // Names end before what they mean, in one column.
  const std::string mixers = variants.substr(0, variants.find("\n\n"));
  const auto lines = split(mixers, '\n');
  for (const std::string column : {"cost", "state", "what it is"}) {
    const size_t at = lines[0].find(column);
    REQUIRE(at != std::string::npos);
    for (const std::string& line : lines) {
      CAPTURE(line);
      REQUIRE(line.size() > at);
      CHECK(line.substr(at - 2, 2) == "  ");
      CHECK(line[at] != ' ');
    }
  }
  CHECK(mixers.find("\nattention         N N D            +128 a token  ") != mixers.npos);
  CHECK(mixers.find("\nmamba             N M W            2433          ") != mixers.npos);
}

TEST_CASE("program: a standard output that cannot be written is an error, not a crash") {
  for (const std::string where : {">/dev/full", ">&-"}) {
    CAPTURE(where);
    const ProgramEnd e = shell("$gnomon train --help " + where);
    CHECK(e.code == 5);
    CHECK(e.err.starts_with("gnomon: the standard output cannot be written"));
  }
  CHECK(shell("$gnomon train --help | head -1").out.starts_with("usage"));
  // A closed stream's number must not be taken by a file of the run.
  const std::string out = fixture() / "closed";
  const ProgramEnd e =
      shell("exec $gnomon train " + kTiny + " --steps 2 --out '" + out + "' >&- 2>&-");
  CHECK(e.code == 5);
  CHECK(get(out + "/metrics.jsonl").find("trained") == std::string::npos);
  CHECK(std::filesystem::exists(out + "/model.safetensors"));
}

TEST_CASE("program: gradcheck is the program beside it") {
  const ProgramEnd e = gnomon_run({"gradcheck"});
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(e.out.find("affine") != std::string::npos);
}
