// Where a text that is being written ends: before one of a few texts, told in advance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gnomon {

/// What a text is made of, for comparing: its bytes, or its tokens where those are words.
using Units = std::u32string;

/// Ends a text before the first of some texts to be complete in it; of several that are complete at
/// once, before the longest. It does not matter how the text is cut into calls.
class Stops {
 public:
  /// None of them empty.
  explicit Stops(std::vector<Units> texts) : texts_(std::move(texts)) {}
  /// The next units of the text -> those, of all so far, that now certainly stand before the end.
  /// What may be the beginning of a stop is held back. Not to be called behind a stop.
  Units read(const Units& more);
  /// The text is over without a stop: what was held back.
  Units rest() { return std::exchange(held_, {}); }
  /// Which of them has been met.
  std::optional<size_t> met() const { return met_; }

 private:
  std::vector<Units> texts_;
  Units held_;
  std::optional<size_t> met_;
};

/// The least p of at most 512 such that the end of a text repeats what stood p tokens before, for
/// 64 tokens and three rounds at least: a text that goes round in circles. 0: none.
size_t period(const std::vector<int32_t>& text);

/// How many of the bytes are whole letters of UTF-8: all, but for a letter begun at the end.
size_t whole_letters(const std::string& bytes);

}  // namespace gnomon
