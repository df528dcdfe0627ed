#include "tools/engine.hpp"

#include <unistd.h>

#include "core/gemm.hpp"
#include "core/gemm_bf16.hpp"
#include "core/parallel.hpp"
#include "tools/output.hpp"
#include "tools/training/machines.hpp"

namespace gnomon {
namespace {
constexpr size_t kMostThreads = 1024;
}

void start_engine(size_t threads, const std::string& precision) {
  set_threads(static_cast<int>(threads));
  gemm_self_test();
  if (precision == "bf16" && !has_bf16())
    complain(
        "--precision bf16: this processor does not multiply bf16; numbers are rounded to it and "
        "multiplied in float32, with the same results and no gain of speed");
}

size_t default_threads() {
  auto own = static_cast<size_t>(threads());
  // Processes of mpirun share the cores of a host, unless each has been given its own.
  if (own == static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)))
    own = std::max<size_t>(1, own / Machines::on_this_host());
  return std::min(own, kMostThreads);
}

void declare_threads(Fields& f, size_t& threads) {
  f.integer("threads", threads, 1, kMostThreads, "the results do not depend on it");
}

}  // namespace gnomon
