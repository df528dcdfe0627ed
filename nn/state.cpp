#include "nn/state.hpp"

namespace gnomon {
namespace {

struct Counting final : StateVisitor {
  size_t length(size_t now) override { return now; }
  void block(void*, size_t count, size_t) override { numbers += count; }
  size_t numbers = 0;
};

struct Saving final : StateVisitor {
  size_t length(size_t now) override {
    bytes.append(reinterpret_cast<const char*>(&now), sizeof now);
    return now;
  }
  void block(void* numbers, size_t, size_t size) override {
    bytes.append(static_cast<const char*>(numbers), size);
  }
  std::string bytes;
};

struct Restoring final : StateVisitor {
  explicit Restoring(std::string_view bytes) : left(bytes) {}
  size_t length(size_t) override {
    size_t saved = 0;
    block(&saved, 1, sizeof saved);
    if (saved > left.size()) refuse();  // nothing is smaller than a byte
    return saved;
  }
  void block(void* numbers, size_t, size_t size) override {
    if (size > left.size()) refuse();
    if (size > 0) std::memcpy(numbers, left.data(), size);
    left.remove_prefix(size);
  }
  [[noreturn]] static void refuse() {
    fail(Fault::data, "state: expected bytes that were saved from such a state, got others");
  }
  std::string_view left;
};

}  // namespace

size_t state_numbers(State& state) {
  Counting counting;
  state.visit(counting);
  return counting.numbers;
}

std::string save_state(State& state) {
  Saving saving;
  state.visit(saving);
  return saving.bytes;
}

void restore_state(State& state, std::string_view bytes) {
  Restoring restoring(bytes);
  state.visit(restoring);
  if (!restoring.left.empty()) Restoring::refuse();
}

}  // namespace gnomon
