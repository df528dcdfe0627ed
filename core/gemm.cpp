#include "core/gemm.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <tuple>

#include "core/counters.hpp"
#include "core/gemm_bf16.hpp"
#include "core/gemm_tile.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/simd/row.hpp"

namespace gnomon {
namespace {

/// Rows of a tile: about 128, a matter of the shape alone, since other heights change a row's bits.
/// A few tiles come in an even number: three would keep one of two threads waiting for a third of
/// the time.
size_t tile_rows(size_t m) {
  constexpr size_t kTile = 128, kFew = 8, kRegisters = 8;
  size_t tiles = (m + kTile - 1) / kTile;
  if (tiles > kFew || m < kTile / 2) return kTile;
  tiles += tiles % 2;
  return ((m + tiles - 1) / tiles + kRegisters - 1) / kRegisters * kRegisters;
}

/// Rows [begin, end) of the sums of A's rows, which are columns in memory where A is transposed.
void add_row_sums(const Product& p, size_t begin, size_t end) {
  constexpr size_t kBlock = 256;  // sums of sums: over a million rows one sum would lose digits
  std::vector<real> block(end - begin);
  for (const Product::Term& t : p.terms) {
    expect(t.a.transposed, "gemm: row_sums: expected A stored [k,m]");
    for (size_t first = 0; first < t.k; first += kBlock) {
      std::fill(block.begin(), block.end(), real{0});
      for (size_t l = first; l < std::min(first + kBlock, t.k); ++l)
        simd::add_to(block.data(), t.a.data + l * t.a.stride + begin, block.size());
      simd::add_to(p.row_sums + begin, block.data(), block.size());
    }
  }
}

/// C before its terms are added; returns what it is multiplied by when the first is.
real prepare(const Product& p, size_t begin, size_t end) {
  const bool none =
      std::all_of(p.terms.begin(), p.terms.end(), [](const auto& t) { return t.k == 0; });
  for (size_t i = begin; i < end && (p.bias || none); ++i) {
    real* const row = p.c + i * p.stride_c;
    for (size_t j = 0; j < p.n; ++j)
      row[j] = p.bias ? p.bias[j] : p.beta == 0 ? real{0} : p.beta * row[j];
  }
  return p.bias ? 1 : p.beta;
}

/// Rows [begin, end) with all the bits that the operands have.
void run_tile(const Product& p, size_t begin, size_t end) {
  real beta = prepare(p, begin, end);
  for (const auto& [k, a, b] : p.terms) {
    if (k == 0 || p.n == 0) continue;
    const Matrix rows{a.data + (a.transposed ? begin : begin * a.stride), a.stride, a.transposed};
    multiply(end - begin, p.n, k, rows, b, p.c + begin * p.stride_c, p.stride_c, beta, p.alpha);
    beta = 1;
  }
  if (p.row_sums) add_row_sums(p, begin, end);
}

/// All tiles of products that write to different numbers.
void run(std::span<const Product> products) {
  constexpr size_t kLittle = 1 << 18;  // multiplications that take less time than sharing them out
  std::vector<Loop> loops;
  size_t work = 0;
  for (const Product& p : products) {
    loops.push_back({p.m, tile_rows(p.m)});
    for (const Product::Term& t : p.terms) work += p.m * p.n * t.k;
  }
  const auto tile_of = [&](size_t i, size_t begin, size_t end) {
    run_tile(products[i], begin, end);
  };
  if (work > kLittle) return parallel_for(loops, tile_of);
  for (size_t i = 0; i < loops.size(); ++i)
    for (size_t begin = 0; begin < loops[i].n; begin += loops[i].grain)
      tile_of(i, begin, std::min(begin + loops[i].grain, loops[i].n));
}

/// Is there a number to which both write?
bool clash(const Product& p, const Product& q) {
  const auto written = [](const Product& o) {
    const size_t size = o.m == 0 || o.n == 0 ? 0 : (o.m - 1) * o.stride_c + o.n;
    return std::array{std::span(o.c, size), std::span(o.row_sums, o.row_sums ? o.m : 0)};
  };
  const std::less<> before;
  for (const auto& a : written(p))
    for (const auto& b : written(q))
      if (before(a.data(), b.data() + b.size()) && before(b.data(), a.data() + a.size()))
        return true;
  return false;
}

/// Products that clash one after the other, the others together.
void run_all(std::span<const Product> products) {
  size_t first = 0;  // those from here on have to be run
  for (size_t i = 1; i < products.size(); ++i) {
    const auto waits = [&](const Product& before) { return clash(before, products[i]); };
    if (std::none_of(&products[first], &products[i], waits)) continue;
    run(products.subspan(first, i - first));
    first = i;
  }
  run(products.subspan(first));
}

/// As the processor multiplies bf16.
void run_packed([[maybe_unused]] const Product& p) {
#ifdef GNOMON_ONEDNN
  if (p.m == 0 || p.n == 0) return;
  parallel_for(p.m, tile_rows(p.m), [&](size_t begin, size_t end) { prepare(p, begin, end); });
  real beta = p.bias ? 1 : p.beta;
  for (const auto& [k, a, b] : p.terms) {
    if (k == 0) continue;
    gemm_packed<uint16_t>(p.m, p.n, k, a, b, p.c, p.stride_c, beta, p.alpha);
    beta = 1;
  }
#endif
}

/// All operands rounded, each once, then as they are.
void run_rounded(std::vector<Product> products) {
  std::map<std::tuple<const real*, size_t, size_t>, Array> known;
  const auto round = [&known](Matrix& x, size_t rows, size_t columns) {
    const auto [height, width] = x.transposed ? std::pair(columns, rows) : std::pair(rows, columns);
    Array& near = known[{x.data, height, width}];
    if (near.empty()) near = rounded_to_bf16(height, width, x.data, x.stride);
    x = {near.data(), width, x.transposed};
  };
  for (Product& p : products)
    for (auto& [k, a, b] : p.terms) round(a, p.m, k), round(b, k, p.n);
  run_all(products);
}

}  // namespace

void gemm_all(std::vector<Product> products, Precision precision) {
  for (const Product& p : products)
    for (const Product::Term& t : p.terms) counters.matrix_flops += 2 * p.m * p.n * t.k;
  if (precision == Precision::f32) return run_all(products);
  for (Product& p : products)
    if (real* const sums = std::exchange(p.row_sums, nullptr); sums) {
      const Product alone{
          .m = p.m, .n = 0, .terms = p.terms, .c = nullptr, .stride_c = 0, .row_sums = sums};
      run({&alone, 1});
    }
  if (!has_bf16()) return run_rounded(std::move(products));
  for (const Product& p : products) run_packed(p);
}

void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
          real alpha, Precision precision) {
  gemm_all({{m, n, {{k, a, b}}, c, stride_c, beta, alpha}}, precision);
}

