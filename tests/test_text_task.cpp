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
  CHECK(source("text.cpp").find(example) != std::string::npos);
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

TEST_CASE("text: what is held out lies between train and test, and is neither") {
  std::string text;
  for (int v = 0; v < 200; ++v) text += static_cast<char>(v);  // a byte is its position
  const TemporaryFile file(text);
  const auto task =
      make_task("text", {{"file", file.path}, {"validation", ".25"}, {"held-out", ".1"}});
  std::vector<size_t> train(201), held_out(201), test(201);
  const auto count = [&](const Batch& batch, std::vector<size_t>& drawn) {
    for (const int32_t v : batch.tokens) ++drawn.at(static_cast<size_t>(v));
    for (const int32_t v : batch.targets) ++drawn.at(static_cast<size_t>(v));
    CHECK(task->oracle(batch)(0, 0) == batch.targets(0, 0));
  };
  for (size_t i = 0; i < 20; ++i) {
    count(task->train_batch(200, 3, Random(i)), train);
    count(task->validation_batch(200, 3, Random(i)), held_out);
    count(task->test_batch(200, 3, Random(i)), test);
  }
  for (size_t i = 0; i < 200; ++i) {
    CHECK((train[i] > 0) == (i < 130));
    CHECK((held_out[i] > 0) == (i >= 130 && i < 150));
    CHECK((test[i] > 0) == (i >= 150));
  }
  CHECK(sentence(Fault::data, [&] { task->check_length(20); }) ==
        "text: " + file.path +
            ": 200 bytes, split into 130 to train, 20 held out and 50 to test; a length of 20 "
            "needs 21 in each");
  const auto without = make_task("text", {{"file", file.path}});
  CHECK(sentence(Fault::option, [&] {
          without->validation_batch(1, 3, Random(1));
        }).starts_with("held-out: expected a part of the text to watch the run by"));
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

TEST_CASE("text: the same text twice is refused, however it is named") {
  const std::string text = noise(400);
  const TemporaryFile one(text), copy(text), other(noise(401));
  const std::string hard = one.path + "-hard", soft = one.path + "-soft";
  std::filesystem::create_hard_link(one.path, hard);
  std::filesystem::create_symlink(one.path, soft);
  for (const std::string& second : {one.path, copy.path, hard, soft}) {
    CAPTURE(second);
    for (const std::string& files :
         {one.path + "," + second, one.path + "," + other.path + "," + second}) {
      const std::string said = sentence(Fault::option, [&] {
        make_task("text", {{"file", files}});
      });
      CHECK(said.find("hold the same text") != std::string::npos);
      CHECK(said.find(second) != std::string::npos);
    }
  }
  make_task("text", {{"file", one.path + "," + other.path}});
  std::filesystem::remove(hard), std::filesystem::remove(soft);
}

TEST_CASE("text: what is no plain text is refused by what it is") {
  using namespace std::string_literals;
  for (const auto& [begin, what] :
       std::vector<std::pair<std::string, std::string>>{{"\x1f\x8b\x08", "gzip"},
                                                        {"\xff\xfet\0o\0"s, "UTF-16"},
                                                        {"\xfe\xff\0t\0o"s, "UTF-16"},
                                                        {"\xef\xbb\xbfto be", "byte order mark"},
                                                        {"\xfd\x37zXZ", "xz"},
                                                        {"\x28\xb5\x2f\xfd", "zstd"},
                                                        {"BZh9", "bzip2"},
                                                        {"PK\3\4", "zip"}}) {
    const auto& current_what = what;
    CAPTURE(current_what);
    const TemporaryFile good(noise(300)), bad(begin + noise(300)), inside("a" + begin + noise(300));
    const std::string said = sentence(Fault::data, [&] {
      make_task("text", {{"file", good.path + "," + bad.path}});
    });
    CHECK(said.starts_with("text: " + bad.path + ": expected plain text, got "));
    CHECK(said.find(what) != std::string::npos);
    make_task("text", {{"file", inside.path}});
  }
}

TEST_CASE("text: names are kept as absolute ones, and may hold commas and blanks where alone") {
  const auto kept = [](const std::string& files) {
    auto task = make_registered<Task>("text", "task");
    Fields fields;
    task->declare(fields);
    fields.set("file", files);
    return fields.find("file")->value;
  };
  const std::string here = std::filesystem::current_path().string();
  CHECK(kept("a.txt") == here + "/a.txt");
  CHECK(kept("a.txt, ./sub/../b.txt") == here + "/a.txt," + here + "/b.txt");
  CHECK(kept("/x/a.txt") == "/x/a.txt");
  CHECK(kept("") == "");
  const TemporaryFile plain(noise(300));
  for (const std::string end : {",b", ", b", " ", ","}) {
    const std::string odd = plain.path + end;
    std::filesystem::copy_file(plain.path, odd);
    CHECK(kept(odd) == odd);
    CHECK(make_task("text", {{"file", odd}})->fingerprint() ==
          make_task("text", {{"file", plain.path}})->fingerprint());
    std::filesystem::remove(odd);
  }
  CHECK(sentence(Fault::data, [] {
          make_task("text", {{"file", "none.txt"}});
        }).find(here + "/none.txt") != std::string::npos);
}

TEST_CASE("text: the fingerprint knows every byte and the order, not the name") {
  const std::string text = noise(1000);
  std::string changed = text;
  changed[700] = static_cast<char>(changed[700] ^ 1);
  const TemporaryFile one(text), copy(text), other(changed), first(text.substr(0, 500)),
      second(text.substr(500));
  const auto of = [](const std::string& files) {
    return make_task("text", {{"file", files}})->fingerprint();
  };
  CHECK(of(one.path).starts_with("1000 bytes, "));
  CHECK(of(copy.path) == of(one.path));
  CHECK(of(first.path + "," + second.path) == of(one.path));
  CHECK(of(second.path + "," + first.path) != of(one.path));
  CHECK(of(other.path) != of(one.path));
  CHECK(make_task("copy", {})->fingerprint() == "");
}

TEST_CASE("text: test sequences are counted, as often as there are places") {
  const TemporaryFile file("0123456789");
  const auto task = make_task("text", {{"file", file.path}, {"validation", ".5"}});  // "56789"
  CHECK(task->test_sequences(4) == 1);
  CHECK(task->test_sequences(2) == 3);
  CHECK(!make_task("copy", {})->test_sequences(9));
}
