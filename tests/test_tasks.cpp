// Every registered task must pass what stands under "every task"; a task without a row fails.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tasks/copy.hpp"
#include "tasks/text.hpp"

using namespace gnomon;

namespace {

// A file that exists as long as the test case.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& content) {
    static int count = 0;
    path = (std::filesystem::temp_directory_path() /
            fmt::format("gnomon-test-tasks-{}-{}", getpid(), count++))
               .string();
    std::ofstream(path, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

using Options = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Task> make_task(const std::string& name, const Options& options) {
  auto task = make_registered<Task>(name, "task");
  Fields fields;
  task->declare(fields);
  for (const auto& [option, value] : options) fields.set(option, value);
  task->prepare();
  return task;
}

// Independent bytes, one in four an 'e': no 24 of them occur twice.
std::string noise(size_t size) {
  Random random(7);
  std::string text(size, 'e');
  for (char& c : text)
    if (random.below(4)) c = static_cast<char>(random.below(256));
  return text;
}

struct Row {
  std::string task;
  Options options;
  size_t length;
  uint64_t fingerprint;
};

std::vector<Row> rows() {
  static const TemporaryFile kNoise(noise(200'000));
  return {
      {"copy", {{"payload", "8"}}, 21, 477176465966134720u},
      {"copy", {{"payload", "5"}, {"symbols", "3"}, {"gap-symbols", "4"}}, 40, 104639585490791363u},
      {"text", {{"file", kNoise.path}}, 24, 11218593587333677626u},
  };
}

struct Numbers {
  std::vector<int32_t> tokens, targets;
  explicit Numbers(const Batch& b)
      : tokens(b.tokens.begin(), b.tokens.end()), targets(b.targets.begin(), b.targets.end()) {}
  bool operator==(const Numbers&) const = default;
};

size_t scored(const Batch& batch) {
  return static_cast<size_t>(
      std::count_if(batch.targets.begin(), batch.targets.end(), [](int32_t t) { return t >= 0; }));
}

double accuracy(const Index& answers, const Batch& batch) {
  expect_shape(answers, batch.targets.shape(), "answers");
  size_t right = 0;
  for (size_t e = 0; e < answers.size(); ++e)
    right += batch.targets.data()[e] >= 0 && answers.data()[e] == batch.targets.data()[e];
  return static_cast<double>(right) / static_cast<double>(scored(batch));
}

// FNV-1a over the numbers of the first batches.
uint64_t fingerprint(const Task& task, size_t length) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto take = [&](const Index& numbers) {
    for (const int32_t v : numbers) hash = (hash ^ static_cast<uint32_t>(v)) * 0x100000001b3u;
  };
  for (uint64_t seed = 1; seed <= 3; ++seed)
    for (const Batch& batch :
         {task.train_batch(2, length, Random(seed)), task.test_batch(2, length, Random(seed))}) {
      take(batch.tokens);
      take(batch.targets);
    }
  return hash;
}

std::string source(const std::string& name) {
  std::ifstream in(std::string(GNOMON_SOURCE_DIR) + "/tasks/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The first sequence as the headers print it: "//   token      3  1"; "." is not scored.
template <class Show>
std::string line(const char* what, const Index& numbers, Show&& show) {
  std::string text = fmt::format("//   {:<7}", what);
  for (size_t n = 0; n < numbers.shape().last(); ++n)
    text += fmt::format("{:>3}", numbers.row(0)[n] < 0 ? "." : show(numbers.row(0)[n]));
  return text + "\n";
}

std::string sentence(Exit code, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("every task has a row in this file, and one in the folder's README") {
  std::vector<std::string> tested;
  for (const Row& row : rows())
    if (tested.empty() || tested.back() != row.task) tested.push_back(row.task);
  CHECK(tested == registered_names<Task>());
  for (const std::string& name : tested)
    CHECK(source("README.md").find("\n| `" + name + "` |") != std::string::npos);
}

TEST_CASE("every task: batches are a pure function of the stream") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options), again = make_task(row.task, row.options);
    const auto train = [&](const Task& t, uint64_t seed) {
      return Numbers(t.train_batch(3, row.length, Random(seed)));
    };
    const auto test = [&](const Task& t, uint64_t seed) {
      return Numbers(t.test_batch(3, row.length, Random(seed)));
    };
    CHECK(train(*task, 1) == train(*again, 1));
    CHECK(test(*task, 1) == test(*again, 1));
    CHECK(train(*task, 1) != train(*task, 2));
    CHECK(test(*task, 1) != test(*task, 2));
    CHECK(train(*task, 1) != test(*task, 1));
    CHECK(fingerprint(*task, row.length) == row.fingerprint);
  }
}

TEST_CASE("every task: tokens and targets are in range, and what is shown is what was asked") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    for (uint64_t seed = 0; seed < 20; ++seed)
      for (const Batch& batch : {task->train_batch(3, row.length, Random(seed)),
                                 task->test_batch(3, row.length, Random(seed))}) {
        const auto [B, N] = dims<2>(batch.tokens, "tokens [B,N]");
        CHECK(B == 3);
        expect_shape(batch.targets, {B, N}, "targets [B,N]");
        expect_below(batch.tokens, task->vocabulary(), "tokens [B,N]");
        expect_below(batch.targets, task->vocabulary(), "targets [B,N]", -1);
        for (size_t b = 0; b < B; ++b)
          for (size_t n = 0; n + 1 < N; ++n)
            if (batch.targets(b, n) >= 0) CHECK(batch.targets(b, n) == batch.tokens(b, n + 1));
      }
  }
}

TEST_CASE("every task: the oracle is always right, without the targets") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    for (uint64_t seed = 0; seed < 50; ++seed)
      for (const Batch& batch : {task->train_batch(2, row.length, Random(seed)),
                                 task->test_batch(2, row.length, Random(seed))}) {
        CHECK(scored(batch) > 0);
        const Batch question{batch.tokens, Index(batch.targets.shape(), -1)};
        CHECK(accuracy(task->oracle(question), batch) == 1);
      }
  }
}

