#include "core/tape.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "core/counters.hpp"
#include "core/simd/map.hpp"

namespace gnomon {
namespace {

thread_local Tape* current_tape = nullptr;
const Array kNoGradient;

// Two slots may have been handed the same array: part them before one is changed.
Array& unshared(Array& grad) {
  if (grad.shared()) grad = grad.clone();
  return grad;
}

}  // namespace

const Array& Var::grad() const { return slot_ ? slot_->grad : kNoGradient; }
Array& Var::grad() {
  expect(slot_ != nullptr, "grad: a constant of shape {} has no gradient", shape().text());
  return slot_->grad;
}

Var variable(Array value) {
  auto slot = std::make_shared<Slot>(Slot{value.shape(), {}});
  return Var(std::move(value), std::move(slot));
}

Array& Inputs::grad(size_t i) {
  Slot& s = *slots_[i];
  if (s.grad.empty()) s.grad = zeros(s.shape);
  return unshared(s.grad);
}

void Inputs::add(size_t i, const Array& dx) {
  if (!wants(i)) return;
  Slot& s = *slots_[i];
  expect_shape(dx, s.shape, "backward: gradient of an input");
  if (s.grad.empty())
    s.grad = dx;
  else
    simd::map(
        unshared(s.grad), [](auto sum, auto more) { return sum + more; }, s.grad, dx);
}

Inputs::Blend Inputs::blend(size_t i) {
  Slot& s = *slots_[i];
  if (!s.grad.empty()) return {unshared(s.grad), 1};
  s.grad = Array(s.shape);
  return {s.grad, 0};
}

Tape::Tape() : before_(current_tape) { current_tape = this; }
Tape::~Tape() { current_tape = before_; }
Tape* Tape::current() { return current_tape; }
PauseTape::PauseTape() : before_(current_tape) { current_tape = nullptr; }
PauseTape::~PauseTape() { current_tape = before_; }

void Tape::examine(const char* op, const char* what, const Array& numbers) const {
  ++counters.finite_checks;
  const bool finite =
      std::all_of(numbers.begin(), numbers.end(), [](real v) { return std::isfinite(v); });
  if (!finite) fail(Fault::diverged, "{}: the {} {} is not finite", op, what, numbers.shape());
}

void Tape::send_back(const Node& node, const Gradients& dy) const {
  node.rule(dy, Inputs(node.inputs));
  profile_lap(node.op, Profile::Phase::backward, detail::bytes(dy));
  if (!check_finite_) return;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i])
      examine(node.op, fmt::format("gradient of input {}", i).c_str(), node.inputs[i]->grad);
}

std::vector<Var> Tape::append(const char* op, const std::vector<Array>& values,
                              const std::vector<Var>& inputs, Rule rule,
                              const detail::Copies& kept) {
  if (check_finite_)
    for (const Array& value : values) examine(op, "value", value);
  Node node{op, {}, {}, std::move(rule), 0};
  for (const Var& v : inputs) node.inputs.push_back(v.slot());
  if (std::none_of(inputs.begin(), inputs.end(), [](const Var& v) { return v.wants_grad(); }))
    return {values.begin(), values.end()};
  std::vector<Var> outputs;
  for (const Array& value : values) {
    node.outputs.push_back(std::make_shared<Slot>(Slot{value.shape(), {}}));
    outputs.emplace_back(value, node.outputs.back());
  }
  for (const auto& [storage, bytes] : kept)
    if (kept_.insert(storage.get()).second) node.bytes_kept += bytes;
  nodes_.push_back(std::move(node));
  return outputs;
}

void Tape::backward(const Var& loss) {
  expect(loss.shape().elements() == 1, "backward: start from a scalar loss, got shape {}",
         loss.shape());
  backward(loss, ones(loss.shape()));
}

void Tape::backward(const Var& output, const Array& cotangent) {
  expect(!walked_, "backward: this tape was already walked; record the forward pass again");
  expect_shape(cotangent, output.shape(), "backward: cotangent");
  const bool here = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& n) {
    return std::count(n.outputs.begin(), n.outputs.end(), output.slot()) != 0;
  });
  expect(here, "backward: the output is not on this tape");
  walked_ = true;
  const PauseTape pause;
  if (check_finite_) examine("backward", "cotangent", cotangent);
  output.slot()->grad = cotangent;
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    Gradients dy;
    for (const auto& out : node->outputs) dy.push_back(std::exchange(out->grad, Array()));
    // Where no output has a gradient, nobody used the node: nothing to send back.
    if (detail::bytes(dy) > 0) send_back(*node, dy);
    node->rule = nullptr;
  }
  // What is left belongs to leaves, whose owners write to it (clipping): nobody else may see that.
  for (const Node& node : nodes_)
    for (const auto& slot : node.inputs)
      if (slot) unshared(slot->grad);
}

size_t Tape::bytes_kept() const {
  size_t sum = 0;
  for (const Node& n : nodes_) sum += n.bytes_kept;
  return sum;
}

void Tape::print(std::ostream& out) const {
  std::unordered_map<const Slot*, std::string> names;
  for (size_t i = 0; i < nodes_.size(); ++i)
    for (size_t o = 0; o < nodes_[i].outputs.size(); ++o)
      names[nodes_[i].outputs[o].get()] =
          nodes_[i].outputs.size() == 1 ? fmt::format("%{}", i) : fmt::format("%{}.{}", i, o);
  out << fmt::format("{:>5}  {:<22}{:<18}{:>12}  {}\n", "node", "op", "shape", "bytes kept",
                     "inputs");
  for (size_t i = 0; i < nodes_.size(); ++i) {
    std::vector<std::string> inputs, shapes;
    for (const auto& s : nodes_[i].inputs)
      inputs.push_back(!s                     ? "constant"
                       : names.count(s.get()) ? names[s.get()]
                                              : "leaf" + s->shape.text());
    for (const auto& s : nodes_[i].outputs) shapes.push_back(s->shape.text());
    out << fmt::format("{:>5}  {:<22}{:<18}{:>12}  {}\n", fmt::format("%{}", i), nodes_[i].op,
                       fmt::format("{}", fmt::join(shapes, " ")), nodes_[i].bytes_kept,
                       fmt::join(inputs, " "));
  }
  out << fmt::format("{} nodes, {} bytes kept for the backward pass\n", nodes_.size(),
                     bytes_kept());
}

}  // namespace gnomon
