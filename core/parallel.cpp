#include "core/parallel.hpp"

#include "core/base/error.hpp"

namespace gnomon {
namespace {
int& chosen() {
  static int count = std::max(1, omp_get_max_threads());
  return count;
}
}  // namespace

void set_threads(int count) {
  expect(count >= 1 && count <= 1024, "threads: expected 1 to 1024, got {}", count);
  chosen() = count;
}

int threads() { return chosen(); }

}  // namespace gnomon
