// Text in pieces of words instead of bytes: byte pair encoding (Sennrich et al. 2016, arXiv
// 1508.07909), learned and applied by SentencePiece. A build without that library has none, and
// says so when they are asked for.
//
// Every text in UTF-8 comes back byte by byte: nothing is normalised, no blank is added or taken
// away, and what no piece holds is spelled in pieces of one byte. No piece spans a line end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gnomon {

class Pieces {
 public:
  /// Learns `count` pieces, the 256 bytes and the letters of the text among them. The same text and
  /// count give the same bytes of model(). Throws Error(Fault::option) when the text carries fewer,
  /// or needs more, or the build has no pieces.
  static Pieces learn(std::string_view text, size_t count);
  /// From what model() was; `name`, the file, begins the sentences of errors. Throws
  /// Error(Fault::data) when it is none, Error(Fault::option) when the build has no pieces.
  Pieces(const std::string& model, const std::string& name);
  Pieces(Pieces&&) noexcept;
  Pieces& operator=(Pieces&&) noexcept;
  ~Pieces();

  size_t count() const { return bytes_.size(); }
  /// As a file keeps it.
  const std::string& model() const { return model_; }
  /// `name` begins the sentences of errors. Throws Error(Fault::data) for text that would not come
  /// back: not UTF-8, the letter U+2581 in it (which SentencePiece writes for a blank), or pieces
  /// that were learned elsewhere with other rules. Says at which byte.
  std::vector<int32_t> encode(std::string_view text, const std::string& name) const;
  /// The bytes that a piece spells: perhaps only a part of a letter.
  const std::string& bytes(int32_t piece) const;

 private:
  struct Library;
  std::string model_;
  std::unique_ptr<Library> library_;
  std::vector<std::string> bytes_;  // of each piece
  int32_t line_end_ = -1;
};

/// The offset of the first byte that does not belong to a letter in UTF-8 (RFC 3629).
std::optional<size_t> first_outside_utf8(std::string_view text);

/// Does a letter in UTF-8 begin here, or the text end?
bool letter_begins(std::string_view text, size_t at);

}  // namespace gnomon
