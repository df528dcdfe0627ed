#include "core/memory.hpp"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(block, size)
#define ASAN_UNPOISON_MEMORY_REGION(block, size)
#endif
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

namespace gnomon::pool {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// A waiting block begins with a pointer to the next: giving a block back asks for no memory, so it
// cannot fail.
struct Waiting {
  Waiting* next;
};

struct Pool {
  std::mutex mutex;
  std::map<size_t, Waiting*> waiting;  // size class -> first of its blocks
  MemoryUse use;
};

// Never destroyed: arrays with static lifetime may give their blocks back after main.
Pool& instance() {
  static Pool* pool = new Pool;
  return *pool;
}

size_t size_class(size_t bytes) {
  const size_t least = std::max(bytes, kAlignment);
  const size_t step = std::max(std::bit_floor(least) / 4, kAlignment);
  if (least > std::numeric_limits<size_t>::max() - step) throw std::bad_alloc();
  return (least + step - 1) / step * step;
}

void* from_system(size_t bytes) {
  bool huge = false;
#ifdef __linux__
  huge = bytes >= kHugePage;
#endif
  void* block = nullptr;
  if (posix_memalign(&block, huge ? kHugePage : kAlignment, bytes) != 0) return nullptr;
#ifdef __linux__
  if (huge) madvise(block, bytes, MADV_HUGEPAGE);  // a hint: failure is harmless
#endif
  return block;
}

}  // namespace

void* allocate(size_t bytes) {
  const size_t size = size_class(bytes);
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  Waiting*& first = p.waiting[size];
  void* block = first;
  if (first) {
    first = first->next;
  } else {
    block = from_system(size);
    if (!block) throw std::bad_alloc();
    p.use.reserved += size;
    ++p.use.system_calls;
  }
  p.use.in_use += size;
  p.use.peak = std::max(p.use.peak, p.use.in_use);
  // AddressSanitizer, where it is on, reports who touches a waiting block or the rounded-up end.
  ASAN_POISON_MEMORY_REGION(block, size);
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
  return block;
}

void release(void* block, size_t bytes) noexcept {
  if (!block) return;
  const size_t size = size_class(bytes);
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  Waiting*& first = p.waiting.find(size)->second;  // made by allocate
  ASAN_POISON_MEMORY_REGION(block, size);
  ASAN_UNPOISON_MEMORY_REGION(block, sizeof(Waiting));
  first = new (block) Waiting{first};
  p.use.in_use -= size;
}

MemoryUse use() {
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  return p.use;
}

void reset_peak() {
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  p.use.peak = p.use.in_use;
}

void trim() {
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  for (auto& [size, first] : p.waiting)
    while (first) {
      std::free(std::exchange(first, first->next));
      p.use.reserved -= size;
    }
}

}  // namespace gnomon::pool