void gemm_self_test() {
  Random random(1);
  const auto near = [](const Array& x) {
    return rounded_to_bf16(x.shape()[0], x.shape()[1], x.data(), x.shape()[1]);
  };
  for (const auto& [m, n, k] :
       {std::array<size_t, 3>{300, 40, 64}, {1, 33, 7}, {129, 256, 65}, {9, 8, 1100}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        // Operands that bf16 can hold, so that both precisions owe the same numbers.
        const Array a = near(random.normal({ta ? k : m, ta ? m : k}));
        const Array b = near(random.normal({tb ? n : k, tb ? k : n}));
        Array d({m, n});
        const Matrix left{a.data(), a.shape().last(), ta}, right{b.data(), b.shape().last(), tb};
        multiply_plainly(m, n, k, left, right, d.data(), n, 0, 1);
        for (const Precision precision : {Precision::f32, Precision::bf16}) {
          Array c({m, n}, std::numeric_limits<real>::quiet_NaN());
          gemm(m, n, k, left, right, c.data(), n, 0, 1, precision);
          for (size_t e = 0; e < c.size(); ++e)
            expect(std::abs(c.data()[e] - d.data()[e]) < 1e-3,
                   "gemm: the matrix library returns wrong numbers here ({}, [{},{}] x [{},{}], "
                   "element {}: expected {}, got {}); check OMP_THREAD_LIMIT and OMP_DYNAMIC",
                   precision == Precision::f32 ? "float32" : "bf16", m, k, k, n, e, d.data()[e],
                   c.data()[e]);
        }
      }
}

}  // namespace gnomon
