// State: what a layer remembers of the tokens that it has read, so that sequences can be read in
// pieces. Of attention that is the cache of keys and values; of a source of candidates, its tables.
//
//   auto state = encoder.state(2);        // of two sequences side by side, nothing read yet
//   encoder(first_100, context, state.get());
//   auto fork = state->copy();            // goes on by itself from here
//   encoder(next_1, context, state.get());
//
// Reading in pieces of any sizes gives what reading all at once gives, to the rounding of sums. A
// state is for use outside of training: no gradient flows through it.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/array.hpp"

namespace gnomon {

/// Meets every part of a state in turn: to count it, to save it, to restore it.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  /// How many things follow: returns it, or, where a state is restored, what was saved.
  virtual size_t length(size_t now) = 0;
  /// `count` numbers of `bytes` bytes in all, to read or to fill.
  virtual void block(void* numbers, size_t count, size_t bytes) = 0;

  void visit(size_t& number) { block(&number, 1, sizeof number); }
  template <class T>
  void visit(std::vector<T>& part) {
    part.resize(length(part.size()));
    if constexpr (std::is_arithmetic_v<T>)
      block(part.data(), part.size(), part.size() * sizeof(T));
    else
      for (T& one : part) visit(one);
  }
  template <class Part>
  void visit(Part& part) {
    part.visit(*this);
  }
};

class State {
 public:
  virtual ~State() = default;
  /// One that goes on by itself.
  virtual std::unique_ptr<State> copy() const = 0;
  /// Keeps these of its sequences, in this order; one may stand several times.
  virtual void select(const std::vector<size_t>& sequences) = 0;
  /// A hint: so many tokens will have been read in the end. What grows by a token's row each need
  /// not be moved on the way.
  virtual void make_room(size_t /*tokens*/) {}
  virtual void visit(StateVisitor& visitor) = 0;
};

/// A state made of parts: Self::parts() is the std::tie of them.
template <class Self>
class StateOf : public State {
 public:
  std::unique_ptr<State> copy() const override {
    return std::make_unique<Self>(static_cast<const Self&>(*this));
  }
  void select(const std::vector<size_t>& sequences) override {
    std::apply([&](auto&... part) { (part.select(sequences), ...); }, self().parts());
  }
  void visit(StateVisitor& visitor) override {
    std::apply([&](auto&... part) { (visitor.visit(part), ...); }, self().parts());
  }

 private:
  Self& self() { return static_cast<Self&>(*this); }
};

/// The state that a layer made for itself, as what it is; null stays null.
template <class S>
S* state_cast(State* state) {
  S* const known = dynamic_cast<S*>(state);
  expect(!state == !known, "state: expected one made by this layer, got another's");
  return known;
}

/// A part: rows of equal width, one more for every token of every sequence. Appending a token costs
/// O(width), spread over the calls: no call copies all rows each time.
template <class T>
class Cache {
 public:
  Cache(size_t sequences, size_t width) : rows_({sequences, 0, width}) {}
  Cache(const Cache& o) : rows_(o.rows_.clone()), length_(o.length_) {}
  Cache& operator=(Cache&& o) noexcept = default;

  /// more [B,N,W] -> all rows so far [B,M,W]: those of a sequence come first, zeros behind them.
  const Tensor<T>& append(const Tensor<T>& more) {
    const auto [B, N, W] = dims<3>(more, "cache: rows [B,N,W]");
    expect(B == rows_.shape()[0] && W == rows_.shape()[2],
           "cache: rows [B,N,W]: expected B = {}, W = {}, got shape {}", rows_.shape()[0],
           rows_.shape()[2], more.shape());
    if (length_ + N > rows_.shape()[1]) make_room(std::max(length_ + N, 2 * rows_.shape()[1]));
    for (size_t b = 0; b < B; ++b)
      std::copy_n(more.row(b * N), N * W, rows_.row(b * rows_.shape()[1] + length_));
    length_ += N;
    return rows_;
  }
  const Tensor<T>& rows() const { return rows_; }
  /// How many rows each sequence has.
  size_t length() const { return length_; }

  /// Of so many rows of each sequence.
  void make_room(size_t rows) {
    const auto [B, room, W] = dims<3>(rows_, "cache: rows [B,M,W]");
    if (rows <= room) return;
    Tensor<T> wider({B, rows, W});
    for (size_t b = 0; b < B; ++b) {
      T* const own = wider.row(b * rows);
      if (length_ > 0) std::copy_n(rows_.row(b * room), length_ * W, own);
      std::fill_n(own + length_ * W, (rows - length_) * W, T{0});
    }
    rows_ = wider;
  }
  void select(const std::vector<size_t>& sequences) {
    const size_t each = rows_.shape()[1] * rows_.shape()[2];
    Tensor<T> chosen({sequences.size(), rows_.shape()[1], rows_.shape()[2]});
    for (size_t s = 0; s < sequences.size(); ++s)
      std::copy_n(rows_.data() + sequences[s] * each, each, chosen.data() + s * each);
    rows_ = chosen;
  }
  void visit(StateVisitor& visitor) {
    const size_t length = visitor.length(length_);
    make_room(length);
    length_ = length;
    const size_t count = length_ * rows_.shape()[2];
    for (size_t b = 0; b < rows_.shape()[0]; ++b)
      visitor.block(rows_.row(b * rows_.shape()[1]), count, count * sizeof(T));
  }

 private:
  Tensor<T> rows_;  // [B,M,W]
  size_t length_ = 0;
};

/// A part: something of each sequence's own that reads it from left to right. T can be visited.
template <class T>
struct PerSequence : std::vector<T> {
  using std::vector<T>::vector;
  void select(const std::vector<size_t>& sequences) {
    PerSequence chosen;
    for (const size_t b : sequences) chosen.push_back((*this)[b]);
    this->swap(chosen);
  }
  void visit(StateVisitor& visitor) {
    for (T& one : *this) visitor.visit(one);
  }
};

/// A state that is nothing but that.
template <class T>
struct SequenceStates final : StateOf<SequenceStates<T>> {
  SequenceStates(size_t sequences, const T& one) : each(sequences, one) {}
  auto parts() { return std::tie(each); }
  PerSequence<T> each;
};

/// A part: the states of parts of a layer; null where one remembers nothing.
struct Children : std::vector<std::unique_ptr<State>> {
  Children() = default;
  Children(Children&&) = default;
  Children(const Children& o) : vector() {
    for (const auto& child : o) push_back(child ? child->copy() : nullptr);
  }
  void select(const std::vector<size_t>& sequences) {
    for (auto& child : *this)
      if (child) child->select(sequences);
  }
  void make_room(size_t tokens) {
    for (auto& child : *this)
      if (child) child->make_room(tokens);
  }
  void visit(StateVisitor& visitor) {
    for (auto& child : *this)
      if (child) child->visit(visitor);
  }
};

/// How many numbers it holds, of all its sequences together.
size_t state_numbers(State& state);
/// Its content as bytes, for this machine, and back. Throws Error(Fault::data) where the bytes are
/// not those of such a state: made by the same layer for as many sequences.
std::string save_state(State& state);
void restore_state(State& state, std::string_view bytes);

}  // namespace gnomon
