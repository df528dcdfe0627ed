// Text in pieces, and a text judged by a sliding window: bytes come back, and each is scored once.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "core/base/json.hpp"
#include "tasks/pieces.hpp"
#include "tests/program.hpp"
#include "tests/tasks.hpp"
#include "tools/training/evaluation.hpp"
#include "tools/training/experiment.hpp"

using namespace gnomon;

namespace {

/// English enough: words of a small language, with what texts have besides.
std::string story(unsigned seed, size_t words) {
  const std::vector<std::string> known{"the ",          "gnomon ", "points ",    "pointing ",
                                       "na\xc3\xafve ", "two  ",   "shadow\r\n", "\t",
                                       "hour.\n",       "\n\n"};
  std::string text;
  for (size_t w = 0; w < words; ++w) {
    seed = seed * 1664525 + 1013904223;
    text += known[(seed >> 24) % known.size()];
  }
  return text;
}

std::string spelled(const Pieces& pieces, const std::vector<int32_t>& tokens) {
  std::string text;
  for (const int32_t token : tokens) text += pieces.bytes(token);
  return text;
}

/// Any letters of Unicode but the one that stands for a blank, some of them after the other.
std::string any_letters(Random random, size_t count) {
  std::string text;
  while (count-- > 0) {
    const uint32_t wide[] = {0x80, 0x800, 0x10000, 0x110000};
    const uint32_t c = random.below(wide[random.below(4)]);
    if ((c >= 0xd800 && c < 0xe000) || c == 0x2581) continue;
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else {
      const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      const uint32_t begin[] = {0xc0, 0xe0, 0xf0};
      text += static_cast<char>(begin[more - 1] | c >> 6 * more);
      for (int k = more - 1; k >= 0; --k) text += static_cast<char>(0x80 | (c >> 6 * k & 0x3f));
    }
  }
  return text;
}

const std::string kTiny =
    "--layers 1 --width 8 --heads 2 --feed-forward 8 --length 16 --batch 2 --threads 1 --quiet ";

ProgramEnd train(const std::string& file, const std::string& run, const std::string& more) {
  return gnomon_run(
      words("train --model pointer --task text " + kTiny + more + " --file", file, "--out", run));
}

std::unique_ptr<Experiment> experiment(const std::string& file, const std::string& more = "") {
  return Experiment::of_run(Arguments::of_text(
      "model = pointer\ntask = text\nlayers = 1\nwidth = 8\nheads = 2\nfeed-forward = 8\n"
      "length = 16\nfile = " +
          file + "\n" + more,
      "test"));
}

}  // namespace

TEST_CASE("pieces: every text in UTF-8 comes back byte by byte") {
  const std::string learned = story(1, 4000);
  const Pieces pieces = Pieces::learn(learned, 330);
  CHECK(pieces.count() == 330);
  for (const std::string& text :
       {learned, story(2, 500), std::string(" a  b   "), std::string("\r\n\r\n\n"),
        std::string("a\0b\0\0", 5), std::string("<0x0A><unk></s> \xe2\x81\x87"), std::string("x"),
        std::string("\xef\xbb\xbf\xef\xac\x81 ligature, \xc2\xa0 blank"), std::string()})
    CHECK(spelled(pieces, pieces.encode(text, "test")) == text);
  for (uint64_t i = 0; i < 50; ++i) {
    const std::string text = any_letters(Random(3).split(i), 200);
    REQUIRE(!first_outside_utf8(text));
    CHECK(spelled(pieces, pieces.encode(text, "test")) == text);
  }
  CHECK(pieces.encode(learned, "test").size() < learned.size() / 2);
}

TEST_CASE("pieces: the same text gives the same bytes, which are enough to go on") {
  const Pieces first = Pieces::learn(story(1, 2000), 300),
               second = Pieces::learn(story(1, 2000), 300);
  CHECK(first.model() == second.model());
  CHECK(first.model() != Pieces::learn(story(2, 2000), 300).model());
  const Pieces again(first.model(), "test");
  CHECK(again.encode("pointing", "test") == first.encode("pointing", "test"));
  CHECK(problem([] { Pieces("no model", "x.model"); }, Fault::data).starts_with("x.model: "));
}

