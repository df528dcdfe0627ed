// selective_scan: a linear recurrence in every channel, whose step and whose way in and out depend
// on the token.
//
//   h_n[m,w] = exp(dt_n[w] A[w,m]) h_{n-1}[m,w] + dt_n[w] u_n[w] in_n[m]          h before is 0
//   y_n[w]   = sum_m out_n[m] h_n[m,w] + skip[w] u_n[w]
//   u, dt [B,N,W], A [W,M] (below 0, or h grows), in, out [B,N,M] (the paper's B and C), skip [W]
//   or none; or, in the middle of sequences, h before is given, M W numbers a sequence, and brought
//   forward (no gradient flows into it)
//   -> y [B,N,W]
//   backward, with g_n[m,w] = out_n[m] dy_n[w] + exp(dt_{n+1} A) g_{n+1}   and   a_n = exp(dt_n A):
//     din_n[m] = sum_w g dt u      dout_n[m] = sum_w dy h_n      du = dt sum_m g in + skip dy
//     ddt = sum_m (g u in + g h_{n-1} a A)      dA = sum_n g h_{n-1} a dt      dskip = sum_n dy u
//   cost: M W exponentials and 3 M W multiply-adds a token, twice and 8 more backward; serial in n,
//   parallel over b and slices of channels. Keeps the inputs and M W / 16 numbers a token: the
//   states before every block of 16 tokens, from which those inside are computed again. Nothing has
//   an axis for tokens, channels and states at once.
//
// Gu, Dao, "Mamba: linear-time sequence modeling with selective state spaces" (2023, arXiv
// 2312.00752), section 3.2 and algorithm 2; their input matrix is discretised as here, by dt B. In
// float32 whatever the precision of other products.
#pragma once

#include <cmath>

#include "core/counters.hpp"
#include "core/simd/exp2.hpp"
#include "core/simd/gather.hpp"
#include "core/simd/slices.hpp"
#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {
namespace detail {

/// The channels lie in the lanes, so that in and out are single numbers and nothing but their
/// gradients crosses lanes. A slice of channels walks block after block of tokens; within a block,
/// a register of channels with a few of its states at a time, which so stay in registers. Channels
/// beyond the last are zeros.
struct ScanPlan {
  static constexpr size_t kTokens = 16;  // of a block
  static constexpr size_t kStates = 2;   // of a channel, at a time
  static constexpr real kLog2e = real(1.4426950408889634), kLn2 = real(0.6931471805599453);
  size_t B, N, W, M;

