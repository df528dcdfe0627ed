// Memory caching: linear attention that begins anew with every segment of T tokens, and keeps the
// memories of the finished ones; every token weighs what it reads from each by content.
//
//   [q; k; v] = projection(a)      f(x) = x + 1 or e^x      a head has C = D / H numbers
//   of every segment m:  S_m = sum_j f(k_j) v_j^T   z_m = sum_j f(k_j)   x_m = mean of its a_j
//   g_n = softmax over the segments up to that of n, of connector(a_n) . x_m
//   y_n = output(sum_m g_nm S_m^T f(q_n) / (sum_m g_nm z_m . f(q_n) + 1e-6))
//   of its own segment a token sees what is not after it
//
// "Memory caching: RNNs with growing memory" (2026, arXiv 2602.24281), equations 9, 10, 16 and 17:
// the gated residual memory, for linear attention. Beside the products of 5 D^2 weights a token
// costs 2 D C N / T multiply-adds; a sequence keeps D (C + 2) numbers for every segment: O(D) a
// token, for T is at least C. The denominator, which the segments share, is ours: the paper's read
// has none. With equal g this is linear attention.
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/divide_by_last.hpp"
#include "core/ops/elu1.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/split_heads.hpp"
#include "core/ops/sum_last.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/weighing.hpp"