TEST_CASE("pieces: what would not come back is refused, by its byte") {
  const Pieces pieces = Pieces::learn(story(1, 2000), 300);
  const auto refused = [&](const std::string& text) {
    return problem([&] { pieces.encode(text, "f"); }, Fault::data);
  };
  CHECK(refused("ab\xff").starts_with("f: byte 2: expected text in UTF-8, got 0xff"));
  for (const char* wrong : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80",
                            "\xe2\x96", "\x80", "\xf0\x8f\xbf\xbf", "\xc3("})
    CHECK_MESSAGE(refused("\xc3\xa9" + std::string(wrong)).starts_with("f: byte 2: "), wrong);
  CHECK(refused("a\xe2\x96\x81").starts_with("f: byte 1: the letter U+2581"));
}

TEST_CASE("pieces: too few and too many are a sentence with the bound") {
  const auto learn = [](size_t count) {
    return problem([&] { Pieces::learn("one two one two\n", count); }, Fault::option);
  };
  CHECK(learn(100).starts_with("pieces: expected at least 26"));
  const std::string most = learn(5000);
  CHECK(most.starts_with("pieces: expected at most "));
  const std::string bound = most.substr(25, most.find(' ', 25) - 25);
  CHECK(Pieces::learn("one two one two\n", std::stoul(bound)).count() == std::stoul(bound));
  CHECK(problem([] { Pieces::learn("\n\n", 300); }, Fault::option) != "");
}

TEST_CASE(
    "text in pieces: learned from the train split alone, which shares no letter with the test") {
  for (size_t cut = 0; cut < 4; ++cut) {  // the border in and beside a letter of two bytes
    const std::string begin = story(1, 3000) + std::string(cut, 'x');
    std::string text = begin;
    while (text.size() < begin.size() * 10 / 9) text += "\xc3\xa9t\xc3\xa9 ";
    const TemporaryFile file(text);
    const auto task = make_task("text", {{"file", file.path}, {"pieces", "300"}});
    std::string test;
    for (const int32_t token : task->test_text()) test += task->write(token);
    CHECK(text.ends_with(test));
    CHECK(letter_begins(test, 0));
    const std::string rest = text.substr(0, text.size() - test.size());
    CHECK(task->kept()[0].second == Pieces::learn(rest, 300).model());
    CHECK(std::abs(static_cast<double>(test.size()) / static_cast<double>(text.size()) - 0.1) <
          0.01);
  }
}

TEST_CASE("text in pieces: the bits of a guess by frequency are a sum over bytes") {
  const TemporaryFile file(story(5, 3000));
  const auto task = make_task("text", {{"file", file.path}, {"pieces", "300"}});
  const Pieces pieces(task->kept()[0].second, "test");
  const std::string text = story(5, 3000);
  std::string test;
  for (const int32_t token : task->test_text()) test += task->write(token);
  const auto seen = pieces.encode(text.substr(0, text.size() - test.size()), "test");
  double bits = 0;
  for (const int32_t token : task->test_text())
    bits -= std::log2((static_cast<double>(std::ranges::count(seen, token)) + 1) /
                      (static_cast<double>(seen.size()) + 300));
  CHECK(*task->baseline_bits_per_byte() ==
        doctest::Approx(bits / static_cast<double>(test.size())).epsilon(1e-9));
}

