// A task is a pure function of (options, random stream): the same stream gives the same batch.
#pragma once

#include <optional>
#include <utility>

#include "core/base/registry.hpp"
#include "tasks/batch.hpp"
#include "tasks/draw.hpp"

namespace gnomon {

class Task {
 public:
  virtual ~Task() = default;
  virtual void declare(Fields&) {}
  /// Files beside config.ini that belong to a run of this task: name and content, after prepare().
  virtual std::vector<std::pair<std::string, std::string>> kept() const { return {}; }
  /// Reads them back from the folder of a run, before prepare(). Throws Error(Fault::data).
  virtual void open(const std::string& /*run*/) {}
  /// Called once after the options are set: checks them, reads files. Throws Error(Fault::option)
  /// or Error(Fault::data).
  virtual void prepare() {}
  virtual size_t vocabulary() const = 0;
  /// How a person reads a token: a short word of printable ASCII.
  virtual std::string spell(int32_t token) const { return fmt::format("{}", token); }
  /// How a picture shows it: as spell(), but a number that only names a symbol is a letter, so that
  /// it is not taken for a position: a, ..., z, A, ..., Z, then aa, ab, ... A task whose numbers or
  /// signs mean themselves says so.
  virtual std::string symbol(int32_t token) const;
  /// The tokens of a text, and what a token adds to one. Words between blanks, commas or line ends,
  /// unless a text is real data: then exactly its bytes. Throws Error(Fault::option), naming
  /// `option`, for what is no token.
  virtual std::vector<int32_t> read(const std::string& text, const std::string& option) const;
  virtual std::string write(int32_t token) const { return spell(token); }
  /// The token spelled by this word, where words are not numbers.
  virtual std::optional<int32_t> spelled(const std::string&) const { return std::nullopt; }
  /// What `length` means here, for help texts: "distance, in tokens".
  virtual std::string length_meaning() const = 0;
  /// Where the data is not made from the options alone (files): its size and a hash, by which it is
  /// known wherever it lies. "" for data that is made, and before prepare().
  virtual std::string fingerprint() const { return ""; }
  /// How many different test sequences of this length there are, where they can be counted.
  virtual std::optional<size_t> test_sequences(size_t) const { return std::nullopt; }
  /// The shortest sensible length.
  virtual size_t shortest_length() const = 0;
  /// Can batches of this length be made? The two calls below begin with this question; a program
  /// asks it before it starts. Throws Error(Fault::option) when the length is too short or too long
  /// to count positions in 32 bits; a task whose data is finite adds Error(Fault::data).
  virtual void check_length(size_t length) const {
    constexpr size_t longest = size_t{1} << 30;
    if (length < shortest_length() || length > longest)
      fail(Fault::option, "length ({}): expected {} to {}, got {}", length_meaning(),
           shortest_length(), longest, length);
  }
  /// A batch to learn from; lengths may vary up to `length` from batch to batch. Unless a task says
  /// more: test batches of one length each, uniform in [shortest_length(), length].
  virtual Batch train_batch(size_t batch, size_t length, Random random) const {
    check_length(length);
    const size_t drawn = draw_length(random, shortest_length(), length);
    return test_batch(batch, drawn, random);
  }
  /// A batch to be judged by, of exactly this length; never overlaps what train_batch can give
  /// where the data is finite.
  virtual Batch test_batch(size_t batch, size_t length, Random random) const = 0;
  /// A batch of this length to try a step with, before anything is written.
  virtual Batch rehearsal_batch(size_t batch, size_t length, Random random) const {
    return test_batch(batch, length, random);
  }
  /// Where test sequences are a list, of which an evaluation reads each once, in order, and draws
  /// nothing: the lengths that there are; test_sequences() counts those of one.
  virtual std::vector<size_t> listed_lengths() const { return {}; }
  /// Those of a length, from number `first` on.
  virtual Batch listed_tests(size_t first, size_t batch, size_t length) const;
  /// A batch by which a run is watched while it learns, of exactly this length: its own stream is
  /// enough where data is made; data that is finite gives a part that neither of the two above
  /// does, or throws Error(Fault::option) when none was held out.
  virtual Batch validation_batch(size_t batch, size_t length, Random random) const {
    return test_batch(batch, length, random);
  }
  /// The right answers found without looking at batch.targets: [B,N], any value where not scored.
  /// Of any tokens below vocabulary(): -1 where a sequence that is none of the task's has no
  /// answer. Throws Error where answers are looked up in data in which it does not stand.
  virtual Index oracle(const Batch& batch) const = 0;
  /// Token accuracy, in test batches of this length, of the best guess that ignores the input.
  virtual double chance(size_t length) const = 0;
  /// All test data in order, where it is one long text; else nothing.
  virtual std::vector<int32_t> test_text() const { return {}; }
  /// Whether the loss means bits per byte of real data: then results show them, and no exact match,
  /// which every sequence would miss somewhere.
  virtual bool in_bits_per_byte() const { return false; }
  /// Where it does: the bits per byte of a model that knows how often each byte occurs in the
  /// training data and nothing else. What a model must beat to have read anything.
  virtual std::optional<double> baseline_bits_per_byte() const { return std::nullopt; }
};

}  // namespace gnomon