  size_t slices() const { return simd::slices(W); }
  size_t blocks() const { return (N + kTokens - 1) / kTokens; }
  size_t tokens(size_t block) const { return std::min(kTokens, N - block * kTokens); }
  size_t channels(size_t slice) const { return simd::slice_channels(W, slice); }
  /// Calls work(first, count) for all states of a channel, kStates of them at a time while there
  /// are as many; count is a constant.
  template <class Work>
  void each_states(Work&& work) const {
    size_t m = 0;
    for (; m + kStates <= M; m += kStates) work(m, std::integral_constant<size_t, kStates>{});
    for (; m < M; ++m) work(m, std::integral_constant<size_t, 1>{});
  }
  /// A [W,M] -> rates [slices,M,kSlice], times log2 e: exp2 is cheaper than exp.
  Array rates(const Array& A) const {
    using simd::kSlice;
    Array rates({slices(), M, kSlice}, 0);
    for (size_t w = 0; w < W; ++w)
      for (size_t m = 0; m < M; ++m)
        rates.row(w / kSlice * M + m)[w % kSlice] = A.row(w)[m] * kLog2e;
    return rates;
  }
};

using ScanRows = simd::SliceRows<ScanPlan::kTokens>;

/// What a block of tokens reads: dt, u and dt u, and in and out of its first token.
struct ScanBlock {
  ScanRows dt, u, fed;
  const real *in = nullptr, *out = nullptr;
  size_t tokens = 0, M = 0;
  void load(const ScanPlan& plan, const Array& of_u, const Array& of_dt, const Array& of_in,
            const Array& of_out, size_t b, size_t block, size_t slice) {
    const size_t row = b * plan.N + block * ScanPlan::kTokens;
    tokens = plan.tokens(block), M = plan.M, in = of_in.row(row), out = of_out.row(row);
    dt.load(of_dt, row, slice, tokens);
    u.load(of_u, row, slice, tokens);
    for (size_t t = 0; t < tokens; ++t)
      for (size_t w = 0; w < simd::kSlice; ++w) fed.at[t][w] = dt.at[t][w] * u.at[t][w];
  }
};

/// Brings `count` states from m on, h [count,kSlice], forward over a block and adds to y.
template <size_t count>
void scan_states(const ScanBlock& x, size_t m, const real* rates, real* h, ScanRows& y) {
  using simd::Pack;
  simd::SliceRegisters<count> rate, state;
  rate.load(rates), state.load(h);
  for (size_t t = 0; t < x.tokens; ++t) {
    const real *in = x.in + t * x.M + m, *out = x.out + t * x.M + m;
    simd::SliceRegisters<1> dt, fed, sum;
    dt.load(x.dt.at[t]), fed.load(x.fed.at[t]), sum.load(y.at[t]);
    state.each([&](size_t i, size_t p) {
      Pack& now = state.of[i][p];
      now =
          xsimd::fma(simd::fast_exp2(dt.of[0][p] * rate.of[i][p]), now, fed.of[0][p] * Pack(in[i]));
      sum.of[0][p] = xsimd::fma(Pack(out[i]), now, sum.of[0][p]);
    });
    sum.store(y.at[t]);
  }
  state.store(h);
}

/// What a block gives back: sum_m g in and sum_m g h a A log2 e; and of a few states, by token and
/// state, g dt u and dy h, summed over the registers of a slice but not across lanes.
struct ScanBlockBack {
  using Sums = simd::Pack[ScanPlan::kTokens * ScanPlan::kStates];
  ScanRows of_in, of_rate;
  Sums to_in, to_out;
  /// The sums over all channels, into columns m .. m + count of din and dout [N,M] of this slice.
  void sum_channels(const ScanBlock& x, size_t m, size_t count, real* din, real* dout) {
    using simd::kLanes, simd::Pack;
    static_assert(ScanPlan::kTokens % kLanes == 0, "sums fill whole registers");
    alignas(64) real sum[kLanes];
    const size_t pairs = x.tokens * count;
    const auto scatter = [&](Sums& sums, size_t first, real* to) {
      for (size_t e = pairs; e < first + kLanes; ++e) sums[e] = Pack(real{0});
      simd::lanes_sums(reinterpret_cast<const Pack(&)[kLanes]>(sums[first]), sum);
      for (size_t e = first; e < std::min(first + kLanes, pairs); ++e)
        to[e / count * x.M + m + e % count] = sum[e - first];
    };
    for (size_t first = 0; first < pairs; first += kLanes)
      scatter(to_in, first, din), scatter(to_out, first, dout);
  }
};

/// The way back of scan_states. h [count,kSlice]: the states before the block. Brings g
/// [count,kSlice], a_{n+1} g_{n+1}, backwards; adds to dA [count,kSlice] and to `back`.
template <size_t count>
void scan_states_back(const ScanBlock& x, const ScanRows& dy, size_t m, const real* rates,
                      const real* h, real* g, real* dA, ScanBlockBack& back) {
  using simd::Pack;
  simd::SliceRegisters<count> rate, later, of_A;
  simd::SliceRegisters<count> decay[ScanPlan::kTokens], state[ScanPlan::kTokens + 1];
  rate.load(rates), later.load(g), of_A.fill(0), state[0].load(h);
  for (size_t t = 0; t < x.tokens; ++t) {
    const real* const in = x.in + t * x.M + m;
    simd::SliceRegisters<1> dt, fed;
    dt.load(x.dt.at[t]), fed.load(x.fed.at[t]);
    rate.each([&](size_t i, size_t p) {
      decay[t].of[i][p] = simd::fast_exp2(dt.of[0][p] * rate.of[i][p]);
      state[t + 1].of[i][p] =
          xsimd::fma(decay[t].of[i][p], state[t].of[i][p], fed.of[0][p] * Pack(in[i]));
    });
  }
  for (size_t t = x.tokens; t-- > 0;) {
    const real *in = x.in + t * x.M + m, *out = x.out + t * x.M + m;
    simd::SliceRegisters<1> dt, fed, of_y, of_in, of_rate;
    dt.load(x.dt.at[t]), fed.load(x.fed.at[t]), of_y.load(dy.at[t]);
    of_in.load(back.of_in.at[t]), of_rate.load(back.of_rate.at[t]);
    rate.each([&](size_t i, size_t p) {
      const Pack now = xsimd::fma(Pack(out[i]), of_y.of[0][p], later.of[i][p]);
      Pack &to_in = back.to_in[t * count + i], &to_out = back.to_out[t * count + i];
      const Pack read = of_y.of[0][p] * state[t + 1].of[i][p];
      to_in = p == 0 ? now * fed.of[0][p] : xsimd::fma(now, fed.of[0][p], to_in);
      to_out = p == 0 ? read : to_out + read;
      of_in.of[0][p] = xsimd::fma(now, Pack(in[i]), of_in.of[0][p]);
      later.of[i][p] = now * decay[t].of[i][p];
      const Pack of_exponent = later.of[i][p] * state[t].of[i][p];
      of_rate.of[0][p] = xsimd::fma(of_exponent, rate.of[i][p], of_rate.of[0][p]);
      of_A.of[i][p] = xsimd::fma(of_exponent, dt.of[0][p], of_A.of[i][p]);
    });
    of_in.store(back.of_in.at[t]), of_rate.store(back.of_rate.at[t]);
  }
  later.store(g), of_A.add_to(dA);
}

struct ScanKept {
  Array before, rates, u, dt, in, out, skip;
};

inline void scan_back(const ScanPlan& plan, const ScanKept& kept, const Array& dy, Inputs inputs) {
  using simd::kSlice;
  const auto [B, N, W, M] = plan;
  const size_t slices = plan.slices(), blocks = plan.blocks();
  const bool skips = !kept.skip.empty();
  Array du(dy.shape()), ddt(dy.shape());
  // Of each slice, and of each sequence: summed in order afterwards.
  Array din_parts({slices, B * N, M}), dout_parts({slices, B * N, M});
  Array dA_parts({B, slices, M, kSlice}, 0), dskip_parts({B, slices, kSlice}, 0);
  counters.matrix_flops += 2 * 10 * B * N * M * W;
  parallel_for(B * slices, 1, [&, N = N, M = M, B = B](size_t piece, size_t) {
    const size_t b = piece / slices, slice = piece % slices, channels = plan.channels(slice);
    std::vector<real, PoolAllocator<real>> g(M * kSlice, real{0});
    const real* const rates = kept.rates.row(slice * M);
    real* const dskip = dskip_parts.row(piece);
    alignas(64) real skip[kSlice] = {};
    if (skips) std::copy_n(kept.skip.data() + slice * kSlice, channels, skip);
    ScanBlock x;
    ScanRows of_y, of_u, of_dt;
    ScanBlockBack back;
    for (size_t block = blocks; block-- > 0;) {
      const size_t row = b * N + block * ScanPlan::kTokens;
      x.load(plan, kept.u, kept.dt, kept.in, kept.out, b, block, slice);
      of_y.load(dy, row, slice, x.tokens);
      back.of_in = back.of_rate = {};
      const real* const h = kept.before.row(((b * blocks + block) * slices + slice) * M);
      plan.each_states([&](size_t m, auto count) {
        scan_states_back<count()>(x, of_y, m, rates + m * kSlice, h + m * kSlice,
                                  g.data() + m * kSlice, dA_parts.row(piece * M + m), back);
        back.sum_channels(x, m, count(), din_parts.row(slice * B * N + row),
                          dout_parts.row(slice * B * N + row));
      });
      for (size_t t = 0; t < x.tokens; ++t)
        for (size_t w = 0; w < kSlice; ++w) {
          const real of_fed = back.of_in.at[t][w], of_out = of_y.at[t][w];
          of_u.at[t][w] = x.dt.at[t][w] * of_fed + skip[w] * of_out;
          of_dt.at[t][w] = x.u.at[t][w] * of_fed + ScanPlan::kLn2 * back.of_rate.at[t][w];
          dskip[w] += of_out * x.u.at[t][w];
        }
      of_u.store(du, row, slice, x.tokens);
      of_dt.store(ddt, row, slice, x.tokens);
    }
  });

  inputs.add(0, du);
  inputs.add(1, ddt);
  if (inputs.wants(2)) {
    Array& dA = inputs.grad(2);
    for (size_t piece = 0; piece < B * slices; ++piece)
      for (size_t w = 0; w < plan.channels(piece % slices); ++w)
        for (size_t m = 0; m < M; ++m)
          dA.row(piece % slices * kSlice + w)[m] += dA_parts.row(piece * M + m)[w];
  }
  for (const size_t i : {3, 4})
    if (inputs.wants(i)) {
      auto [to, beta] = inputs.blend(i);
      const Array& parts = i == 3 ? din_parts : dout_parts;
      parallel_for(
          to.size(), simd::kElementGrain, [&, &to = to, beta = beta](size_t at, size_t end) {
            if (beta == 0) std::fill(to.data() + at, to.data() + end, real{0});
            for (size_t slice = 0; slice < slices; ++slice)
              simd::add_to(to.data() + at, parts.data() + slice * to.size() + at, end - at);
          });
    }
  if (inputs.wants(5))
    for (size_t piece = 0; piece < B * slices; ++piece)
      simd::add_to(inputs.grad(5).data() + piece % slices * kSlice, dskip_parts.row(piece),
                   plan.channels(piece % slices));
}

}  // namespace detail

