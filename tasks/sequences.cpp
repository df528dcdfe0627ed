// The user's own sequences: a folder of JSON lines, as tasks/sequence_folder.hpp says.
//
// Training draws lines of at most `length` tokens, each as likely; shorter lines of a batch are
// padded behind their end, where nothing is scored. The test lines of a length are all of exactly
// that length: an evaluation reads each once, in the file's order. validation_batch draws from the
// lines of validation.jsonl as training does.
//
// Example: a folder whose only test line is {"tokens": [1, 7, 3, 10, 3, 7], "next": 3}, with the
// spelling 0, 1, ..., 9, |; length 5, test_batch of Random(1):
//
//   token    1  7  3  |  3
//   target   .  .  .  3  7
#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "core/base/file.hpp"
#include "tasks/sequence_folder.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

constexpr const char* kKept = "sequences.json";  // data.json, in a run

using Split = SequenceFolder::Split;

/// Lines of at most `length` tokens.
std::vector<size_t> lines_up_to(const Split& split, size_t length) {
  std::vector<size_t> lines;
  for (size_t line = 0; line < split.lines(); ++line)
    if (split.length(line) <= length) lines.push_back(line);
  return lines;
}

class SequencesTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.text("folder", name_, "folder of the sequences: data.json, train.jsonl, test.jsonl",
           [](const std::string& name) {
             return name.empty() ? "" : std::filesystem::absolute(name).lexically_normal().string();
           });
    f.choice("overlap", overlap_, {"refused", "allowed"},
             "lines that stand in the training part and in another");
  }
  /// Reads the folder. Throws Error(Fault::option) when none is named, Error(Fault::data) as
  /// SequenceFolder does.
  void prepare() override {
    if (name_.empty())
      fail_option("folder", "expected a folder with data.json, train.jsonl and test.jsonl, got ''");
    folder_.emplace(name_, overlap_ == "allowed");
    take(folder_->vocabulary());
  }
  /// data.json: enough to write with a model, wherever the folder is.
  std::vector<std::pair<std::string, std::string>> kept() const override {
    return {{kKept, vocabulary_.text}};
  }
  void open(const std::string& run) override {
    const std::string path = run + "/" + kKept;
    take(SequenceVocabulary::read(read_file(path, 1 << 28), path));
  }
  std::string fingerprint() const override { return folder_ ? folder_->fingerprint() : ""; }
  size_t vocabulary() const override { return vocabulary_.count; }
  std::string spell(int32_t token) const override {
    return tokens_.empty() ? Task::spell(token) : vocabulary_.spelling[static_cast<size_t>(token)];
  }
  std::string symbol(int32_t token) const override {
    return tokens_.empty() ? Task::symbol(token) : spell(token);
  }
  std::optional<int32_t> spelled(const std::string& word) const override {
    const auto found = tokens_.find(word);
    return found == tokens_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string length_meaning() const override { return "tokens of the longest line to learn from"; }
  size_t shortest_length() const override { return folder_->shortest(); }
  /// Adds: Error(Fault::data) when there is no line to learn from.
  void check_length(size_t length) const override {
    Task::check_length(length);
    if (lines_up_to(folder_->train(), length).empty())
      fail(Fault::data, "sequences: {}/train.jsonl: expected lines of at most {} tokens, got none",
           name_, length);
  }
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    return drawn(folder_->train(), "train", batch, length, random);
  }
  /// Lines of exactly that length, drawn. Throws Error(Fault::option) when there is none.
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    Task::check_length(length);
    const auto& lines = tests(length);
    std::vector<size_t> chosen(batch);
    for (size_t& line : chosen) line = lines[random.below(static_cast<uint32_t>(lines.size()))];
    return made(folder_->test(), chosen, length);
  }
  Batch rehearsal_batch(size_t batch, size_t length, Random random) const override {
    return padded(train_batch(batch, length, random), length);
  }
  /// Adds: Error(Fault::option) when there is no validation.jsonl.
  Batch validation_batch(size_t batch, size_t length, Random random) const override {
    if (folder_->validation().lines() == 0)
      fail_option("validate-every", "expected lines to watch the run by in {}/validation.jsonl",
                  name_);
    return padded(drawn(folder_->validation(), "validation", batch, length, random), length);
  }
  std::vector<size_t> listed_lengths() const override {
    std::vector<size_t> lengths;
    for (const auto& [length, lines] : folder_->tests()) lengths.push_back(length);
    return lengths;
  }
  std::optional<size_t> test_sequences(size_t length) const override {
    return tests(length).size();
  }
  Batch listed_tests(size_t first, size_t batch, size_t length) const override {
    const auto& lines = tests(length);
    const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(first);
    return made(folder_->test(), {begin, begin + static_cast<std::ptrdiff_t>(batch)}, length);
  }
  /// What the folder says: that there is an answer to be found it cannot show. Where lines of the
  /// same tokens ask for different answers, those of the first. Throws Error for a sequence that is
  /// not in the folder.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "sequences: tokens [B,N]");
    Index answers({B, N}, 0);
    for (size_t b = 0; b < B; ++b) {
      const auto [split, line] = line_of(batch.tokens.row(b), N);
      expect(split, "sequences: oracle: sequence {} of the batch is not in {}", b, name_);
      for (size_t n = 0; n < split->length(line); ++n)
        answers.row(b)[n] = std::max(0, split->targets[split->begins[line] + n]);
    }
    return answers;
  }
  double chance(size_t length) const override { return folder_->chance(length); }

 private:
  void take(const SequenceVocabulary& vocabulary) {
    vocabulary_ = vocabulary;
    tokens_.clear();
    for (size_t v = 0; v < vocabulary_.spelling.size(); ++v)
      tokens_.emplace(vocabulary_.spelling[v], static_cast<int32_t>(v));
  }
  const std::vector<size_t>& tests(size_t length) const {
    const auto found = folder_->tests().find(length);
    if (found == folder_->tests().end())
      fail_option("length", "expected one of {}, as the lines of {}/test.jsonl have it, got {}",
                  fmt::join(listed_lengths(), ", "), name_, length);
    return found->second;
  }
  Batch drawn(const Split& split, const char* name, size_t batch, size_t length,
              Random random) const {
    check_length(length);
    const auto lines = lines_up_to(split, length);
    if (lines.empty())
      fail(Fault::data, "sequences: {}/{}.jsonl: expected lines of at most {} tokens, got none",
           name_, name, length);
    std::vector<size_t> chosen(batch);
    size_t longest = 0;
    for (size_t& line : chosen) {
      line = lines[random.below(static_cast<uint32_t>(lines.size()))];
      longest = std::max(longest, split.length(line));
    }
    return made(split, chosen, longest);
  }
  Batch made(const Split& split, const std::vector<size_t>& lines, size_t N) const {
    Batch batch{Index({lines.size(), N}, vocabulary_.padding), Index({lines.size(), N}, -1)};
    for (size_t b = 0; b < lines.size(); ++b) {
      const auto begin = static_cast<std::ptrdiff_t>(split.begins[lines[b]]);
      std::copy_n(split.tokens.begin() + begin, split.length(lines[b]), batch.tokens.row(b));
      std::copy_n(split.targets.begin() + begin, split.length(lines[b]), batch.targets.row(b));
    }
    return batch;
  }
  Batch padded(const Batch& batch, size_t length) const {
    const auto [B, N] = dims<2>(batch.tokens, "sequences: tokens [B,N]");
    Batch all{Index({B, length}, vocabulary_.padding), Index({B, length}, -1)};
    for (size_t b = 0; b < B; ++b) {
      std::copy_n(batch.tokens.row(b), N, all.tokens.row(b));
      std::copy_n(batch.targets.row(b), N, all.targets.row(b));
    }
    return all;
  }
  /// The longest line with these tokens, and nothing but padding behind it; none: there is none.
  std::pair<const Split*, size_t> line_of(const int32_t* tokens, size_t N) const {
    size_t unpadded = N;
    while (unpadded > 0 && tokens[unpadded - 1] == vocabulary_.padding) --unpadded;
    std::pair<const Split*, size_t> best{nullptr, 0};
    for (const Split* split : {&folder_->test(), &folder_->validation(), &folder_->train()})
      for (size_t line = 0; line < split->lines(); ++line) {
        const size_t length = split->length(line);
        if (length >= unpadded && length <= N &&
            std::equal(tokens, tokens + length, split->tokens.data() + split->begins[line]) &&
            (!best.first || length > best.first->length(best.second)))
          best = {split, line};
      }
    return best;
  }

  std::string name_, overlap_ = "refused";
  SequenceVocabulary vocabulary_;
  std::optional<SequenceFolder> folder_;
  std::unordered_map<std::string, int32_t> tokens_;
};

const Registration<Task> kSequences{"sequences", "the sequences of the folder named by --folder",
                                    [] { return std::make_unique<SequencesTask>(); }};

}  // namespace
}  // namespace gnomon