TEST_CASE("every task: the commonest answer of the training batches scores the stated chance") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    std::vector<size_t> counts(task->vocabulary());
    const Batch seen = task->train_batch(200, row.length, Random(1));
    for (const int32_t t : seen.targets)
      if (t >= 0) ++counts[static_cast<size_t>(t)];
    const auto guess =
        static_cast<int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());

    const Batch batch = task->test_batch(400, row.length, Random(2));
    const double p = task->chance(),
                 deviation = std::sqrt(p * (1 - p) / static_cast<double>(scored(batch)));
    CHECK(p > 0);
    CHECK(std::abs(accuracy(Index(batch.targets.shape(), guess), batch) - p) < 4 * deviation);
    CHECK(4 * deviation < p / 3);  // the bound says something
  }
}

TEST_CASE("every task: a length that is too short, or beyond 32 bits, is a usage error") {
  for (const Row& row : rows()) {
    CAPTURE(row.task);
    const auto task = make_task(row.task, row.options);
    const size_t shortest = task->shortest_length();
    for (const size_t bad : {size_t{0}, shortest - 1, (size_t{1} << 30) + 1, SIZE_MAX}) {
      const std::string expected = fmt::format("length ({}): expected {} to 1073741824, got {}",
                                               task->length_meaning(), shortest, bad);
      CHECK(sentence(Exit::usage, [&] { task->train_batch(1, bad, Random(1)); }) == expected);
      CHECK(sentence(Exit::usage, [&] { task->test_batch(1, bad, Random(1)); }) == expected);
      CHECK(sentence(Exit::usage, [&] { task->check_length(bad); }) == expected);
    }
    CHECK(scored(task->train_batch(1, shortest, Random(1))) > 0);
    CHECK(scored(task->test_batch(1, shortest, Random(1))) > 0);
  }
}

