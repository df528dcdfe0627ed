// tests/tasks.hpp
// Tasks made by name, and the worked examples in their files.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tasks/task.hpp"
#include "tests/folder.hpp"

namespace gnomon {

using TaskOptions = std::vector<std::pair<std::string, std::string>>;

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

// Independent bytes, one in four an 'e': no 24 of them occur twice.
inline std::string noise(size_t size) {
  Random random(7);
  std::string text(size, 'e');
  for (char& c : text)
    if (random.below(4)) c = static_cast<char>(random.below(256));
  return text;
}

/// A folder of sequences: 6 or 12 digits below 4, and after each whether their sum up to there is
/// a multiple of 4. Validation has those of 9.
struct DigitSums : Folder {
  DigitSums() {
    put(*this / "data.json",
        R"({"format": "gnomon-sequences-1", "vocabulary": 4,
            "spelling": ["o", "i", "ii", "iii"]})");
    Random random(5);
    const auto lines = [&](const std::string& name, size_t count, const std::vector<size_t>& of) {
      std::string text;
      for (size_t i = 0; i < count; ++i) {
        std::vector<int32_t> tokens(of[i % of.size()]), targets;
        int32_t sum = 0;
        for (int32_t& token : tokens) {
          sum += token = static_cast<int32_t>(random.below(4));
          targets.push_back(sum % 4 == 0);
        }
        text += fmt::format("{{\"tokens\": [{}], \"targets\": [{}]}}\n", fmt::join(tokens, ", "),
                            fmt::join(targets, ", "));
      }
      put(*this / name, text);
    };
    lines("train.jsonl", 60, {6, 12});
    lines("validation.jsonl", 20, {9});
    lines("test.jsonl", 40, {12, 12, 12, 6});
  }
};

/// A task with these options set, prepared.
inline std::unique_ptr<Task> make_task(const std::string& name, const TaskOptions& options) {
  auto task = make_registered<Task>(name, "task");
  Fields fields;
  task->declare(fields);
  for (const auto& [option, value] : options) fields.set(option, value);
  task->prepare();
  return task;
}

struct Numbers {
  std::vector<int32_t> tokens, targets;
  explicit Numbers(const Batch& b)
      : tokens(b.tokens.begin(), b.tokens.end()), targets(b.targets.begin(), b.targets.end()) {}
  bool operator==(const Numbers&) const = default;
};

inline std::string sentence(Fault fault, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    CHECK(e.fault() == fault);
    return e.what();
  }
  FAIL("no error");
  return "";
}

/// A file of the folder tasks/.
inline std::string source(const std::string& name) {
  std::ifstream in(std::string(GNOMON_SOURCE_DIR) + "/tasks/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The first sequence as the files print it: "//   token      3  1"; "." is not scored.
template <class Show>
std::string line(const char* what, const Index& numbers, Show&& show) {
  std::string text = fmt::format("//   {:<7}", what);
  for (size_t n = 0; n < numbers.shape().last(); ++n)
    text += fmt::format("{:>3}", numbers.row(0)[n] < 0 ? "." : show(numbers.row(0)[n]));
  return text + "\n";
}

}  // namespace gnomon
