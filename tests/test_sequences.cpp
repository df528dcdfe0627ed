// The task "sequences": folders that the user wrote.
#include <doctest/doctest.h>

#include "core/base/file.hpp"
#include "tasks/sequence_folder.hpp"
#include "tests/tasks.hpp"

using namespace gnomon;

namespace {

const std::string kData = R"({"format": "gnomon-sequences-1", "vocabulary": 4})";
const std::string kLine = R"({"tokens": [1, 2, 3], "targets": [-1, -1, 3]})";

/// A folder with these files; what is not said is right.
struct Files : Folder {
  Files(const std::string& name, const std::string& text) {
    put(*this / "data.json", kData);
    put(*this / "train.jsonl", kLine + "\n" + R"({"tokens": [0, 2, 3], "next": 1})" + "\n");
    put(*this / "test.jsonl", R"({"tokens": [1, 1, 3], "next": 1})"
                              "\n");
    if (text == "none")
      std::filesystem::remove(*this / name);
    else if (!name.empty())
      put(*this / name, text);
  }
};

/// The sentence without the name of the folder.
std::string refusal(const std::string& name, const std::string& text) {
  const Files folder(name, text);
  std::string said =
      sentence(Fault::data, [&] { SequenceFolder(folder.path(), false).warnings(); });
  for (size_t at; (at = said.find(folder.path() + "/")) != said.npos;)
    said.erase(at, folder.path().size() + 1);
  return said;
}

}  // namespace

TEST_CASE("sequences: the example of the header is what a test line becomes") {
  const Files folder("test.jsonl", R"({"tokens": [1, 7, 3, 10, 3, 7], "next": 3})");
  put(folder / "data.json",
      R"({"format": "gnomon-sequences-1", "vocabulary": 11,
          "spelling": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "|"]})");
  const auto task = make_task("sequences", {{"folder", folder.path()}});
  const Batch batch = task->test_batch(1, 5, Random(1));
  const auto word = [&](int32_t v) { return task->spell(v); };
  const std::string example =
      line("token", batch.tokens, word) + line("target", batch.targets, word);
  INFO(example);
  CHECK(source("sequences.cpp").find(example) != std::string::npos);
  CHECK(task->read("7 | 3", "prompt") == std::vector<int32_t>{7, 10, 3});
  CHECK(sentence(Fault::option, [&] { task->read("7 + 3", "prompt"); }).find("'+'") !=
        std::string::npos);
}