TEST_CASE("tasks: wrong options are usage errors with a sentence") {
  const auto wrong =
      [](const std::string& task, const std::string& option, const std::string& value) {
    return sentence(Exit::usage, [&] { make_task(task, {{option, value}}); });
  };
  CHECK(wrong("copy", "payload", "0") ==
        "--payload: expected a whole number from 1 to 65536, got '0'");
  CHECK(wrong("copy", "symbols", "1") ==
        "--symbols: expected a whole number from 2 to 65536, got '1'");
  CHECK(wrong("copy", "symbols", "-1") ==
        "--symbols: expected a whole number from 2 to 65536, got '-1'");
  CHECK(wrong("copy", "gap-symbols", "x") ==
        "--gap-symbols: expected a whole number from 1 to 65536, got 'x'");
  CHECK(wrong("copy", "symbol", "20") == "unknown option 'symbol'; did you mean 'symbols'?");
  CHECK(wrong("text", "validation", "0") ==
        "--validation: expected a number from 0.001 to 0.9, got '0'");
  CHECK(wrong("text", "validation", ".5") ==
        "--file: expected names of text files, separated by commas, got ''");
  CHECK(wrong("text", "file", "a.txt,,b.txt") ==
        "--file: expected names of text files, separated by commas, got 'a.txt,,b.txt'");
}

TEST_CASE("copy: the example of the header is what the generator makes") {
  const auto task = make_task("copy", {{"payload", "4"}});
  CHECK(task->vocabulary() == 22);
  const Batch batch = task->test_batch(1, 7, Random(1));
  const auto number = [](int32_t v) { return fmt::format("{}", v); };
  const std::string example =
      line("token", batch.tokens, number) + line("target", batch.targets, number);
  INFO(example);
  CHECK(source("copy.hpp").find(example) != std::string::npos);
}

TEST_CASE("copy: payload, gap, delimiter, payload; only the copy is scored") {
  const auto task = make_task("copy", {{"payload", "3"}, {"symbols", "5"}, {"gap-symbols", "2"}});
  CHECK(task->vocabulary() == 8);
  bool seen[8] = {};
  for (size_t distance = 4; distance < 20; ++distance) {
    const Batch batch = task->test_batch(4, distance, Random(distance));
    const auto [B, N] = dims<2>(batch.tokens, "tokens [B,N]");
    CHECK(N == 2 * 3 + (distance - 3 - 1));
    for (size_t b = 0; b < B; ++b)
      for (size_t n = 0; n < N; ++n) {
        const int32_t token = batch.tokens(b, n), target = batch.targets(b, n);
        seen[token] = true;
        if (n < 3) CHECK(token < 5);
        if (n >= 3 && n < distance - 1) CHECK((token == 5 || token == 6));
        CHECK((token == 7) == (n == distance - 1));
        // The answer given at n would stand at n + 1; its source lies `distance` before that.
        CHECK(target == (n >= distance - 1 ? batch.tokens(b, n + 1 - distance) : -1));
      }
  }
  CHECK(std::all_of(std::begin(seen), std::end(seen), [](bool s) { return s; }));
}

TEST_CASE("copy: training distances are uniform from the shortest to the length") {
  const auto task = make_task("copy", {{"payload", "3"}});
  const size_t draws = 4000, shortest = 4, longest = 11, choices = longest - shortest + 1;
  std::vector<size_t> counts(longest + 1);
  for (uint64_t seed = 0; seed < draws; ++seed) {
    const size_t N = task->train_batch(1, longest, Random(seed)).tokens.shape()[1];
    ++counts.at(N - 3 + 1);
  }
  const double p = 1.0 / choices, mean = draws * p, deviation = std::sqrt(draws * p * (1 - p));
  for (size_t d = 0; d <= longest; ++d) {
    CAPTURE(d);
    if (d < shortest) CHECK(counts[d] == 0);
    if (d >= shortest) CHECK(std::abs(static_cast<double>(counts[d]) - mean) < 4 * deviation);
  }
}

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
  CHECK(task->chance() == 0.5);
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
  CHECK(sentence(Exit::internal, [&] {
          task->oracle(foreign);
        }).find("text: oracle: sequence 0 of the batch is not in ") == 0);
}

TEST_CASE("text: files that cannot be used are input errors that name the file and the sizes") {
  const TemporaryFile some("some text"), empty(""), one("x");
  const auto wrong = [](const std::string& files) {
    return sentence(Exit::input, [&] { make_task("text", {{"file", files}}); });
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
  CHECK(sentence(Exit::input, [&] { task->check_length(3); }) ==
        "text: " + some.path +
            ": 9 bytes, split into 6 to train and 3 to test; a length of 3 needs 4 in each");
  CHECK(sentence(Exit::input, [&] { task->train_batch(1, 3, Random(1)); }) ==
        sentence(Exit::input, [&] { task->test_batch(1, 3, Random(1)); }));
}