/// The state of each sequence, M W numbers in rows [M,W].
using ScanState = std::vector<std::vector<real>>;

/// `skip` may be an empty Var. `state`: null for whole sequences. Throws Error when shapes
/// disagree.
inline Var selective_scan(const Var& u, const Var& dt, const Var& A, const Var& in, const Var& out,
                          const Var& skip = {}, ScanState* state = nullptr) {
  using detail::ScanPlan, detail::ScanRows, detail::ScanBlock;
  using simd::kSlice;
  const auto [B, N, W] = dims<3>(u.value(), "selective_scan: u [B,N,W]");
  const auto [WA, M] = dims<2>(A.value(), "selective_scan: A [W,M]");
  expect(WA == W && M > 0, "selective_scan: A [W,M]: expected W = {}, got shape {}", W, A.shape());
  expect_shape(dt.value(), u.shape(), "selective_scan: dt [B,N,W]");
  expect_shape(in.value(), {B, N, M}, "selective_scan: in [B,N,M]");
  expect_shape(out.value(), {B, N, M}, "selective_scan: out [B,N,M]");
  const bool skips = !skip.value().empty();
  if (skips) expect_shape(skip.value(), {W}, "selective_scan: skip [W]");
  if (state) {
    expect(state->size() == B, "selective_scan: state: expected B = {} sequences, got {}", B,
           state->size());
    for (const auto& one : *state)
      expect(one.size() == M * W, "selective_scan: state [M W]: expected M W = {} numbers, got {}",
             M * W, one.size());
  }

  const ScanPlan plan{B, N, W, M};
  const size_t slices = plan.slices(), blocks = plan.blocks();
  const Array rates = plan.rates(A.value());
  Array y(u.shape());
  // [B,blocks,slices,M,kSlice]: the states before each block; one block's room where nobody asks.
  const bool kept = Tape::current() != nullptr;
  Array before({B, kept ? blocks : 1, slices, M, kSlice});
  counters.matrix_flops += 2 * 3 * B * N * M * W;
  parallel_for(B * slices, 1, [&, N = N, W = W, M = M](size_t piece, size_t) {
    const size_t b = piece / slices, slice = piece % slices, channels = plan.channels(slice);
    std::vector<real, PoolAllocator<real>> h(M * kSlice, real{0});
    const size_t first = slice * kSlice;
    if (state)
      for (size_t m = 0; m < M; ++m)
        std::copy_n((*state)[b].data() + m * W + first, channels, h.data() + m * kSlice);
    ScanBlock x;
    ScanRows sum;
    for (size_t block = 0; block < blocks; ++block) {
      if (kept) std::ranges::copy(h, before.row(((b * blocks + block) * slices + slice) * M));
      x.load(plan, u.value(), dt.value(), in.value(), out.value(), b, block, slice);
      for (size_t t = 0; t < x.tokens; ++t)
        for (size_t w = 0; w < channels; ++w)
          sum.at[t][w] = skips ? skip.value().data()[first + w] * x.u.at[t][w] : real{0};
      plan.each_states([&](size_t m, auto count) {
        detail::scan_states<count()>(x, m, rates.row(slice * M + m), h.data() + m * kSlice, sum);
      });
      sum.store(y, b * N + block * ScanPlan::kTokens, slice, x.tokens);
    }
    if (state)
      for (size_t m = 0; m < M; ++m)
        std::copy_n(h.data() + m * kSlice, channels, (*state)[b].data() + m * W + first);
  });

  return record("selective_scan", y, {u, dt, A, in, out, skip},
                [plan, before, rates, u = u.value(), dt = dt.value(), in = in.value(),
                 out = out.value(), skip = skip.value()](const Array& dy, Inputs inputs) {
                  detail::scan_back(plan, {before, rates, u, dt, in, out, skip}, dy, inputs);
                });
}

}  // namespace gnomon
