// A pool of 64-byte-aligned blocks. A training step asks for the same sizes again and again; fresh
// memory costs a page fault for every 4 KiB, a pooled block costs nothing. Freed blocks are kept in
// lists by size class: four to every power of two, and never less than 64 bytes apart, so above 256
// bytes at most a quarter is wasted.
#pragma once

#include <cstddef>
#include <limits>
#include <new>

namespace gnomon {

constexpr size_t kAlignment = 64;  // one cache line, and the widest vector register

/// What the pool holds, in bytes (of whole size classes).
struct MemoryUse {
  size_t in_use = 0;        ///< handed out now
  size_t peak = 0;          ///< most ever handed out at once since reset_peak()
  size_t reserved = 0;      ///< obtained from the system (in use or waiting in a list)
  size_t system_calls = 0;  ///< how often the system was asked: constant once a loop is warm
};

namespace pool {
void* allocate(size_t bytes);                      ///< throws std::bad_alloc
void release(void* block, size_t bytes) noexcept;  ///< `bytes` as given to allocate
MemoryUse use();
void reset_peak();
void trim();  ///< returns every waiting block to the system
}  // namespace pool

/// Allocator over the pool, for containers.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) {
    if (n > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(pool::allocate(n * sizeof(T)));
  }
  void deallocate(T* block, size_t n) noexcept { pool::release(block, n * sizeof(T)); }
  bool operator==(const PoolAllocator&) const { return true; }
};

}  // namespace gnomon
