// Reverse-mode automatic differentiation as a flat list.
//
//   Tape tape;                       // from here on, the ops of this thread are recorded
//   Var loss = cross_entropy(...);   // every op appends one node
//   tape.backward(loss);             // one loop over the list, last node first
//   w.grad();                        // d loss / d w
//
// Append order is already topological order, so backward needs no sorting and no recursion, and
// visits each node once. A node holds no value: its rule captures what it will read, so the
// capture list is what the forward pass keeps in memory, and tape.print() shows it.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/array.hpp"
#include "core/profile.hpp"

namespace gnomon {

/// Where the gradient of one variable collects.
struct Slot {
  Shape shape;
  Array grad;  // empty until somebody sends something
};

/// A value that may want a gradient. A handle: copying it copies no numbers.
class Var {
 public:
  Var() = default;
  /// A constant: nothing flows back into it.
  Var(Array value)
      : value_(std::move(value)) {}  // NOLINT: implicit on purpose, arrays are constants
  Var(Array value, std::shared_ptr<Slot> slot) : value_(std::move(value)), slot_(std::move(slot)) {}

  const Array& value() const { return value_; }
  Array& value() { return value_; }
  const Shape& shape() const { return value_.shape(); }
  bool wants_grad() const { return slot_ != nullptr; }
  /// The gradient collected so far; empty when nothing arrived.
  const Array& grad() const;
  Array& grad();
  const std::shared_ptr<Slot>& slot() const { return slot_; }

 private:
  Array value_;
  std::shared_ptr<Slot> slot_;
};

/// A leaf whose gradient is wanted, and kept across tapes until cleared (parameters, test inputs).
Var variable(Array value);

/// The inputs of a node as its rule sees them. A rule only ever adds; so a variable used twice, or
/// a row read by many, is right by construction.
class Inputs {
 public:
  explicit Inputs(const std::vector<std::shared_ptr<Slot>>& slots) : slots_(slots) {}
  /// Does input i want a gradient? A rule may skip work where not.
  bool wants(size_t i) const { return slots_[i] != nullptr; }
  /// The gradient of input i, zeros at first: add into it. Only where wants(i).
  Array& grad(size_t i);
  /// Adds dx: where it is the first contribution, its storage is taken over and nothing is copied
  /// (one array may be given to several inputs: it is copied before anybody adds to it).
  void add(size_t i, const Array& dx);
  /// The gradient buffer and what to multiply its present content by (0: uninitialised, 1: add).
  /// Write all of it before asking for another input: that may be the same variable.
  struct Blend {
    Array& dx;
    real beta;
  };
  Blend blend(size_t i);

 private:
  const std::vector<std::shared_ptr<Slot>>& slots_;
};

/// Of the outputs of a node, in their order; empty where none arrived.
using Gradients = std::vector<Array>;
using Rule = std::function<void(const Gradients& dy, Inputs inputs)>;

namespace detail {
inline size_t bytes(const std::vector<Array>& arrays) {
  size_t sum = 0;
  for (const Array& x : arrays) sum += x.bytes();
  return sum;
}
}  // namespace detail

class Tape {
 public:
  Tape();   ///< becomes the current tape of this thread
  ~Tape();  ///< the one before is current again
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Sends d loss / d loss = 1 back through the list. Each node's gradient and rule are released as
  /// soon as they were used; those of leaves stay, in storage of their own. Throws Error when loss
  /// is no scalar, is not on this tape, or when called twice.
  void backward(const Var& loss);
  /// The same from any output with a given cotangent of its shape.
  void backward(const Var& output, const Array& cotangent);

  /// One line per node: op, shapes, inputs, bytes kept for the backward pass: of storage that no
  /// node above it keeps already.
  void print(std::ostream& out) const;
  size_t size() const { return nodes_.size(); }
  size_t bytes_kept() const;

  /// Examine every value and gradient from now on; the first that is not finite throws
  /// Error(Fault::diverged) naming its op. Slow: for finding where a loss went wrong.
  void check_finite(bool on) { check_finite_ = on; }
  bool checks_finite() const { return check_finite_; }

  static Tape* current();

 private:
  template <class R>
  friend std::vector<Var> record_all(const char* op, const std::vector<Array>& values,
                                     const std::vector<Var>& inputs, R rule);
  struct Node {
    const char* op;
    std::vector<std::shared_ptr<Slot>> outputs, inputs;
    Rule rule;
    size_t bytes_kept;
  };
  std::vector<Var> append(const char* op, const std::vector<Array>& values,
                          const std::vector<Var>& inputs, Rule rule, const detail::Copies& kept);
  void examine(const char* op, const char* what, const Array& numbers) const;
  void send_back(const Node& node, const Gradients& dy) const;

  std::vector<Node> nodes_;
  std::unordered_set<const void*> kept_;  // storage that some node's rule holds
  Tape* before_;
  bool walked_ = false, check_finite_ = false;
};

/// While it lives, nothing is recorded on this thread.
class PauseTape {
 public:
  PauseTape();
  ~PauseTape();
  PauseTape(const PauseTape&) = delete;
  PauseTape& operator=(const PauseTape&) = delete;

 private:
  Tape* before_;
};

/// Appends an op to the current tape and returns its outputs. Without a tape, or when no input
/// wants a gradient, the values are returned as constants and the rule dropped.
/// `rule(dy, inputs)` receives the Gradients of the outputs and adds to those of the inputs.
template <class R>
std::vector<Var> record_all(const char* op, const std::vector<Array>& values,
                            const std::vector<Var>& inputs, R rule) {
  profile_lap(op, Profile::Phase::forward, detail::bytes(values));
  Tape* tape = Tape::current();
  if (!tape) return {values.begin(), values.end()};
  detail::Copies kept;
  detail::copies = &kept;
  Rule copy = std::as_const(rule);  // one copy of the closure: what it copies is what it keeps
  detail::copies = nullptr;
  return tape->append(op, values, inputs, std::move(copy), kept);
}

/// The same for an op with one output: `rule(dy, inputs)` receives the gradient of that.
template <class R>
Var record(const char* op, const Array& value, const std::vector<Var>& inputs, R rule) {
  return record_all(op, {value}, inputs, [rule = std::move(rule)](const Gradients& dy, Inputs in) {
    rule(dy[0], in);
  })[0];
}

}  // namespace gnomon
