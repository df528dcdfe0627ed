// The next byte of real text: random crops of the files the user names.
//
// Tokens are bytes, 0 .. 255, unchanged: line ends, NUL and invalid UTF-8 included. Names of files
// are kept as absolute ones; a name that holds a comma can be given alone only. The files are
// joined in the order given; the last `validation` part of the bytes is the validation split and
// the rest the train split. train_batch crops the one, test_batch the other, and every byte of a
// crop, its last target too, lies in the split: the two never share a byte.
//
// Example: a file that holds "to be, or not to be, that is", validation .5, length 9,
// test_batch of Random(1), a blank written as _. The validation split is "to be, that is":
//
//   token    e  ,  _  t  h  a  t  _  i
//   target   ,  _  t  h  a  t  _  i  s
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/base/file.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

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

/// The names in the option. One file whose own name has a comma or a blank at its end may be named
/// alone.
std::vector<std::string> names_in(const std::string& files) {
  std::error_code error;
  if (std::filesystem::exists(files, error)) return {files};
  return split(files, ',');
}

/// The option with absolute names: they hold in whatever folder the run is continued.
std::string absolute(const std::string& files) {
  std::vector<std::string> names = names_in(files);
  if (std::ranges::find(names, "") != names.end()) return files;  // prepare() refuses it
  for (std::string& name : names)
    name = std::filesystem::absolute(name).lexically_normal().string();
  const std::string all = fmt::format("{}", fmt::join(names, ","));
  if (names.size() > 1 && split(all, ',').size() > names.size())
    fail_option("file", "expected names without commas where there are several, got '{}'", all);
  return all;
}

/// Throws Error(Fault::data) for what nobody means to learn byte by byte.
void expect_plain(const std::string& text, const std::string& name) {
  using namespace std::string_view_literals;
  constexpr std::array<std::pair<std::string_view, const char*>, 8> kForeign{{
      {"\x1f\x8b"sv, "compressed by gzip"},
      {"\xfd\x37zXZ"sv, "compressed by xz"},
      {"\x28\xb5\x2f\xfd"sv, "compressed by zstd"},
      {"BZh"sv, "compressed by bzip2"},
      {"PK\3\4"sv, "a zip archive"},
      {"\xff\xfe"sv, "UTF-16 (convert it: iconv -t UTF-8)"},
      {"\xfe\xff"sv, "UTF-16 (convert it: iconv -t UTF-8)"},
      {"\xef\xbb\xbf"sv, "text behind a byte order mark (remove its first 3 bytes)"},
  }};
  for (const auto& [begin, what] : kForeign)
    if (text.starts_with(begin))
      fail(Fault::data, "text: {}: expected plain text, got {}", name, what);
}

