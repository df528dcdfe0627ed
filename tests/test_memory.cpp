#include <doctest/doctest.h>

#include <cstdint>
#include <thread>

#include "core/array.hpp"

using namespace gnomon;

namespace {

// What a training step does: many sizes, some alive together.
void make_and_drop_arrays() {
  std::vector<Array> alive;
  for (size_t n = 1; n < 3000; n += 97) {
    alive.emplace_back(Shape{n});
    const Array brief({n, 3});
    alive.back().fill(1);
  }
}

}  // namespace

TEST_CASE("pool: every block is 64-byte aligned and can be written to its end") {
  for (size_t bytes : {0, 1, 63, 64, 65, 1000, 4097, 1 << 20, (2 << 20) + 1, 5 << 20}) {
    auto* block = static_cast<unsigned char*>(pool::allocate(bytes));
    CHECK(reinterpret_cast<uintptr_t>(block) % kAlignment == 0);
    std::fill_n(block, bytes, 0xab);
    pool::release(block, bytes);
  }
}

TEST_CASE("pool: the second of two equal loops asks the system for nothing") {
  make_and_drop_arrays();
  const MemoryUse before = pool::use();
  for (int loop = 0; loop < 3; ++loop) make_and_drop_arrays();
  const MemoryUse after = pool::use();
  CHECK(after.system_calls == before.system_calls);
  CHECK(after.reserved == before.reserved);
  CHECK(after.in_use == before.in_use);
}

TEST_CASE("pool: a size costs at least itself, and above 256 bytes at most a quarter more") {
  for (size_t bytes = 1; bytes < 100000; bytes += 1 + bytes / 7) {
    const size_t before = pool::use().in_use;
    void* block = pool::allocate(bytes);
    const size_t cost = pool::use().in_use - before;
    pool::release(block, bytes);
    CAPTURE(bytes);
    CHECK(cost >= bytes);
    CHECK(cost <= std::max(bytes + bytes / 4, bytes + 63));
    CHECK(cost % kAlignment == 0);
    CHECK(pool::use().in_use == before);
  }
}

TEST_CASE("pool: peak is the most in use at once since it was reset") {
  pool::reset_peak();
  const size_t start = pool::use().in_use;
  { const Array a({1024}), b({2048}); }
  { const Array c({1024}); }
  CHECK(pool::use().peak == start + 3 * 1024 * sizeof(real));
  pool::reset_peak();
  CHECK(pool::use().peak == start);
}

TEST_CASE("pool: trim returns what waits, and what is in use stays") {
  Array kept({5000}, real{3});
  { const Array dropped({70000}); }
  pool::trim();
  const MemoryUse use = pool::use();
  CHECK(use.reserved == use.in_use);
  CHECK(kept(4999) == 3);
  const Array again({70000});
  CHECK(pool::use().system_calls == use.system_calls + 1);
}

TEST_CASE("pool: many threads, blocks given back by others") {
  const MemoryUse before = pool::use();
  std::vector<std::vector<Array>> made(4);
  const auto in_four_threads = [](auto&& work) {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) threads.emplace_back([&work, t] { work(t); });
    for (std::thread& thread : threads) thread.join();
  };
  in_four_threads([&](size_t t) {
    for (size_t i = 0; i < 500; ++i) {
      made[t].push_back(Array({1 + i % 37}, static_cast<real>(t * 1000 + i)));
      if (i % 3 == 0) made[t].erase(made[t].begin());
    }
  });
  for (size_t t = 0; t < 4; ++t)
    for (const Array& x : made[t]) {
      CHECK(x.data()[0] >= static_cast<real>(t * 1000));
      CHECK(x.data()[0] < static_cast<real>(t * 1000 + 500));
      CHECK(x.data()[x.size() - 1] == x.data()[0]);
    }
  in_four_threads([&](size_t t) { made[(t + 1) % 4].clear(); });
  CHECK(pool::use().in_use == before.in_use);
}

TEST_CASE("pool: a size that no machine has is refused") {
  CHECK_THROWS_AS(pool::allocate(std::numeric_limits<size_t>::max()), std::bad_alloc);
  CHECK_THROWS_AS(pool::allocate(std::numeric_limits<size_t>::max() / 2), std::bad_alloc);
}