namespace gnomon {
namespace {

/// The memory of the segment that goes on, the sum of its a, and how many tokens it has; those of
/// the finished segments.
struct CachedMemories final : StateOf<CachedMemories> {
  CachedMemories(size_t sequences, size_t numbers, size_t width)
      : own(sequences, std::vector<real>(numbers)),
        sum(sequences, std::vector<real>(width)),
        memories(sequences, numbers),
        means(sequences, width) {}
  auto parts() { return std::tie(own, sum, memories, means); }
  PerSequence<std::vector<real>> own, sum;
  Cache<real> memories, means;
};

/// Parameters: projection.weight [3D,D] (q; k; v); connector.weight [D,D]; output.weight [D,D].
class MemoryCaching final : public Mixer {
 public:
  MemoryCaching(const MixerPlace& place, size_t segment)
      : D_(place.width),
        H_(place.heads),
        C_(place.width / place.heads),
        T_(segment),
        projection_(part<Linear>("projection", D_, 3 * D_, false)),
        connector_(part<Linear>("connector", D_, D_, false)),
        output_(part<Linear>("output", D_, D_, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    auto* const known = state_cast<CachedMemories>(state);
    if (!known) return {output_(of_whole(a, context)), {}};
    std::vector<Var> parts;  // each within a segment
    const size_t N = a.shape()[1];
    for (size_t n = 0; n < N;) {
      const size_t begun = (context.first + n) % T_, end = std::min(N, n + T_ - begun);
      parts.push_back(of_part(slice(a, 1, n, end), begun, *known));
      n = end;
    }
    return {output_(parts.size() == 1 ? parts[0] : concat(parts, 1)), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<CachedMemories>(sequences, D_ * (C_ + 1), D_);
  }

 private:
  struct Read {
    Var q, k;  // their features [B,N,D]
    Var v;     // [B,N,H (C + 1)] with ones, of which z is made
    Var connector;
    Array values;  // v alone, [B,N,D]
  };
  Read read(const Var& a) const {
    const std::vector<Var> of_a =
        affine_all(a, {{projection_.weight().w, {}, 3}, connector_.weight()});
    const size_t B = a.shape()[0], N = a.shape()[1];
    const Var v = concat({reshape(of_a[2], {B, N, H_, C_}), ones({B, N, H_, 1})}, 3);
    return {elu1(of_a[0]), elu1(of_a[1]), reshape(v, {B, N, H_ * (C_ + 1)}), of_a[3],
            of_a[2].value()};
  }

  /// What the heads read [B,N,D] of the own segment's memory [B,N,H (C+1)], whose mean is [B,N,D],
  /// and of M finished ones [B,M,D (C+1)], with means [B,M,D]. `seen` [B,N,M+1]: which of them.
  Var joined(const Read& of, const Var& own, const Var& own_mean, const Var& memories,
             const Var& means, const Index& seen) const {
    const size_t B = own.shape()[0], N = own.shape()[1], M = means.shape()[1];
    const Var own_logit = reshape(sum_last(mul(of.connector, own_mean)), {B, N, 1});
    const Var gates =
        softmax(concat({matmul(of.connector, means, false, true), own_logit}, 2), seen);
    const Var to_own = reshape(slice(gates, 2, M, M + 1), {B, N});
    const Var to_finished = reshape(slice(gates, 2, 0, M), {B * N, M, 1});
    // Every segment's share of the query, beside each other: one product with all memories.
    const Var shares = matmul(to_finished, reshape(of.q, {B * N, 1, D_}));
    const Var by_head =
        reshape(split_heads(reshape(shares, {B, N * M, D_}), H_), {B, H_, N, M * C_});
    const Var stacked = reshape(split_heads(memories, H_), {B, H_, M * C_, C_ + 1});
    const Var sums = add(scale_rows(own, to_own), merge_heads(matmul(by_head, stacked)));
    return reshape(divide_by_last(reshape(sums, {B, N, H_, C_ + 1}), real(1e-6)), {B, N, D_});
  }

  Var of_whole(const Var& given, const Context& context) const {
    const size_t B = given.shape()[0], N = given.shape()[1], M = (N + T_ - 1) / T_;
    // Whole segments: tokens behind the last change nothing before them.
    const Var a = M * T_ == N ? given : concat({given, zeros({B, M * T_ - N, D_})}, 1);
    const Read of = read(a);
    const Shape in_segments{B * M, T_, D_}, columns{B * M, T_, H_ * (C_ + 1)};
    const Var k = reshape(of.k, in_segments), v = reshape(of.v, columns);
    const Var own = matrix_recurrence({.q = reshape(of.q, in_segments), .k = k, .v = v}, H_);
    const Var memories = matmul(split_heads(k, H_), split_heads(v, H_), true);
    const Var sums = prefix_sum(reshape(a, in_segments));
    const Var own_mean = scale_rows(sums, over_counts(B * M, T_, 0));
    const Var means = reshape(slice(own_mean, 1, T_ - 1, T_), {B, M, D_});
    Index seen({B, M * T_, M + 1});
    for (size_t e = 0; e < seen.size(); ++e) {
      const size_t m = e % (M + 1), segment = e / (M + 1) % (M * T_) / T_;
      seen.data()[e] = m == M || m < segment ? 0 : -1;
    }
    const Var y =
        joined(of, reshape(own, {B, M * T_, H_ * (C_ + 1)}), reshape(own_mean, {B, M * T_, D_}),
               reshape(memories, {B, M, D_ * (C_ + 1)}), means, seen);
    const Var z = M * T_ == N ? y : slice(y, 1, 0, N);
    if (context.watch_weights) {
      const Array v = M * T_ == N ? of.values : slice(of.values, 1, 0, N).value();
      context.watch_weights(
          {H_, v, z.value(), [&](size_t b, size_t h, size_t n, real* w) {
             const size_t row = b * M * T_ + n;
             std::vector<real> gate(n / T_ + 1);  // of each segment up to that of n
             for (size_t m = 0; m < gate.size(); ++m)
               gate[m] = simd::dot(
                   of.connector.value().row(row),
                   m == n / T_ ? own_mean.value().row(row) : means.value().row(b * M + m), D_);
             softmax_row(gate.data(), gate.size());
             double sum = 1e-6;
             for (size_t j = 0; j <= n; ++j) {
               w[j] = gate[j / T_] * simd::dot(of.q.value().row(row) + h * C_,
                                               of.k.value().row(b * M * T_ + j) + h * C_, C_);
               sum += double{w[j]};
             }
             for (size_t j = 0; j <= n; ++j) w[j] = static_cast<real>(double{w[j]} / sum);
           }});
    }
    return z;
  }

  /// The next tokens of a segment of which `begun` are known.
  Var of_part(const Var& a, size_t begun, CachedMemories& known) const {
    const size_t B = a.shape()[0], N = a.shape()[1], M = known.means.length();
    const Read of = read(a);
    const Var own = matrix_recurrence({.q = of.q, .k = of.k, .v = of.v}, H_, &known.own);
    Array sums = prefix_sum(a).value().clone();
    for (size_t b = 0; b < B; ++b) {
      for (size_t n = 0; n < N; ++n) simd::add_to(sums.row(b * N + n), known.sum[b].data(), D_);
      std::copy_n(sums.row(b * N + N - 1), D_, known.sum[b].data());
    }
    const Var own_mean = scale_rows(sums, over_counts(B, N, begun));
    const auto finished = [M](const Cache<real>& cache) {
      return M == 0 ? Var(cache.rows()) : slice(cache.rows(), 1, 0, M);
    };
    const Var y =
        M == 0 ? reshape(divide_by_last(reshape(own, {B, N, H_, C_ + 1}), real(1e-6)), {B, N, D_})
               : joined(of, own, own_mean, finished(known.memories), finished(known.means), {});
    if (begun + N == T_) {
      Array memories({B, 1, D_ * (C_ + 1)}), means({B, 1, D_});
      for (size_t b = 0; b < B; ++b) {
        std::ranges::copy(known.own[b], memories.row(b));
        for (size_t d = 0; d < D_; ++d) means.row(b)[d] = known.sum[b][d] / static_cast<real>(T_);
        std::ranges::fill(known.own[b], real{0});
        std::ranges::fill(known.sum[b], real{0});
      }
      known.memories.append(memories);
      known.means.append(means);
    }
    return y;
  }

  /// 1 / (begun + n + 1) of token n.
  static Array over_counts(size_t rows, size_t N, size_t begun) {
    Array shares({rows, N});
    for (size_t e = 0; e < shares.size(); ++e)
      shares.data()[e] = 1 / static_cast<real>(begun + e % N + 1);
    return shares;
  }

  const size_t D_, H_, C_, T_;
  const Linear &projection_, &connector_, &output_;
};

class MemoryCachingKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("memory-segment", segment_, 1, size_t{1} << 20,
              "tokens after which memory caching begins a new memory");
  }
  std::string cost() const override { return "N (N/T) D C"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    const size_t C = place.width / place.heads;
    if (segment_ < C)
      fail_option("memory-segment",
                  "expected at least the {} numbers of a head, or a memory is larger than what it "
                  "is of, got {}",
                  C, segment_);
    return std::make_unique<MemoryCaching>(place, segment_);
  }
  Example example() const override { return {.options = {{"memory-segment", "4"}}}; }

 private:
  size_t segment_ = 64;
};

const Registration<MixerKind> kMemoryCaching{
    "memory-caching", "linear attention anew in every segment, whose memories are kept and weighed",
    [] { return std::make_unique<MemoryCachingKind>(); }};

}  // namespace
}  // namespace gnomon
