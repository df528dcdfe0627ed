#include "tasks/text.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/file.hpp"

namespace gnomon {
namespace {

const Registration<Task> kText{
    "text", "the next byte of the text files named by --file; length = bytes of context",
    [] { return std::make_unique<TextTask>(); }};

constexpr size_t kMostBytes = size_t{1} << 31;  // crops are drawn by 32-bit numbers

using ByteCounts = std::array<size_t, 256>;

unsigned char byte(char c) { return static_cast<unsigned char>(c); }

ByteCounts count_bytes(std::string_view text) {
  ByteCounts counts{};
  for (const char c : text) ++counts[byte(c)];
  return counts;
}

size_t commonest(const ByteCounts& counts) {
  return static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

// How often each byte follows an occurrence of the crop.
ByteCounts continuations(std::string_view text, std::string_view crop) {
  ByteCounts counts{};
  for (size_t at = text.find(crop); at != text.npos && at + crop.size() < text.size();
       at = text.find(crop, at + 1))
    ++counts[byte(text[at + crop.size()])];
  return counts;
}

}  // namespace

void TextTask::declare(Fields& f) {
  f.text("file", files_, "text file to read; several, separated by commas, are joined");
  f.number("validation", part_, 0.001, 0.9,
           "part of the text, at its end, that is kept for testing");
}

std::string TextTask::spell(int32_t token) const {
  if (token == '\n') return "\\n";
  return token >= ' ' && token < 127 ? std::string(1, static_cast<char>(token))
                                     : fmt::format("x{:02X}", token);
}

void TextTask::prepare() {
  const std::vector<std::string> names = split(files_, ',');
  if (names.empty() || std::find(names.begin(), names.end(), "") != names.end())
    fail_option("file", "expected names of text files, separated by commas, got '{}'", files_);
  bytes_.clear();
  for (const std::string& name : names) {
    const std::string text = read_file(name, kMostBytes - bytes_.size());
    if (text.empty()) fail(Fault::data, "text: {}: expected some text, got an empty file", name);
    bytes_ += text;
  }
  const double kept = part_ * static_cast<double>(bytes_.size());
  boundary_ = bytes_.size() - static_cast<size_t>(std::llround(kept));
  check_length(shortest_length());

  const ByteCounts seen = count_bytes(train()), judged = count_bytes(validation());
  const auto all_seen = static_cast<double>(train().size());
  const auto all_judged = static_cast<double>(validation().size());
  chance_ = static_cast<double>(judged[commonest(seen)]) / all_judged;
  baseline_ = 0;
  for (size_t v = 0; v < 256; ++v)
    baseline_ -= static_cast<double>(judged[v]) / all_judged *
                 std::log2((static_cast<double>(seen[v]) + 1) / (all_seen + 256));
}

void TextTask::check_length(size_t length) const {
  Task::check_length(length);
  const size_t smaller = std::min(train().size(), validation().size());
  if (smaller < length + 1)
    fail(Fault::data,
         "text: {}: {} bytes, split into {} to train and {} to test; a length of {} needs {} in "
         "each",
         files_, bytes_.size(), train().size(), validation().size(), length, length + 1);
}

Batch TextTask::train_batch(size_t batch, size_t length, Random random) const {
  return crops(train(), batch, length, random);
}

Batch TextTask::test_batch(size_t batch, size_t length, Random random) const {
  return crops(validation(), batch, length, random);
}

Batch TextTask::crops(std::string_view split, size_t batch, size_t length, Random random) const {
  check_length(length);
  Batch made{Index({batch, length}), Index({batch, length})};
  for (size_t b = 0; b < batch; ++b) {
    const char* first = split.data() + random.below(static_cast<uint32_t>(split.size() - length));
    std::transform(first, first + length, made.tokens.row(b), byte);
    std::transform(first + 1, first + 1 + length, made.targets.row(b), byte);
  }
  return made;
}

Index TextTask::oracle(const Batch& batch) const {
  const auto [B, N] = dims<2>(batch.tokens, "text: tokens [B,N]");
  Index answers({B, N});
  for (size_t b = 0; b < B; ++b) {
    const int32_t* token = batch.tokens.row(b);
    const std::string crop(token, token + N);
    ByteCounts next = continuations(validation(), crop);
    if (next == ByteCounts{}) next = continuations(train(), crop);
    expect(next != ByteCounts{}, "text: oracle: sequence {} of the batch is not in {}", b, files_);
    std::copy(token + 1, token + N, answers.row(b));
    answers.row(b)[N - 1] = static_cast<int32_t>(commonest(next));
  }
  return answers;
}

}  // namespace gnomon
