// Runs whose text or config.ini was changed behind their back.
#include <doctest/doctest.h>

#include <cstring>

#include "core/base/json.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

const std::string kTiny =
    "--layers 1 --width 8 --feed-forward 8 --length 16 --batch 2 --threads 1 --quiet ";

/// Different every time, as `seed` says.
std::string letters(unsigned seed, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    text += static_cast<char>('a' + (seed >> 24) % 26);
  }
  return text;
}

ProgramEnd train_text(const std::string& file, const std::string& run, const std::string& more) {
  return gnomon_run(
      words("train --model pointer --task text " + kTiny + more + " --file", file, "--out", run));
}

ProgramEnd eval(const std::string& run, const std::string& more = "") {
  return gnomon_run(
      words("eval --lengths 16 --batches 2 --batch 2 --threads 1 --quiet " + more + " --run", run));
}

void check_ended(const ProgramEnd& e, int code, const std::string& says = "") {
  CHECK(e.signal == 0);
  CHECK_MESSAGE(e.code == code, e.err);
  CHECK_MESSAGE(e.err.find(says) != std::string::npos, e.err);
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
}

void edit(const std::string& file, const std::string& from, const std::string& to) {
  std::string text = get(file);
  replace(text, from, to);
  put(file, text);
}

/// The safetensors file without its metadata, as another program might write it.
std::string without_metadata(const std::string& bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  Json header = Json::parse(bytes.substr(sizeof length, length));
  header.erase("__metadata__");
  const std::string text = header.dump();
  length = text.size();
  std::string all(sizeof length, '\0');
  std::memcpy(all.data(), &length, sizeof length);
  uint64_t old = 0;
  std::memcpy(&old, bytes.data(), sizeof old);
  return all + text + bytes.substr(sizeof old + old);
}

}  // namespace

TEST_CASE("data: a run goes on, and is judged, with the text it was trained on only") {
  const Folder folder;
  const std::string file = folder / "c.txt", run = folder / "run", text = letters(1, 3000);
  put(file, text);
  check_ended(train_text(file, run, "--steps 4"), 0);
  const auto resume = [&] { return gnomon_run(words("train --quiet --resume", run)); };
  check_ended(resume(), 0);
  check_ended(eval(run), 0);
  std::string swapped = text;
  std::swap(swapped[0], swapped[1]);
  for (const std::string& other : {letters(2, 3000), text + "x", text.substr(1), swapped}) {
    put(file, other);
    check_ended(resume(), 3, "the data is not that it was trained on");
    check_ended(eval(run), 3, "the data is not that it was trained on");
    check_ended(gnomon_run(words("inspect --batches 1 --json", folder / "x", "--run", run)), 3,
                "the data is not that it was trained on");
  }
  check_ended(gnomon_run(words("generate --prompt a --tokens 2 --run", run)), 0);  // needs no text

  // The same text elsewhere is the same text.
  std::filesystem::remove(file);
  check_ended(resume(), 3, file);
  put(folder / "moved.txt", text);
  edit(run + "/config.ini", file, folder / "moved.txt");
  check_ended(eval(run), 0);
  check_ended(resume(), 0);
}

TEST_CASE("data: a relative name of a text means the same file wherever the run goes on") {
  const Folder folder;
  std::filesystem::create_directories(folder / "a");
  std::filesystem::create_directories(folder / "b");
  put(folder / "a/c.txt", letters(1, 3000));
  put(folder / "b/c.txt", letters(2, 3000));
  const ProgramEnd trained = shell("cd '" + folder / "a" + "' && $gnomon train --model pointer " +
                                   kTiny + "--task text --steps 2 --file c.txt --out run");
  check_ended(trained, 0);
  CHECK(get(folder / "a/run/config.ini").find("file = " + folder / "a/c.txt") != std::string::npos);
  const std::string run = folder / "a/run";
  check_ended(shell("cd '" + folder / "b" + "' && $gnomon train --quiet --resume '" + run + "'"),
              0);
  check_ended(shell("cd '" + folder / "b" + "' && $gnomon train --model pointer " + kTiny +
                    "--task text --file d.txt --out run"),
              3, folder / "b/d.txt");
}