TEST_CASE("sequences: a folder that is wrong is refused, by file and line") {
  struct Wrong {
    std::string file, text, said;
  };
  const auto data = [](const std::string& more) {
    return Wrong{"data.json", kData.substr(0, kData.size() - 1) + ", " + more + "}", ""};
  };
  const auto with = [](Wrong wrong, const std::string& said) {
    wrong.said = said;
    return wrong;
  };
  const auto second = [](const std::string& line, const std::string& said) {
    return Wrong{"train.jsonl", kLine + "\n" + line + "\n", "train.jsonl: line 2" + said};
  };
  const std::string token = "expected a whole number from 0 to 3, got ",
                    target = "expected a whole number from -1 to 3, got ";
  const std::vector<Wrong> all{
      {"data.json", "none", "data.json: cannot open: No such file or directory"},
      {"data.json", "", "data.json: not valid JSON at byte 1"},
      {"data.json", "[]", "data.json: expected an object {...}"},
      {"data.json", "{}", "data.json: the key 'format' is missing"},
      {"data.json", R"({"format": "gnomon-sequences-1"})",
       "data.json: the key 'vocabulary' is missing"},
      {"data.json", R"({"format": "gnomon-sequences-2", "vocabulary": 4})",
       "data.json: format: expected \"gnomon-sequences-1\", got 'gnomon-sequences-2'"},
      {"data.json", R"({"format": 1, "vocabulary": 4})", "data.json: format: expected a text"},
      {"data.json", R"({"format": "gnomon-sequences-1", "vocabulary": 1})",
       "data.json: vocabulary: expected a whole number from 2 to 16777216"},
      {"data.json", R"({"format": "gnomon-sequences-1", "vocabulary": 4.0})",
       "data.json: vocabulary: expected a whole number from 2 to 16777216"},
      with(data(R"("vocabulary": 4)"), "data.json: the key 'vocabulary' is there twice"),
      with(data(R"("names": [])"),
           "data.json: the key 'names' is unknown; known: format, vocabulary, padding, spelling, "
           "chance, what"),
      with(data(R"("padding": 4)"), "data.json: padding: expected a whole number from 0 to 3"),
      with(data(R"("chance": 1.5)"), "data.json: chance: expected a share from 0 to 1, got 1.5"),
      with(data(R"("what": 3)"), "data.json: what: expected a text"),
      with(data(R"("spelling": ["a", "b", "c"])"),
           "data.json: spelling: expected a list of 4 words, one for each token, got 3"),
      with(data(R"("spelling": "abcd")"),
           "data.json: spelling: expected a list of 4 words, one for each token, got no list"),
      with(data(R"("spelling": ["a", "b", "c", "a"])"),
           "data.json: spelling[3]: the word 'a' is there twice"),
      with(data(R"("spelling": ["a", "b", "c", ""])"),
           "data.json: spelling[3]: expected a word of 1 to 32 printable ASCII characters without "
           "blanks and commas, got ''"),
      with(data(R"("spelling": ["a", "b", "c", "d e"])"),
           "data.json: spelling[3]: expected a word of 1 to 32 printable ASCII characters without "
           "blanks and commas, got 'd e'"),
      {"train.jsonl", "none", "train.jsonl: cannot open: No such file or directory"},
      {"test.jsonl", "none", "test.jsonl: cannot open: No such file or directory"},
      {"train.jsonl", "", "train.jsonl: expected a sequence a line, got an empty file"},
      {"validation.jsonl", "", "validation.jsonl: expected a sequence a line, got an empty file"},
      {"train.jsonl", "\n" + kLine, "train.jsonl: line 1: expected a sequence, got an empty line"},
      second("  ", ": expected a sequence, got an empty line"),
      second("[1, 2, 3]", ": expected an object {...}"),
      second(R"({"tokens": [1, 2, 3])", ": not valid JSON at byte 21"),
      second("{'tokens': [1]}", ": not valid JSON at byte 2"),
      second(R"({"tokens": [1], "tokens": [1]})", ": the key 'tokens' is there twice"),
      second(R"({"tokens": [1], "answers": [1]})",
             ": the key 'answers' is unknown; known: tokens, targets, next"),
      second(R"({"targets": [1]})", ": the key 'tokens' is missing"),
      second(R"({"tokens": [1, 2]})", ": expected either `targets` or `next`, got neither"),
      second(R"({"tokens": [1, 2], "targets": [1, 2], "next": 0})",
             ": expected either `targets` or `next`, got both"),
      second(R"({"tokens": "12", "targets": [1, 2]})", ": tokens: expected a list of numbers"),
      second(R"({"tokens": [1, 2], "targets": 1})", ": targets: expected a list of numbers"),
      second(R"({"tokens": [1, 2], "targets": [1]})",
             ": targets: expected 2, as many as tokens, got 1"),
      second(R"({"tokens": [], "targets": []})", ": tokens: expected 1 or more, got 0"),
      second(R"({"tokens": [1], "next": 0})", ": tokens: expected 2 or more, got 1"),
      second(R"({"tokens": [1, 2], "next": 1})", ": next: expected a whole number from 0 to 0"),
      second(R"({"tokens": [1, 4], "targets": [1, 2]})", ": tokens[1]: " + token + "'4'"),
      second(R"({"tokens": [-1, 2], "targets": [1, 2]})", ": tokens[0]: " + token + "'-1'"),
      second(R"({"tokens": [1.0, 2], "targets": [1, 2]})", ": tokens[0]: " + token + "'1.0'"),
      second(R"({"tokens": [true, 2], "targets": [1, 2]})", ": tokens[0]: " + token + "'true'"),
      second(R"({"tokens": [1, 2147483648], "targets": [1, 2]})",
             ": tokens[1]: " + token + "'2147483648'"),
      second(R"({"tokens": [1, 18446744073709551615], "targets": [1, 2]})",
             ": tokens[1]: " + token + "'18446744073709551615'"),
      second(R"({"tokens": [1, [2]], "targets": [1, 2]})", ": nested more than 2 deep"),
      second(R"({"tokens": [1, 2], "targets": [1, -2]})", ": targets[1]: " + target + "'-2'"),
      second(R"({"tokens": [1, 2], "targets": [1, 4]})", ": targets[1]: " + target + "'4'"),
      second(R"({"tokens": [1, 2], "targets": [1, "2"]})", ": targets[1]: " + target + "'\"2\"'"),
      second(R"({"tokens": [1, 9], "next": 0})", ": tokens[1]: " + token + "'9'"),
      second(R"({"tokens": [1, 2], "targets": [-1, -1]})",
             ": nothing is scored: all targets are -1"),
      second(std::string("{\"tokens\": [1, 2], \"next\": 0}\0", 30),
             ": not valid JSON at byte 30: a zero byte"),
      {"test.jsonl", kLine,
       "test.jsonl: line 1: its tokens stand in train.jsonl too, in line 1, and so do those of 1 "
       "of 1 lines: what is learned would be judged; remove them, or allow it with --overlap "
       "allowed"},
  };
  CHECK(all.size() > 30);
  for (const Wrong& wrong : all) {
    CAPTURE(wrong.file);
    CAPTURE(wrong.text);
    CHECK(refusal(wrong.file, wrong.text) == wrong.said);
  }
  CHECK(sentence(Fault::data, [] { SequenceFolder("no/folder", false); }) ==
        "no/folder: there is no such folder");
}

TEST_CASE("sequences: lines that stand in two parts") {
  const Files folder("validation.jsonl", R"({"tokens": [1, 1, 3], "next": 0})");
  const auto refused = sentence(Fault::data, [&] { SequenceFolder(folder.path(), false); });
  CHECK(refused.find("test.jsonl: line 1: its tokens stand in validation.jsonl too") !=
        refused.npos);
  CHECK(SequenceFolder(folder.path(), true).test().lines() == 1);
  CHECK(make_task("sequences", {{"folder", folder.path()}, {"overlap", "allowed"}})->vocabulary() ==
        4);
}