TEST_CASE("stride: every token of the test text is scored once") {
  const TemporaryFile file(story(7, 600));
  for (const char* pieces : {"pieces = 0\n", "pieces = 290\n"}) {
    const auto run = experiment(file.path, pieces);
    const auto model = run->make_model();
    model->initialise(1);
    const auto text = run->task().test_text();
    const size_t M = text.size() - 1;
    size_t bytes = 0;
    for (size_t n = 1; n <= M; ++n) bytes += run->task().write(text[n]).size();
    // The brute force: each token behind the window it belongs to, one at a time.
    for (const size_t stride : {size_t{1}, size_t{5}, size_t{16}}) {
      double nats = 0;
      for (size_t n = 1; n <= M; ++n) {
        size_t end = 16;
        while (end < n) end = std::min(end + stride, M);
        Batch batch{Index({1, 16}), Index({1, 16}, -1)};
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(end - 16), 16, batch.tokens.data());
        batch.targets.data()[15 - (end - n)] = text[n];
        Context context;
        nats += double{model->score(batch, context).loss.value().item()};
      }
      EvaluationPlan plan{.batch = 3, .stride = stride};
      size_t reports = 0;
      const auto found = evaluate_at(*model, run->task(), 16, plan, [&](auto&) { ++reports; });
      CHECK(found.tokens == M);
      CHECK(found.bytes == bytes);
      CHECK(reports == batches_at(run->task(), 16, plan));
      CHECK(found.loss == doctest::Approx(nats / static_cast<double>(M)).epsilon(1e-5));
      CHECK(found.bits_per_byte() ==
            doctest::Approx(nats / std::log(2.0) / static_cast<double>(bytes)).epsilon(1e-5));
    }
    Batch all{Index({1, M}), Index({1, M})};
    std::copy_n(text.begin(), M, all.tokens.data());
    std::copy_n(text.begin() + 1, M, all.targets.data());
    Context context;
    const auto once = evaluate_at(*model, run->task(), 0, {.stride = 0}, [](auto&) {});
    CHECK(once.tokens == M);
    CHECK(once.loss ==
          doctest::Approx(model->score(all, context).loss.value().item()).epsilon(1e-4));
  }
}

TEST_CASE("program: a run in pieces keeps them, and goes on with no others") {
  const Folder folder;
  const std::string file = folder / "text.txt", run = folder / "run", kept = run + "/pieces.model";
  put(file, story(9, 3000));
  REQUIRE(train(file, run, "--pieces 300 --steps 2").code == 0);
  const std::string model = get(kept);
  const ProgramEnd wrote =
      gnomon_run(words("generate --tokens 3 --run", run, "--prompt", "two  na\xc3\xafve"));
  CHECK(wrote.out.starts_with("two  na\xc3\xafve"));
  CHECK(gnomon_run(words("generate --run", run, "--prompt", "\xff")).code == 2);
  const ProgramEnd judged = gnomon_run(words("eval --lengths 16 --quiet --json - --run", run));
  const Json row = parse_json(judged.out, "eval")["results"][0];
  CHECK(row["bytes"] > 2 * row["tokens"].get<double>());
  CHECK(gnomon_run(words("eval --stride 0 --quiet --run", run)).code == 0);
  CHECK(gnomon_run(words("eval --lengths 16 --stride 17 --quiet --run", run)).code == 2);
  CHECK(gnomon_run(words("eval --lengths 16 --stride 0 --quiet --run", run)).code == 2);

  // The same pieces for another run, whose config.ini alone makes it again.
  const std::string other = folder / "other", third = folder / "third";
  REQUIRE(train(file, other, "--steps 2 --pieces-from " + run).code == 0);
  CHECK(get(other + "/pieces.model") == model);
  CHECK(get(other + "/model.safetensors").size() > 0);
  CHECK(train(file, third, "--steps 2 --pieces 301 --pieces-from " + run).code == 2);
  CHECK(train(file, third, "--steps 2 --pieces-from " + file).code == 3);

  put(kept, Pieces::learn(story(8, 3000), 300).model());
  for (const char* call :
       {"eval --lengths 16 --run", "train --resume", "generate --prompt x --run"}) {
    const ProgramEnd e = gnomon_run(words(call, run));
    CHECK(e.code == 3);
    CHECK_MESSAGE(e.err.find("pieces.model is not the one") != std::string::npos, e.err);
  }
  std::filesystem::remove(kept);
  CHECK(gnomon_run(words("train --resume", run)).code == 3);
  std::filesystem::remove_all(run);  // the other run has a copy of its own
  CHECK(gnomon_run(words("eval --lengths 16 --quiet --run", other)).code == 0);
}
