#include "core/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace gnomon::pool {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Pool {
  std::mutex mutex;
  std::map<size_t, std::vector<void*>> waiting;  // size class -> blocks
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
  const size_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
  void* block = nullptr;
  if (posix_memalign(&block, alignment, bytes) != 0) return nullptr;
  if (bytes >= kHugePage) madvise(block, bytes, MADV_HUGEPAGE);  // a hint: failure is harmless
  return block;
}

}  // namespace

void* allocate(size_t bytes) {
  const size_t size = size_class(bytes);
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  auto& list = p.waiting[size];
  void* block = nullptr;
  if (!list.empty()) {
    block = list.back();
    list.pop_back();
  } else {
    block = from_system(size);
    if (!block) throw std::bad_alloc();
    p.use.reserved += size;
    ++p.use.system_calls;
  }
  p.use.in_use += size;
  p.use.peak = std::max(p.use.peak, p.use.in_use);
  return block;
}

void release(void* block, size_t bytes) noexcept {
  if (!block) return;
  const size_t size = size_class(bytes);
  Pool& p = instance();
  const std::lock_guard lock(p.mutex);
  p.waiting[size].push_back(block);
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
  for (auto& [size, list] : p.waiting) {
    for (void* block : list) std::free(block);
    p.use.reserved -= size * list.size();
    list.clear();
  }
}

}  // namespace gnomon::pool