TEST_CASE("sequences: targets and `next` say the same") {
  const Files folder("train.jsonl", R"({"tokens": [1, 3, 0, 2], "next": 1})"
                                    "\r\n"
                                    R"({"tokens": [1, 3, 0], "targets": [-1, 0, 2]})"
                                    "\n");
  const SequenceFolder read(folder.path(), false);
  CHECK(read.train().tokens == std::vector<int32_t>{1, 3, 0, 1, 3, 0});
  CHECK(read.train().targets == std::vector<int32_t>{-1, 0, 2, -1, 0, 2});
  CHECK(read.train().begins == std::vector<size_t>{0, 3, 6});
}

TEST_CASE("sequences: training pads lines up to the length, tests are all of one length") {
  const DigitSums folder;
  const auto task = make_task("sequences", {{"folder", folder.path()}});
  CHECK(task->listed_lengths() == std::vector<size_t>{6, 12});
  CHECK(*task->test_sequences(12) == 30);
  CHECK(*task->test_sequences(6) == 10);
  const Batch longest = task->train_batch(8, 12, Random(1));
  CHECK(longest.tokens.shape() == Shape{8, 12});
  size_t padded = 0;
  for (size_t b = 0; b < 8; ++b)
    if (longest.targets(b, 11) < 0) {
      ++padded;
      for (size_t n = 6; n < 12; ++n) {
        CHECK(longest.tokens(b, n) == 0);
        CHECK(longest.targets(b, n) == -1);
      }
      CHECK(longest.targets(b, 5) >= 0);
    }
  CHECK(padded > 0);
  CHECK(task->train_batch(8, 11, Random(1)).tokens.shape() == Shape{8, 6});
  CHECK(task->rehearsal_batch(2, 20, Random(1)).tokens.shape() == Shape{2, 20});
  CHECK(task->validation_batch(2, 12, Random(1)).tokens.shape() == Shape{2, 12});
  CHECK(task->validation_batch(2, 12, Random(1)).targets(0, 8) >= 0);
  CHECK(task->validation_batch(2, 12, Random(1)).targets(0, 9) == -1);

  // Every test line once, in order.
  const SequenceFolder read(folder.path(), false);
  std::vector<int32_t> all;
  for (size_t first = 0; first < 30; first += 10) {
    const Batch part = task->listed_tests(first, 10, 12);
    all.insert(all.end(), part.tokens.begin(), part.tokens.end());
  }
  std::vector<int32_t> expected;
  for (const size_t line : read.tests().at(12))
    expected.insert(expected.end(), read.test().tokens.data() + read.test().begins[line],
                    read.test().tokens.data() + read.test().begins[line + 1]);
  CHECK(all == expected);
  CHECK(sentence(Fault::option, [&] { task->test_batch(1, 9, Random(1)); }) ==
        fmt::format("length: expected one of 6, 12, as the lines of {}/test.jsonl have it, got 9",
                    folder.path()));
  CHECK(sentence(Fault::data, [&] {
          const Files short_lines("train.jsonl",
                                  R"({"tokens": [1, 2, 3, 2], "targets": [0, 0, 0, 0]})");
          make_task("sequences", {{"folder", short_lines.path()}})->check_length(2);
        }).find("expected lines of at most 2 tokens, got none") != std::string::npos);
}

TEST_CASE("sequences: chance is the commonest training answer's, or what the folder says") {
  const Files folder("train.jsonl", R"({"tokens": [0, 1], "targets": [2, 2]})"
                                    "\n"
                                    R"({"tokens": [2, 1], "targets": [3, -1]})"
                                    "\n");
  put(folder / "test.jsonl", R"({"tokens": [1, 1, 1, 1], "targets": [2, 1, 1, 1]})"
                             "\n"
                             R"({"tokens": [3, 3], "targets": [2, -1]})"
                             "\n");
  const SequenceFolder read(folder.path(), false);
  CHECK(read.chance(4) == .25);
  CHECK(read.chance(2) == 1);
  CHECK(read.chance(3) == doctest::Approx(.4));  // no such lines: of all
  CHECK(read.warnings() ==
        std::vector<std::string>{"1 token of what is judged never stands in training: 3",
                                 "1 answer of what is judged never stands in training: 1"});
  put(folder / "data.json", kData.substr(0, kData.size() - 1) + R"(, "chance": 0.5})");
  CHECK(SequenceFolder(folder.path(), false).chance(4) == .5);
}

TEST_CASE("sequences: known by its bytes, wherever it lies") {
  const DigitSums one, two;
  const auto print = [](const Folder& f) {
    return make_task("sequences", {{"folder", f.path()}})->fingerprint();
  };
  CHECK(print(one) == print(two));
  std::string text = get(two / "train.jsonl");
  text[text.find("[") + 1] ^= 1;
  put(two / "train.jsonl", text);
  CHECK(print(one) != print(two));
}
