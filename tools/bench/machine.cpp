#include "tools/bench/machine.hpp"

#include <cstring>
#include <limits>
#include <vector>

#include "core/gemm_bf16.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/random.hpp"
#include "tools/progress.hpp"

namespace gnomon {
namespace {

template <class Work>
double fastest(size_t tries, Work&& work) {
  double best = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < tries; ++i) {
    const Stopwatch watch;
    work();
    best = std::min(best, watch.seconds());
  }
  return best;
}

double gemm_gflops(Precision precision) {
  constexpr size_t m = 2048, n = 512, k = 256;
  Random random(1);
  const Array a = random.normal({m, k}), b = random.normal({k, n});
  Array c({m, n});
  return 2e-9 * double{m * n * k} / fastest(100, [&] {
           gemm(m, n, k, {a.data(), k}, {b.data(), n}, c.data(), n, 0, 1, precision);
         });
}

double copy_gb_s() {
  constexpr size_t kBytes = size_t{64} << 20, kPiece = size_t{1} << 20;
  const std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes);
  return 1e-9 * double{kBytes} / fastest(10, [&] {
           parallel_for(kBytes, kPiece, [&](size_t begin, size_t end) {
             std::memcpy(&to[begin], &from[begin], end - begin);
           });
         });
}

}  // namespace

Machine measure_machine(bool rows) {
  Machine machine{.gemm_gflops = gemm_gflops(Precision::f32), .copy_gb_s = copy_gb_s()};
  if (has_bf16()) machine.gemm_gflops_bf16 = gemm_gflops(Precision::bf16);
  if (!rows) return machine;
  constexpr size_t kRows = 1 << 17, kWidth = 256;  // 128 MiB
  const double gb = 1e-9 * double{kRows * kWidth * sizeof(real)};
  Random random(2);
  const Var table = variable(ones({1, kRows, kWidth}));
  Index to({1, kRows});
  for (int32_t& j : to) j = static_cast<int32_t>(random.below(kRows));
  const Array cotangent = ones({1, kRows, kWidth});
  double gather = std::numeric_limits<double>::infinity(), scatter = gather;
  for (size_t i = 0; i < 10; ++i) {
    Tape tape;
    Var read;
    gather = std::min(gather, fastest(1, [&] { read = gather_rows(table, to); }));
    scatter = std::min(scatter, fastest(1, [&] { tape.backward(read, cotangent); }));
    table.slot()->grad = Array();
  }
  machine.gather_share = gb / gather / machine.copy_gb_s;
  machine.scatter_share = gb / scatter / machine.copy_gb_s;
  return machine;
}

}  // namespace gnomon
