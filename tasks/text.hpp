// tasks/text.hpp
// The next byte of real text: random crops of the files the user names.
//
// Tokens are bytes, 0 .. 255, unchanged: line ends, NUL and invalid UTF-8 included. The files are
// joined in the order given; the last `validation` part of the bytes is the validation split and
// the rest the train split. train_batch crops the one, test_batch the other, and every byte of a
// crop, its last target too, lies in the split: the two never share a byte.
//
// Example: a file that holds "to be, or not to be, that is", validation .5, length 9,
// test_batch of Random(1), a blank written as _. The validation split is "to be, that is":
//
//   token    e  ,  _  t  h  a  t  _  i
//   target   ,  _  t  h  a  t  _  i  s
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class TextTask final : public Task {
 public:
  void declare(Fields& f) override;
  /// Reads the files. Throws Error(Fault::option) when none is named, Error(Fault::data) when one
  /// is missing, no file or empty, or when they are too short to be split.
  void prepare() override;
  size_t vocabulary() const override { return 256; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "context, in bytes"; }
  size_t shortest_length() const override { return 1; }
  /// Adds: Error(Fault::data) when a split has no room for a crop and its last target.
  void check_length(size_t length) const override;
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Reads with the book open: all answers but the last stand in the crop itself, and the last is
  /// what follows the crop in the validation split or, where it does not occur there, in the train
  /// split. Where one crop has several continuations (a short one, or boilerplate repeated word for
  /// word) nobody can know which is meant: the answer is then the commonest, the best there is.
  /// Exact for all crops whose bytes occur once. Throws Error for a crop that is in neither split.
  Index oracle(const Batch& batch) const override;
  /// How often the commonest byte of the train split stands in the validation split.
  double chance(size_t) const override { return chance_; }
  bool in_bits_per_byte() const override { return true; }
  /// -mean log2 p(byte) over the validation split; p = (count + 1) / (all + 256) in the train
  /// split.
  std::optional<double> baseline_bits_per_byte() const override { return baseline_; }

 private:
  Batch crops(std::string_view split, size_t batch, size_t length, Random random) const;
  std::string_view train() const { return std::string_view(bytes_).substr(0, boundary_); }
  std::string_view validation() const { return std::string_view(bytes_).substr(boundary_); }

  std::string files_, bytes_;
  size_t boundary_ = 0;  // the first byte of the validation split
  double part_ = 0.1, chance_ = 0, baseline_ = 0;
};

}  // namespace gnomon
