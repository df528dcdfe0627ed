#include "tasks/pieces.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "core/base/error.hpp"

#ifdef GNOMON_SENTENCEPIECE
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>
#endif

namespace gnomon {
namespace {

constexpr std::string_view kBlank = "\xe2\x96\x81";  // U+2581

/// Calls visit(line) for each line, without its end, and end() for each line end.
template <class Visit, class End>
void each_line(std::string_view text, Visit&& visit, End&& end) {
  for (size_t first = 0;;) {
    const size_t last = text.find('\n', first);
    const std::string_view line = text.substr(first, last - first);
    if (!line.empty()) visit(line);
    if (last == text.npos) return;
    end();
    first = last + 1;
  }
}

/// Throws unless the text can come back.
void expect_letters(std::string_view text, const std::string& name) {
  if (const auto at = first_outside_utf8(text))
    fail(Fault::data,
         "{}: byte {}: expected text in UTF-8, got 0x{:02x}; without --pieces any bytes are read",
         name, *at, static_cast<unsigned char>(text[*at]));
  if (const size_t at = text.find(kBlank); at != text.npos)
    fail(Fault::data,
         "{}: byte {}: the letter U+2581 cannot be told from a blank in pieces; without --pieces "
         "any bytes are read",
         name, at);
}

}  // namespace

bool letter_begins(std::string_view text, size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
}

std::optional<size_t> first_outside_utf8(std::string_view text) {
  const auto byte = [&](size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  for (size_t at = 0; at < text.size();) {
    const unsigned first = byte(at);
    const size_t length = first < 0x80    ? 1
                          : first < 0xc2  ? 0
                          : first < 0xe0  ? 2
                          : first < 0xf0  ? 3
                          : first <= 0xf4 ? 4
                                          : 0;
    if (length == 0) return at;
    for (size_t k = 1; k < length; ++k)
      if ((byte(at + k) & 0xc0) != 0x80) return at;
    const unsigned second = byte(at + 1);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    if (overlong || outside) return at;
    at += length;
  }
  return std::nullopt;
}

#ifdef GNOMON_SENTENCEPIECE

struct Pieces::Library {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

constexpr size_t kLongestSentence = size_t{1} << 20;

/// The lines of a text, one after the other; longer ones are cut, since they would be left out.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::string_view text) {
    const auto add = [&](std::string_view line) {
      while (line.size() > kLongestSentence) {
        size_t cut = kLongestSentence;
        while (!letter_begins(line, cut)) --cut;
        lines_.push_back(line.substr(0, cut));
        line.remove_prefix(cut);
      }
      lines_.push_back(line);
    };
    each_line(text, add, [] {});
    read();
  }
  bool done() const override { return at_ == lines_.size(); }
  void Next() override {
    ++at_;
    read();
  }
  const std::string& value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  void read() {
    if (!done()) value_ = lines_[at_];
  }
  std::vector<std::string_view> lines_;
  std::string value_;
  size_t at_ = 0;
};

/// The last whole number in a sentence.
std::string last_number(const std::string& sentence) {
  const size_t last = sentence.find_last_of("0123456789");
  if (last == sentence.npos) return "";
  const size_t before = sentence.find_last_not_of("0123456789", last);
  return sentence.substr(before + 1, last - before);
}

[[noreturn]] void refuse(const std::string& why, size_t count) {
  const std::string bound = last_number(why);
  if (why.find("required_chars") != why.npos)
    fail_option("pieces",
                "expected at least {} for this text (the 256 bytes, each letter that occurs, and "
                "one that is unknown), got {}",
                bound, count);
  if (why.find("too high") != why.npos)
    fail_option("pieces", "expected at most {} for this text, which carries no more, got {}", bound,
                count);
  fail_option("pieces", "this text cannot be learned from: {}", why);
}

/// "<0x0A>" -> "\n"
std::string byte_of(const std::string& piece, const std::string& name) {
  unsigned value = 256;
  if (piece.size() == 6) std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
  if (value > 255) fail(Fault::data, "{}: expected a piece such as <0x0A>, got '{}'", name, piece);
  return {static_cast<char>(value)};
}

}  // namespace