class TextTask final : public Task {
 public:
  void declare(Fields& f) override {
    f.text("file", files_, "text file to read; several, separated by commas, are joined", absolute);
    f.number("validation", part_, 0.001, 0.9,
             "part of the text, at its end, that is kept for testing");
  }
  /// Reads the files. Throws Error(Fault::option) when none is named or two are equal (what is
  /// trained on would be tested), Error(Fault::data) when one is missing, no file, empty or no
  /// plain text (compressed, UTF-16, with a byte order mark), or when they are too short to split.
  void prepare() override {
    const std::vector<std::string> names = names_in(files_);
    if (names.empty() || std::find(names.begin(), names.end(), "") != names.end())
      fail_option("file", "expected names of text files, separated by commas, got '{}'", files_);
    bytes_.clear();
    std::vector<size_t> begins;  // of each file
    for (const std::string& name : names) {
      const std::string text = read_file(name, kMostBytes - bytes_.size());
      if (text.empty()) fail(Fault::data, "text: {}: expected some text, got an empty file", name);
      expect_plain(text, name);
      for (size_t f = 0; f < begins.size(); ++f) {
        const size_t end = f + 1 < begins.size() ? begins[f + 1] : bytes_.size();
        if (std::string_view(bytes_).substr(begins[f], end - begins[f]) == text)
          fail_option("file",
                      "'{}' and '{}' hold the same text; what is trained on would be tested",
                      names[f], name);
      }
      begins.push_back(bytes_.size());
      bytes_ += text;
    }
    fingerprint_ = fmt::format("{} bytes, {:016x}", bytes_.size(), fnv1a(bytes_));
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
  /// "4351846 bytes, 0123456789abcdef": all of them, and their FNV-1a hash of 64 bits.
  std::string fingerprint() const override { return fingerprint_; }
  std::optional<size_t> test_sequences(size_t length) const override {
    return validation().size() - length;
  }
  size_t vocabulary() const override { return 256; }
  std::string spell(int32_t token) const override {
    if (token == '\n') return "\\n";
    return token >= ' ' && token < 127 ? std::string(1, static_cast<char>(token))
                                       : fmt::format("x{:02X}", token);
  }
  std::string length_meaning() const override { return "context, in bytes"; }
  size_t shortest_length() const override { return 1; }
  /// Adds: Error(Fault::data) when a split has no room for a crop and its last target.
  void check_length(size_t length) const override {
    Task::check_length(length);
    const size_t smaller = std::min(train().size(), validation().size());
    if (smaller < length + 1)
      fail(Fault::data,
           "text: {}: {} bytes, split into {} to train and {} to test; a length of {} needs {} in "
           "each",
           files_, bytes_.size(), train().size(), validation().size(), length, length + 1);
  }
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    return crops(train(), batch, length, random);
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    return crops(validation(), batch, length, random);
  }
  /// Reads with the book open: all answers but the last stand in the crop itself, and the last is
  /// what follows the crop in the validation split or, where it does not occur there, in the train
  /// split. Where one crop has several continuations (a short one, or boilerplate repeated word for
  /// word) nobody can know which is meant: the answer is then the commonest, the best there is.
  /// Exact for all crops whose bytes occur once. Throws Error for a crop that is in neither split.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "text: tokens [B,N]");
    Index answers({B, N});
    for (size_t b = 0; b < B; ++b) {
      const int32_t* token = batch.tokens.row(b);
      const std::string crop(token, token + N);
      ByteCounts next = continuations(validation(), crop);
      if (next == ByteCounts{}) next = continuations(train(), crop);
      expect(next != ByteCounts{}, "text: oracle: sequence {} of the batch is not in {}", b,
             files_);
      std::copy(token + 1, token + N, answers.row(b));
      answers.row(b)[N - 1] = static_cast<int32_t>(commonest(next));
    }
    return answers;
  }
  /// How often the commonest byte of the train split stands in the validation split.
  double chance(size_t) const override { return chance_; }
  bool in_bits_per_byte() const override { return true; }
  /// -mean log2 p(byte) over the validation split; p = (count + 1) / (all + 256) in the train
  /// split.
  std::optional<double> baseline_bits_per_byte() const override { return baseline_; }

 private:
  Batch crops(std::string_view split, size_t batch, size_t length, Random random) const {
    check_length(length);
    Batch made{Index({batch, length}), Index({batch, length})};
    for (size_t b = 0; b < batch; ++b) {
      const char* first = split.data() + random.below(static_cast<uint32_t>(split.size() - length));
      std::transform(first, first + length, made.tokens.row(b), byte);
      std::transform(first + 1, first + 1 + length, made.targets.row(b), byte);
    }
    return made;
  }
  std::string_view train() const { return std::string_view(bytes_).substr(0, boundary_); }
  std::string_view validation() const { return std::string_view(bytes_).substr(boundary_); }

  std::string files_, bytes_, fingerprint_;
  size_t boundary_ = 0;  // the first byte of the validation split
  double part_ = 0.1, chance_ = 0, baseline_ = 0;
};

const Registration<Task> kText{
    "text", "the next byte of the text files named by --file; length = bytes of context",
    [] { return std::make_unique<TextTask>(); }};

}  // namespace
}  // namespace gnomon