TEST_CASE("data: a config.ini edited after training is noticed, though it changes no shape") {
  const Folder folder;
  const std::string run = folder / "run", ini = run + "/config.ini";
  check_ended(gnomon_run(words("train --model transformer --task copy --payload 2 --symbols 4 "
                               "--heads 2 --steps 3 --position rope --layers 1 --width 8 "
                               "--feed-forward 8 --length 5 --batch 2 --threads 1 --quiet --out",
                               run)),
              0);
  const std::string good = get(ini), model = get(run + "/model.safetensors");
  const auto each = [&](int code, const std::string& says) {
    check_ended(gnomon_run(words("eval --lengths 5 --batches 1 --quiet --run", run)), code, says);
    check_ended(gnomon_run(words("generate --prompt=1 --tokens 1 --run", run)), code, says);
    check_ended(gnomon_run(words("inspect --batches 1 --json", folder / "x", "--run", run)), code,
                says);
    check_ended(gnomon_run(words("train --quiet --resume", run)), code, says);
  };
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"heads = 2", "heads = 4"},
                                                        {"position = rope", "position = none"},
                                                        {"payload = 2", "payload = 1"}}) {
    const auto& current_to = to;
    CAPTURE(current_to);
    put(ini, good);
    edit(ini, from, to);
    each(3, "config.ini has changed since");
    each(3, from + " (now " + to.substr(to.find('=') + 2) + ")");
  }
  // The same values, written otherwise.
  std::string crlf = "# a comment\r\n";
  for (const char c : good) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::string& same : {good + "\n# the end\n", crlf}) {
    put(ini, same);
    each(0, "");
  }
  // A model without metadata cannot say; it is taken.
  put(ini, good);
  edit(ini, "heads = 2", "heads = 4");
  put(run + "/model.safetensors", without_metadata(model));
  check_ended(gnomon_run(words("eval --lengths 5 --batches 1 --quiet --run", run)), 0);
}

TEST_CASE("data: bytes that are no UTF-8 are refused before anything is written") {
  const Folder folder;
  const std::string latin = folder / "caf\xe9.txt", run = folder / "run";
  put(latin, letters(1, 3000));
  check_ended(train_text(latin, run, "--steps 2"), 2, "--file: ");
  check_ended(train_text(folder / "caf\xe9", run, "--steps 2"), 3, "caf");
  const std::string odd = folder / "na\xc3\xafve.txt";  // UTF-8 is fine
  put(odd, letters(1, 3000));
  check_ended(gnomon_run(words("train --model pointer --task copy --mixers p\xff --out", run)), 2);
  CHECK(!std::filesystem::exists(run));
  check_ended(train_text(odd, run, "--steps 2"), 0);
  check_ended(eval(run), 0);
}

TEST_CASE("data: what of a text is scored, and how much of it there is, is said") {
  const Folder folder;
  const std::string file = folder / "c.txt", run = folder / "run", json = folder / "eval.json";
  put(file, letters(1, 200) + letters(1, 200));
  check_ended(train_text(file, run, "--steps 3 --validation 0.1"), 0);
  const auto evaluated = [&](const std::string& more) {
    return gnomon_run(words("eval --batches 2 --batch 3 --threads 1 --quiet " + more + " --run",
                            run, "--json", json));
  };
  const ProgramEnd all = evaluated("--lengths 16,39");
  check_ended(all, 0);
  CHECK(all.out.find("exact") == std::string::npos);
  CHECK(all.out.find("scored: every byte, the first ones too") != std::string::npos);
  CHECK(all.out.find("length 39: the test part has only 1 different sequence, drawn 6 times") !=
        std::string::npos);
  CHECK(all.out.find("length 16: ") == std::string::npos);
  const Json every = parse_json(get(json), json);
  CHECK(!every.at("results")[0].contains("exact_match"));
  CHECK(every.at("results")[0].at("tokens") == 6 * 16);
  const ProgramEnd half = evaluated("--lengths 16,39 --last-half");
  check_ended(half, 0);
  CHECK(half.out.find("scored: the last half of each sequence") != std::string::npos);
  const Json last = parse_json(get(json), json);
  CHECK(last.at("scored") == "last half");
  CHECK(last.at("results")[0].at("tokens") == 6 * 8);
  CHECK(last.at("results")[1].at("tokens") == 6 * 20);
  CHECK(last.at("results")[0].at("loss") != every.at("results")[0].at("loss"));

  const std::string copy = folder / "copy";
  check_ended(
      gnomon_run(words("train --model pointer --task copy --payload 2 --symbols 4 --steps 2 "
                       "--layers 1 --width 8 --feed-forward 8 --length 5 --quiet --out",
                       copy)),
      0);
  const ProgramEnd refused =
      gnomon_run(words("eval --lengths 5 --batches 1 --quiet --last-half --run", copy));
  check_ended(refused, 2, "--last-half: expected a task that scores every token");
}

TEST_CASE("data: soft pointers are judged at the temperature they were trained to") {
  const Folder folder;
  const std::string run = folder / "run", json = folder / "eval.json", file = folder / "c.txt";
  put(file, letters(1, 3000));
  check_ended(train_text(file, run, "--steps 3 --final-temperature 0.5"), 0);
  const auto results = [&](const std::string& more) {
    check_ended(eval(run, more + " --json " + json), 0);
    return parse_json(get(json), json);
  };
  const Json own = results("--selection soft"),
             half = results("--selection soft --temperature 0.5"),
             one = results("--selection soft --temperature 1"), hard = results("");
  CHECK(own == half);
  CHECK(own.at("temperature") == 0.5);
  CHECK(one.at("temperature") == 1);
  CHECK(own.at("results")[0].at("loss") != one.at("results")[0].at("loss"));
  CHECK(!hard.contains("temperature"));
  check_ended(eval(run, "--selection soft --temperature 1e-300"), 2,
              "--temperature: expected 0 or");
  check_ended(eval(run, "--temperature 0.5"), 2, "--temperature: belongs to --selection soft");
}