Pieces Pieces::learn(std::string_view text, size_t count) {
  expect_letters(text, "text");
  Lines lines(text);
  if (lines.done()) fail_option("pieces", "expected some letters to learn from, got none");
  // One thread and no name of a file: the model keeps its own options, and its bytes would differ.
  const std::unordered_map<std::string, std::string> rules{
      {"model_type", "bpe"},
      {"vocab_size", fmt::format("{}", count)},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"byte_fallback", "true"},
      {"character_coverage", "1"},
      {"unk_id", "0"},
      {"bos_id", "-1"},
      {"eos_id", "-1"},
      {"pad_id", "-1"},
      {"num_threads", "1"},
      {"max_sentence_length", fmt::format("{}", kLongestSentence)},
      {"minloglevel", "2"}};
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(rules, &lines, &model);
  if (!status.ok()) refuse(status.ToString(), count);
  return Pieces(model, "pieces");
}

Pieces::Pieces(const std::string& model, const std::string& name)
    : model_(model), library_(std::make_unique<Library>()) {
  auto& processor = library_->processor;
  const auto status = processor.LoadFromSerializedProto(model);
  if (!status.ok() || processor.GetPieceSize() < 1)
    fail(Fault::data, "{}: expected a model of SentencePiece, got something else", name);
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    std::string piece = processor.IdToPiece(id);
    if (processor.IsByte(id))
      piece = byte_of(piece, name);
    else if (processor.IsUnknown(id) || processor.IsControl(id))
      piece.clear();
    for (size_t at = 0; (at = piece.find(kBlank, at)) != piece.npos; ++at)
      piece.replace(at, kBlank.size(), " ");
    if (piece == "\n" && line_end_ < 0) line_end_ = id;
    bytes_.push_back(std::move(piece));
  }
  if (line_end_ < 0)
    fail(Fault::data, "{}: expected a piece for the line end, found none; learn by --pieces", name);
}

std::vector<int32_t> Pieces::encode(std::string_view text, const std::string& name) const {
  expect_letters(text, name);
  std::vector<int32_t> all;
  std::vector<int> some;
  size_t spelled = 0;  // bytes of the text behind which all was compared
  const auto expect_spelled = [&](bool ok) {
    if (!ok)
      fail(Fault::data,
           "{}: byte {}: these pieces cannot spell it; they were learned by other rules than those "
           "of --pieces",
           name, spelled);
  };
  const auto compare = [&](int32_t piece) {
    const std::string& is = bytes(piece);
    expect_spelled(!is.empty() && text.substr(spelled, is.size()) == is);
    spelled += is.size();
    all.push_back(piece);
  };
  const auto line = [&](std::string_view letters) {
    const auto status = library_->processor.Encode({letters.data(), letters.size()}, &some);
    if (!status.ok()) fail(Fault::data, "{}: {}", name, status.ToString());
    std::for_each(some.begin(), some.end(), compare);
  };
  each_line(text, line, [&] { compare(line_end_); });
  expect_spelled(spelled == text.size());
  return all;
}

#else

struct Pieces::Library {};

namespace {

[[noreturn]] void refuse() {
  fail_option("pieces",
              "this build has none; install the package libsentencepiece-dev and build again");
}

}  // namespace

Pieces Pieces::learn(std::string_view, size_t) { refuse(); }
Pieces::Pieces(const std::string&, const std::string&) { refuse(); }
std::vector<int32_t> Pieces::encode(std::string_view text, const std::string& name) const {
  expect_letters(text, name);
  refuse();
}

#endif

Pieces::Pieces(Pieces&&) noexcept = default;
Pieces& Pieces::operator=(Pieces&&) noexcept = default;
Pieces::~Pieces() = default;

const std::string& Pieces::bytes(int32_t piece) const {
  expect(piece >= 0 && static_cast<size_t>(piece) < bytes_.size(),
         "pieces: expected one of {}, got {}", bytes_.size(), piece);
  return bytes_[static_cast<size_t>(piece)];
}

}  // namespace gnomon
