// The next byte of real text, or the next piece: random crops of the files the user names.
//
// Tokens are bytes, 0 .. 255, unchanged: line ends, NUL and invalid UTF-8 included. Names of files
// are kept as absolute ones; a name that holds a comma can be given alone only. The files are
// joined in the order given; the last `validation` part of the bytes is the validation split (which
// test_batch crops), the `held-out` part before it is the one by which a run is watched
// (validation_batch), and the rest is the train split. Every byte of a crop, its last target too,
// lies in its split: no two of them share a byte.
//
// With `pieces` tokens are pieces of words (tasks/pieces.hpp), learned from the train split alone
// and kept in the run. The splits are the same, moved to the next letter, so that bits per byte
// compare.
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
#include "tasks/pieces.hpp"
#include "tasks/task.hpp"

namespace gnomon {
namespace {

constexpr size_t kMostBytes = size_t{1} << 31;  // crops are drawn by 32-bit numbers
constexpr size_t kMostModel = size_t{1} << 28;
constexpr const char* kPiecesFile = "pieces.model";

unsigned char byte(char c) { return static_cast<unsigned char>(c); }

/// A part of the text, in tokens.
struct Part {
  std::string_view bytes;            // all that it spells
  std::vector<int32_t> pieces = {};  // its tokens; empty where these are the bytes
  size_t size() const { return pieces.empty() ? bytes.size() : pieces.size(); }
  int32_t operator[](size_t n) const { return pieces.empty() ? byte(bytes[n]) : pieces[n]; }
};

using ByteCounts = std::vector<size_t>;

ByteCounts count(const Part& part, size_t vocabulary) {
  ByteCounts counts(vocabulary);
  for (size_t n = 0; n < part.size(); ++n) ++counts[static_cast<size_t>(part[n])];
  return counts;
}

size_t commonest_byte(const ByteCounts& counts) {
  return static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

/// How often each token follows an occurrence of the crop [N].
ByteCounts continuations(const Part& part, const int32_t* crop, size_t N, size_t vocabulary) {
  ByteCounts counts(vocabulary);
  for (size_t at = 0; at + N < part.size(); ++at) {
    size_t n = 0;
    while (n < N && part[at + n] == crop[n]) ++n;
    if (n == N) ++counts[static_cast<size_t>(part[at + N])];
  }
  return counts;
}

/// A byte as printable ASCII.
std::string shown(char c) {
  if (c == '\n') return "\\n";
  return c >= ' ' && c < 127 ? std::string(1, c) : fmt::format("x{:02X}", byte(c));
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

/// A run, or a file, with an absolute name.
std::string absolute_name(const std::string& name) {
  return name.empty() ? "" : std::filesystem::absolute(name).lexically_normal().string();
}

Pieces pieces_of(const std::string& run_or_file) {
  std::error_code error;
  const bool run = std::filesystem::is_directory(run_or_file, error);
  const std::string name = run ? run_or_file + "/" + kPiecesFile : run_or_file;
  return Pieces(read_file(name, kMostModel), name);
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
    f.number("held-out", held_out_, 0, 0.5,
             "part of the text, before that, by which --validate-every watches a run; 0: none");
    f.integer("pieces", wanted_, 0, 1 << 20,
              "tokens are pieces of words, as many, learned from the rest of the text (byte pair "
              "encoding); 0: tokens are bytes");
    f.text("pieces-from", from_, "run, or its pieces.model, whose pieces are taken", absolute_name);
  }
  std::vector<std::pair<std::string, std::string>> kept() const override {
    if (!pieces_) return {};
    return {{kPiecesFile, pieces_->model()}};
  }
  void open(const std::string& run) override {
    if (wanted_ > 0 || !from_.empty()) take_pieces(run);
  }
  /// Reads the files. Throws Error(Fault::option) when none is named or two are equal (what is
  /// trained on would be tested), Error(Fault::data) when one is missing, no file, empty or no
  /// plain text (compressed, UTF-16, with a byte order mark), or when they are too short to split.
  /// With pieces: those that open() took, or of `pieces-from`, or else learned here; throws as they
  /// do.
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
    // Splits of text in pieces begin with a letter.
    const bool in_pieces = pieces_ || wanted_ > 0 || !from_.empty();
    const auto begin_at = [&](size_t at) {
      while (in_pieces && !letter_begins(bytes_, at)) ++at;
      return at;
    };
    const size_t boundary = begin_at(bytes_.size() - static_cast<size_t>(std::llround(kept)));
    const double watched = held_out_ * static_cast<double>(bytes_.size());
    const size_t learned =
        begin_at(boundary - std::min(boundary, static_cast<size_t>(std::llround(watched))));
    const std::string_view all = bytes_;
    train_ = {all.substr(0, learned)};
    held_ = {all.substr(learned, boundary - learned)};
    test_ = {all.substr(boundary)};
    if (in_pieces) split_into_pieces();
    check_length(shortest_length());
    weigh();
  }
  /// "4351846 bytes, 0123456789abcdef": all of them, and their FNV-1a hash of 64 bits.
  std::string fingerprint() const override { return fingerprint_; }
  std::optional<size_t> test_sequences(size_t length) const override {
    return test_.size() - length;
  }
  size_t vocabulary() const override { return pieces_ ? pieces_->count() : 256; }
  std::string spell(int32_t token) const override {
    std::string word;
    for (const char c : write(token)) word += shown(c);
    return word;
  }
  std::string symbol(int32_t token) const override { return spell(token); }
  std::vector<int32_t> read(const std::string& text, const std::string& option) const override {
    if (pieces_) try {
        return pieces_->encode(text, option);
      } catch (const Error& error) {
        throw Error(Fault::option, error.what(), option);
      }
    return {reinterpret_cast<const unsigned char*>(text.data()),
            reinterpret_cast<const unsigned char*>(text.data()) + text.size()};
  }
  std::string write(int32_t token) const override {
    return pieces_ ? pieces_->bytes(token) : std::string(1, static_cast<char>(token));
  }
  std::string length_meaning() const override { return "context, in bytes or pieces"; }
  size_t shortest_length() const override { return 1; }
  /// Adds: Error(Fault::data) when a split has no room for a crop and its last target.
  void check_length(size_t length) const override {
    Task::check_length(length);
    size_t smallest = std::min(train_.size(), test_.size());
    if (held_out_ > 0) smallest = std::min(smallest, held_.size());
    if (smallest < length + 1)
      fail(Fault::data,
           "text: {}: {} {}, split into {} to train{} and {} to test; a length of {} needs {} in "
           "each",
           files_, train_.size() + held_.size() + test_.size(), pieces_ ? "pieces" : "bytes",
           train_.size(), held_out_ > 0 ? fmt::format(", {} held out", held_.size()) : "",
           test_.size(), length, length + 1);
  }
  Batch train_batch(size_t batch, size_t length, Random random) const override {
    return crops(train_, batch, length, random);
  }
  Batch test_batch(size_t batch, size_t length, Random random) const override {
    return crops(test_, batch, length, random);
  }
  /// Adds: Error(Fault::option) when nothing is held out.
  Batch validation_batch(size_t batch, size_t length, Random random) const override {
    if (held_out_ == 0)
      fail_option(
          "held-out",
          "expected a part of the text to watch the run by, such as 0.05, got 0: to stop by "
          "the part kept for testing would be to learn from it");
    return crops(held_, batch, length, random);
  }
  /// Reads with the book open: all answers but the last stand in the crop itself, and the last is
  /// what follows the crop in the validation split or, where it does not occur there, in the train
  /// split, or in what is held out. Where one crop has several continuations (a short one, or
  /// boilerplate repeated word for word) nobody can know which is meant: the answer is then the
  /// commonest, the best there is. Exact for all crops whose bytes occur once. Throws Error for a
  /// crop that is in no split.
  Index oracle(const Batch& batch) const override {
    const auto [B, N] = dims<2>(batch.tokens, "text: tokens [B,N]");
    Index answers({B, N});
    for (size_t b = 0; b < B; ++b) {
      const int32_t* token = batch.tokens.row(b);
      ByteCounts next = continuations(test_, token, N, vocabulary());
      const auto found = [&] { return next[commonest_byte(next)] > 0; };
      for (const Part* part : {&train_, &held_})
        if (!found()) next = continuations(*part, token, N, vocabulary());
      expect(found(), "text: oracle: sequence {} of the batch is not in {}", b, files_);
      std::copy(token + 1, token + N, answers.row(b));
      answers.row(b)[N - 1] = static_cast<int32_t>(commonest_byte(next));
    }
    return answers;
  }
  /// How often the commonest token of the train split stands in the validation split.
  double chance(size_t) const override { return chance_; }
  bool in_bits_per_byte() const override { return true; }
  /// -sum log2 p(token) / bytes over the validation split; p = (count + 1) / (all + V) in the train
  /// split.
  std::optional<double> baseline_bits_per_byte() const override { return baseline_; }

  std::vector<int32_t> test_text() const override {
    std::vector<int32_t> all(test_.size());
    for (size_t n = 0; n < all.size(); ++n) all[n] = test_[n];
    return all;
  }

 private:
  Batch crops(const Part& part, size_t batch, size_t length, Random random) const {
    check_length(length);
    Batch made{Index({batch, length}), Index({batch, length})};
    for (size_t b = 0; b < batch; ++b) {
      const size_t first = random.below(static_cast<uint32_t>(part.size() - length));
      for (size_t n = 0; n < length; ++n) {
        made.tokens.row(b)[n] = part[first + n];
        made.targets.row(b)[n] = part[first + n + 1];
      }
    }
    return made;
  }
  void take_pieces(const std::string& run_or_file) {
    pieces_ = pieces_of(run_or_file);
    if (wanted_ > 0 && wanted_ != pieces_->count())
      fail_option("pieces", "expected {}, as many as there are in {}, got {}", pieces_->count(),
                  run_or_file, wanted_);
  }
  void split_into_pieces() {
    if (!pieces_ && !from_.empty()) take_pieces(from_);
    if (!pieces_) pieces_ = Pieces::learn(train_.bytes, wanted_);
    train_.pieces = pieces_->encode(train_.bytes, "text: the part to train on");
    held_.pieces = pieces_->encode(held_.bytes, "text: the part held out");
    test_.pieces = pieces_->encode(test_.bytes, "text: the part to test on");
  }
  /// Chance and baseline.
  void weigh() {
    const ByteCounts seen = count(train_, vocabulary()), judged = count(test_, vocabulary());
    const auto all_seen = static_cast<double>(train_.size());
    const auto all_judged = static_cast<double>(test_.size());
    chance_ = static_cast<double>(judged[commonest_byte(seen)]) / all_judged;
    baseline_ = 0;
    for (size_t v = 0; v < vocabulary(); ++v)
      baseline_ -= static_cast<double>(judged[v]) / all_judged *
                   std::log2((static_cast<double>(seen[v]) + 1) /
                             (all_seen + static_cast<double>(vocabulary())));
    baseline_ *= all_judged / static_cast<double>(test_.bytes.size());
  }

  std::string files_, bytes_, from_, fingerprint_;
  size_t wanted_ = 0;
  std::optional<Pieces> pieces_;
  Part train_, held_, test_;
  double part_ = 0.1, held_out_ = 0, chance_ = 0, baseline_ = 0;
};

const Registration<Task> kText{
    "text", "the next byte, or piece of a word, of the text files named by --file",
    [] { return std::make_unique<TextTask>(); }};

}  // namespace
}  // namespace gnomon
