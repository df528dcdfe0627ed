// A folder of sequences that anybody can write, in any language:
//
//   data.json         {"format": "gnomon-sequences-1", "vocabulary": 11, "padding": 10,
//                      "spelling": ["0", "1", ...], "chance": 0.1, "what": "say it backwards"}
//   train.jsonl       a sequence a line, as below
//   test.jsonl        others, to be judged by
//   validation.jsonl  others, by which a run may be watched; need not be there
//
// In data.json only `format` and `vocabulary` must be there. `padding` (default 0) fills shorter
// lines of a batch, behind their end; `spelling` is a word for each token.
//
//   {"tokens": [1, 7, 3, 10, 3, 7], "targets": [-1, -1, -1, 3, 7, 1]}
//   {"tokens": [1, 7, 3, 10, 3, 7, 1], "next": 3}
//
// Both lines ask for the same: targets[n] is the answer to be given having seen tokens 0 .. n, and
// -1 where nothing is scored; with `next` it is the next token, from place `next` on, so that the
// line holds one token more.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace gnomon {

/// What data.json says.
struct SequenceVocabulary {
  size_t count = 0;
  int32_t padding = 0;
  std::vector<std::string> spelling = {};  ///< or empty
  std::optional<double> chance = {};
  std::string what = {}, text = {};  ///< text: the file, as it stands
  /// Throws Error(Fault::data); `path` begins the sentence.
  static SequenceVocabulary read(const std::string& text, const std::string& path);
};

class SequenceFolder {
 public:
  /// Token and answer at every place, one line behind the other.
  struct Split {
    std::vector<int32_t> tokens, targets;
    std::vector<size_t> begins{0};  ///< of each line, and the end of the last
    size_t lines() const { return begins.size() - 1; }
    size_t length(size_t line) const { return begins[line + 1] - begins[line]; }
  };

  /// Reads and judges all of it. Throws Error(Fault::data), naming the file, and the line where it
  /// is one: for what is not as above; a line that stands in two splits, unless `overlap`.
  SequenceFolder(const std::string& folder, bool overlap);

  const Split& train() const { return splits_[0]; }
  const Split& validation() const { return splits_[1]; }  ///< without lines when there is no file
  const Split& test() const { return splits_[2]; }
  /// The test lines of each length, in the file's order.
  const std::map<size_t, std::vector<size_t>>& tests() const { return tests_; }
  size_t shortest() const { return shortest_; }  ///< line, of all
  const SequenceVocabulary& vocabulary() const { return vocabulary_; }
  /// Accuracy, in the test lines of this length (or in all, where there are none), of the answer
  /// that is the commonest in training; or what data.json says.
  double chance(size_t length) const;
  /// "4351846 bytes, 0123456789abcdef": of all files, and their FNV-1a hash of 64 bits.
  const std::string& fingerprint() const { return fingerprint_; }

  /// What it holds, as a table, and what its author may not have meant.
  std::string described() const;
  std::vector<std::string> warnings() const;

 private:
  Split read_split(const std::string& path);
  void read_line(const std::string& line, const std::string& where, Split& split) const;
  std::string read(const std::string& path);
  void refuse_overlap() const;

  std::string folder_, fingerprint_;
  SequenceVocabulary vocabulary_;
  std::array<Split, 3> splits_;
  std::map<size_t, std::vector<size_t>> tests_;
  std::vector<size_t> answers_;  // how often each is asked for in training
  size_t shortest_ = 0, bytes_ = 0;
  uint64_t hash_ = 0;
};

}  // namespace gnomon
