// tasks/listops.hpp
// Nested operations on digits. (Long Range Arena, arXiv 2011.04006, after Nangia and Bowman, arXiv
// 1804.06028; the generator of the Arena's repository.)
//
// Tokens: the digits 0 .. 9, [MIN 10, [MAX 11, [MED 12, [SM 13, the closing bracket 14, the pad 15.
// The Arena's parentheses are left out, as its own pipeline leaves them out. An expression is, with
// probability 3/4 and always at `depth`, a digit; else a random operation on 2 to `arguments`
// expressions one level deeper (the outermost is level 1). MED is the median, rounded down where it
// falls between two digits; SM is the sum modulo 10. Only expressions of `shortest` to `length`
// tokens are kept: the Arena's are `shortest` 501, length 1999. They stand at the beginning of N =
// `length` tokens, pads follow. The value is the target at the expression's last token; nothing
// else is scored.
//
// To train on short expressions and judge by the Arena's: tests of `test-shortest` tokens or longer
// keep expressions of at least that many; `packed` training puts further expressions in place of
// the pads, each with its target; and with `fewest-arguments` the most arguments of a training
// expression are drawn anew for each, from there to `arguments`.
//
// Example: shortest 14, length 18, test_batch of Random(1):
//
//   token   12  5  4  7 10  6  0  4  5 14  8  4  4  8  5 14 15 15
//   target   .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  5  .  .
#pragma once

#include "tasks/task.hpp"

namespace gnomon {

class ListopsTask final : public Task {
 public:
  void declare(Fields& f) override;
  void prepare() override;
  size_t vocabulary() const override { return 16; }
  std::string spell(int32_t token) const override;
  std::string length_meaning() const override { return "longest expression, in tokens"; }
  size_t shortest_length() const override { return shortest_; }
  /// Both have expressions of a shortest length to `length` tokens. Throw Error(Fault::option) when
  /// expressions so long are next to impossible at this depth.
  Batch train_batch(size_t batch, size_t length, Random random) const override;
  Batch test_batch(size_t batch, size_t length, Random random) const override;
  /// Evaluates the tokens with a stack.
  Index oracle(const Batch& batch) const override;
  /// How often the commonest value occurs, counted over 4,096 expressions.
  double chance(size_t length) const override;

 private:
  using Tokens = std::vector<int32_t>;
  size_t shortest_in_tests(size_t length) const {
    return test_shortest_ == 0 || length < test_shortest_ ? shortest_ : test_shortest_;
  }
  /// Sequences filled with expressions: next(room, tokens) draws one and returns its value, or -1
  /// to leave the rest to pads.
  template <class Next>
  Batch drawn(size_t batch, size_t length, Next&& next) const;
  /// One expression of `shortest` to `length` tokens, and its value; -1: none of so many fitted.
  int32_t try_expression(size_t patience, size_t shortest, size_t length, size_t most,
                         Tokens& tokens, Random& random) const;
  /// The same, and where none fits Error(Fault::option).
  int32_t draw_expression(size_t shortest, size_t length, size_t most, Tokens& tokens,
                          Random& random) const;
  int32_t grow(size_t level, size_t length, size_t most, Tokens& tokens, Random& random) const;

  size_t shortest_ = 501, test_shortest_ = 0, depth_ = 10, arguments_ = 10, fewest_arguments_ = 0;
  bool packed_ = false;
};

}  // namespace gnomon
