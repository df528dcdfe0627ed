// The task "text": real bytes from files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/tasks.hpp"

using namespace gnomon;

TEST_CASE("text: the example of the header is what the generator makes") {
  const TemporaryFile file("to be, or not to be, that is");
  const auto task = make_task("text", {{"file", file.path}, {"validation", ".5"}});
  const Batch batch = task->test_batch(1, 9, Random(1));
  const auto letter = [](int32_t v) {
    return v == ' ' ? std::string("_") : std::string(1, static_cast<char>(v));
  };
  const std::string example =
      line("token", batch.tokens, letter) + line("target", batch.targets, letter);
  INFO(example);
  CHECK(source("text.hpp").find(example) != std::string::npos);
}

TEST_CASE("text: train and test never share a byte, and every crop can be drawn") {
  for (size_t size = 4; size <= 9; ++size)
    for (const char* part : {".3", ".5", ".7"}) {
      std::string text;
      for (size_t i = 0; i < size; ++i)
        text += static_cast<char>('a' + i);  // a byte is its position
      const TemporaryFile file(text);
      const auto kept =
          static_cast<size_t>(std::llround(std::stod(part) * static_cast<double>(size)));
      const size_t boundary = size - kept;
      if (std::min(boundary, kept) < 2) continue;
      const auto task = make_task("text", {{"file", file.path}, {"validation", part}});
      for (size_t length = 1; length + 1 <= std::min(boundary, kept); ++length) {
        CAPTURE(size);
        CAPTURE(part);
        CAPTURE(length);
        std::vector<size_t> train(size), test(size);  // how often each position was drawn
        const auto count = [&](const Batch& batch, std::vector<size_t>& drawn) {
          for (size_t e = 0; e < batch.tokens.size(); ++e) {
            CHECK(batch.targets.data()[e] == batch.tokens.data()[e] + 1);
            ++drawn.at(static_cast<size_t>(batch.tokens.data()[e] - 'a'));
            ++drawn.at(static_cast<size_t>(batch.targets.data()[e] - 'a'));
          }
        };
        count(task->train_batch(200, length, Random(1)), train);
        count(task->test_batch(200, length, Random(1)), test);
        for (size_t i = 0; i < size; ++i) {
          CHECK((train[i] > 0) == (i < boundary));
          CHECK((test[i] > 0) == (i >= boundary));
        }
      }
    }
}

TEST_CASE("text: every byte passes through unchanged, line ends, NUL and invalid UTF-8 too") {
  std::string text = "a\r\nb\nc\r" + std::string(3, '\0') + "\xff\xfe\xc3\x28\xed\xa0\x80";
  for (int v = 0; v < 256; ++v) text += static_cast<char>(v);
  const TemporaryFile file(text + text);
  const auto task = make_task("text", {{"file", file.path}, {"validation", ".5"}});
  const size_t length = text.size() - 1;  // one crop fits in each split: all of it
  for (const Batch& batch :
       {task->train_batch(1, length, Random(1)), task->test_batch(1, length, Random(1))})
    for (size_t n = 0; n < length; ++n) {
      CHECK(batch.tokens(0, n) == static_cast<unsigned char>(text[n]));
      CHECK(batch.targets(0, n) == static_cast<unsigned char>(text[n + 1]));
    }
}

TEST_CASE("text: several files are joined in the order given") {
  const TemporaryFile first("abc"), second("def");
  const auto task =
      make_task("text", {{"file", second.path + " , " + first.path}, {"validation", ".5"}});
  const Batch train = task->train_batch(1, 2, Random(1)), test = task->test_batch(1, 2, Random(1));
  CHECK(Numbers(train).tokens == std::vector<int32_t>{'d', 'e'});
  CHECK(Numbers(train).targets == std::vector<int32_t>{'e', 'f'});
  CHECK(Numbers(test).tokens == std::vector<int32_t>{'a', 'b'});
  CHECK(Numbers(test).targets == std::vector<int32_t>{'b', 'c'});
}

TEST_CASE("text: chance and the bits of single bytes, counted by hand") {
  // Train "aaab", validation "abca": 'a' is commonest and makes half of the validation split.
  const TemporaryFile file("aaababca");
  const auto task = make_task("text", {{"file", file.path}, {"validation", ".5"}});
  CHECK(task->chance(1) == 0.5);
  CHECK(task->in_bits_per_byte());
  const double a = std::log2(4.0 / 260), b = std::log2(2.0 / 260), c = std::log2(1.0 / 260);
  CHECK(*task->baseline_bits_per_byte() == doctest::Approx(-(2 * a + b + c) / 4).epsilon(1e-12));
  CHECK(!make_task("copy", {})->baseline_bits_per_byte());
}

TEST_CASE("text: where a crop has two continuations the oracle names the commoner") {
  const TemporaryFile file(
      "zzzzzz"
      "abxabyaby");
  const auto task = make_task("text", {{"file", file.path}, {"validation", ".6"}});
  const Batch question{Index({1, 2}, {'a', 'b'}), Index({1, 2}, -1)};
  CHECK(task->oracle(question)(0, 0) == 'b');
  CHECK(task->oracle(question)(0, 1) == 'y');
  const Batch foreign{Index({1, 2}, {'q', 'q'}), Index({1, 2}, -1)};
  CHECK(sentence(Fault::misuse, [&] {
          task->oracle(foreign);
        }).find("text: oracle: sequence 0 of the batch is not in ") == 0);
}

TEST_CASE("text: files that cannot be used are input errors that name the file and the sizes") {
  const TemporaryFile some("some text"), empty(""), one("x");
  const auto wrong = [](const std::string& files) {
    return sentence(Fault::data, [&] { make_task("text", {{"file", files}}); });
  };
  const std::string folder = std::filesystem::temp_directory_path().string();
  CHECK(wrong(some.path + ".not").find(some.path + ".not") != std::string::npos);
  CHECK(wrong(some.path + "," + some.path + ".not").find(some.path + ".not") != std::string::npos);
  CHECK(wrong(folder).find(folder) != std::string::npos);
  const TemporaryFile huge("");
  std::filesystem::resize_file(huge.path, (size_t{1} << 31) + 1);  // a hole: takes no room
  CHECK(wrong(huge.path).find(huge.path) != std::string::npos);
  CHECK(wrong(empty.path) == "text: " + empty.path + ": expected some text, got an empty file");
  CHECK(wrong(some.path + "," + empty.path).find(empty.path) != std::string::npos);
  CHECK(wrong(one.path) == "text: " + one.path +
                               ": 1 bytes, split into 1 to train and 0 to test; "
                               "a length of 1 needs 2 in each");
  const auto task =
      make_task("text", {{"file", some.path}, {"validation", ".3"}});  // 6 and 3 bytes
  task->test_batch(1, 2, Random(1));
  CHECK(sentence(Fault::data, [&] { task->check_length(3); }) ==
        "text: " + some.path +
            ": 9 bytes, split into 6 to train and 3 to test; a length of 3 needs 4 in each");
  CHECK(sentence(Fault::data, [&] { task->train_batch(1, 3, Random(1)); }) ==
        sentence(Fault::data, [&] { task->test_batch(1, 3, Random(1)); }));
}
