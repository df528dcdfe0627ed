// mode_recurrence: every channel is filtered by a few damped oscillations (modes), the same for all
// tokens.
//
//   a = exp(dt A)      A = -exp(log_A_real) + i A_imag      dt = exp(log_dt) of the channel
//   x_n = a x_{n-1} + u_n                                   complex, J modes a channel; x before: 0
//   y_n = 2 Re sum_j C (a - 1) / A x_n + skip u_n
//   u [B,N,D], log_dt [D], log_A_real, A_imag [D J], C_real, C_imag [D,J], skip [D]; or, in the
//   middle of sequences, x before is given, 2 J D numbers a sequence, and brought forward (no
//   gradient flows into it)
//   -> y [B,N,D]
//   backward, with c = 2 C (a - 1) / A and g_n = conj(c) dy_n + conj(a) g_{n+1}, the gradient of a
//   complex number being that of its real part plus i times that of its imaginary part:
//     du = Re sum_j g + skip dy      da = sum_n g_n conj(x_{n-1})      dc = sum_n dy_n conj(x_n)
//     dskip = sum_n dy u             from da and dc those of dt, A and C by the chain rule
//   cost: 6 J D multiply-adds a token, 17 more backward; serial in n, parallel over b and slices of
//   channels. Keeps u and 2 J D / 64 numbers a token: x before every block of 64 tokens, from which
//   those inside are computed again.
//
// Gu, Gupta, Goel, Re, "On the parameterization and initialization of diagonal state space models"
// (2022, arXiv 2206.11893), section 3 (S4D, discretised by zero-order hold). The same as a
// convolution with the kernel 2 Re sum_j C (a - 1) / A a^l, of any length; with 32 modes it costs
// what a Fourier transform of 4096 tokens costs. In float32 whatever the precision of other
// products.
#pragma once

#include <cmath>
#include <complex>

#include "core/counters.hpp"
#include "core/simd/slices.hpp"
#include "core/simd/sums.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// What the modes of all channels are made of.
struct ModeParameters {
  Var log_dt;              ///< [D]
  Var log_A_real, A_imag;  ///< [D J]
  Var C_real, C_imag;      ///< [D,J]
  Var skip;                ///< [D]
};

/// The state of each sequence, 2 J D numbers: for each mode [D] real and [D] imaginary parts.
using ModeState = std::vector<std::vector<real>>;

namespace detail {

struct ModePlan {
  static constexpr size_t kTokens = 64;  // of a block
  size_t B, N, D, J;
  size_t slices() const { return simd::slices(D); }
  size_t blocks() const { return (N + kTokens - 1) / kTokens; }
  size_t tokens(size_t block) const { return std::min(kTokens, N - block * kTokens); }
};

using ModeRows = simd::SliceRows<ModePlan::kTokens>;

/// The complex numbers of one mode of a slice of channels, in registers: row 0 real, row 1
/// imaginary.
using ModeRegisters = simd::SliceRegisters<2>;

/// Of the modes of all channels [slices,J,2,kSlice]: a and c, by which the tokens walk.
struct ModeTables {
  Array a, c;
};

inline ModeTables mode_tables(const ModePlan& plan, const ModeParameters& by) {
  using simd::kLanes, simd::kSlice, simd::Pack;
  const size_t D = plan.D, J = plan.J;
  ModeTables tables{zeros({plan.slices(), J, 2, kSlice}), zeros({plan.slices(), J, 2, kSlice})};
  parallel_for(D, 16, [&](size_t begin, size_t end) {
    for (size_t d = begin; d < end; ++d)
      for (size_t first = 0; first < J; first += kLanes) {
        const size_t count = std::min(kLanes, J - first);
        const auto load = [&](const Var& from) {
          return simd::load_first(from.value().data() + d * J + first, count);
        };
        const Pack dt(std::exp(by.log_dt.value().data()[d]));
        const Pack A_re = -xsimd::exp(load(by.log_A_real)), A_im = load(by.A_imag);
        // a - 1, of which the digits would be lost if 1 were subtracted: for the real part,
        // e^x cos y - 1 = (e^x - 1) cos y - 2 sin^2(y / 2).
        const Pack grown = xsimd::expm1(dt * A_re), half = xsimd::sin(real{0.5} * dt * A_im);
        const Pack minus_1 = grown * xsimd::cos(dt * A_im) - real{2} * half * half;
        const Pack a_im = (grown + real{1}) * xsimd::sin(dt * A_im);
        const Pack scale = real{2} / (A_re * A_re + A_im * A_im);  // 2 (a - 1) / A, then c
        const Pack e_re = scale * (minus_1 * A_re + a_im * A_im);
        const Pack e_im = scale * (a_im * A_re - minus_1 * A_im);
        const Pack C_re = load(by.C_real), C_im = load(by.C_imag);
        alignas(64) real a[2][kLanes], c[2][kLanes];
        (minus_1 + real{1}).store_aligned(a[0]), a_im.store_aligned(a[1]);
        (C_re * e_re - C_im * e_im).store_aligned(c[0]);
        (C_re * e_im + C_im * e_re).store_aligned(c[1]);
        for (size_t j = 0; j < count; ++j)
          for (size_t part = 0; part < 2; ++part) {
            const size_t row = ((d / kSlice * J) + first + j) * 2 + part;
            tables.a.row(row)[d % kSlice] = a[part][j];
            tables.c.row(row)[d % kSlice] = c[part][j];
          }
      }
  });
  return tables;
}

/// x <- a x + u, in registers p.
inline void mode_step(const ModeRegisters& a, const simd::SliceRegisters<1>& u, ModeRegisters& x) {
  u.each([&](size_t, size_t p) {
    const simd::Pack re = x.of[0][p], im = x.of[1][p];
    x.of[0][p] = xsimd::fma(a.of[0][p], re, xsimd::fnma(a.of[1][p], im, u.of[0][p]));
    x.of[1][p] = xsimd::fma(a.of[0][p], im, a.of[1][p] * re);
  });
}

/// `count` modes: brings x forward over a block and adds to y. a, c, x: rows [2 count,kSlice].
template <size_t count>
void walk_modes(const ModeRows& u, size_t tokens, const real* a_rows, const real* c_rows, real* x,
                ModeRows& y) {
  ModeRegisters a[count], c[count], now[count];
  for (size_t j = 0; j < count; ++j) {
    a[j].load(a_rows + j * 2 * simd::kSlice);
    c[j].load(c_rows + j * 2 * simd::kSlice);
    now[j].load(x + j * 2 * simd::kSlice);
  }
  for (size_t t = 0; t < tokens; ++t) {
    simd::SliceRegisters<1> in, out;
    in.load(u.at[t]), out.load(y.at[t]);
#pragma GCC unroll 2
    for (size_t j = 0; j < count; ++j) {
      mode_step(a[j], in, now[j]);
      out.each([&](size_t, size_t p) {
        const simd::Pack re = now[j].of[0][p], im = now[j].of[1][p];
        out.of[0][p] = xsimd::fma(c[j].of[0][p], re, xsimd::fnma(c[j].of[1][p], im, out.of[0][p]));
      });
    }
    out.store(y.at[t]);
  }
  for (size_t j = 0; j < count; ++j) now[j].store(x + j * 2 * simd::kSlice);
}

/// The way back of one mode over a block: brings g backwards, adds to du, da and dc. x is the state
/// before the block; all rows are [2,kSlice].
inline void walk_mode_back(const ModeRows& u, const ModeRows& dy, size_t tokens, const real* a_rows,
                           const real* c_rows, const real* x, real* g, ModeRows& du, real* da,
                           real* dc) {
  using simd::Pack;
  ModeRegisters a, c, now, of_a, of_c;
  ModeRegisters state[ModePlan::kTokens + 1];
  a.load(a_rows), c.load(c_rows), state[0].load(x);
  for (size_t t = 0; t < tokens; ++t) {
    simd::SliceRegisters<1> in;
    in.load(u.at[t]);
    state[t + 1] = state[t];
    mode_step(a, in, state[t + 1]);
  }
  now.load(g), of_a.fill(0), of_c.fill(0);
  for (size_t t = tokens; t-- > 0;) {
    simd::SliceRegisters<1> out, in;
    out.load(dy.at[t]), in.load(du.at[t]);
    in.each([&](size_t, size_t p) {
      const Pack y = out.of[0][p], re = now.of[0][p], im = now.of[1][p];
      const Pack g_re = xsimd::fma(a.of[0][p], re, xsimd::fma(a.of[1][p], im, c.of[0][p] * y));
      const Pack g_im =
          xsimd::fma(a.of[0][p], im, xsimd::fnma(a.of[1][p], re, xsimd::neg(c.of[1][p] * y)));
      now.of[0][p] = g_re, now.of[1][p] = g_im;
      in.of[0][p] += g_re;
      of_c.of[0][p] = xsimd::fma(y, state[t + 1].of[0][p], of_c.of[0][p]);
      of_c.of[1][p] = xsimd::fnma(y, state[t + 1].of[1][p], of_c.of[1][p]);
      const Pack x_re = state[t].of[0][p], x_im = state[t].of[1][p];
      of_a.of[0][p] = xsimd::fma(g_re, x_re, xsimd::fma(g_im, x_im, of_a.of[0][p]));
      of_a.of[1][p] = xsimd::fma(g_im, x_re, xsimd::fnma(g_re, x_im, of_a.of[1][p]));
    });
    in.store(du.at[t]);
  }
  now.store(g), of_a.add_to(da), of_c.add_to(dc);
}

struct ModesKept {
  ModeTables tables;
  Array before, u, log_dt, log_A_real, A_imag, C_real, C_imag, skip;
};

/// From the gradients of a and c of one mode to those of what it is made of, in double.
struct ModeGradient {
  double log_dt, log_A_real, A_imag;
  std::complex<double> C;
  ModeGradient(double dt, std::complex<double> A, std::complex<double> C_now,
               std::complex<double> of_a, std::complex<double> of_c) {
    const std::complex<double> a = std::exp(dt * A), e = (a - 1.0) / A;  // c = 2 C e
    const std::complex<double> of_e = 2.0 * of_c * std::conj(C_now);
    const std::complex<double> of_A = of_a * std::conj(dt * a) + of_e * std::conj((dt * a - e) / A);
    C = 2.0 * of_c * std::conj(e);
    log_dt = dt * (of_a * std::conj(A * a) + of_e * std::conj(a)).real();
    log_A_real = of_A.real() * A.real();  // Re A = -exp(log_A_real) is its own derivative
    A_imag = of_A.imag();
  }
};

/// Inputs 1 to 5. da_parts, dc_parts [B,slices,J,2,kSlice].
inline void modes_to_parameters(const ModePlan& plan, const ModesKept& kept, const Array& da_parts,
                                const Array& dc_parts, Inputs inputs) {
  using simd::kSlice;
  const size_t D = plan.D, J = plan.J;
  Array of_dt({D}), of_real({D * J}), of_imag({D * J}), of_C_real({D, J}), of_C_imag({D, J});
  parallel_for(D, 4, [&](size_t begin, size_t end) {
    for (size_t d = begin; d < end; ++d) {
      double sum = 0;
      for (size_t j = 0; j < J; ++j) {
        std::complex<double> of_a = 0, of_c = 0;
        for (size_t b = 0; b < plan.B; ++b) {
          const size_t row = ((b * plan.slices() + d / kSlice) * J + j) * 2, w = d % kSlice;
          of_a += std::complex<double>(da_parts.row(row)[w], da_parts.row(row + 1)[w]);
          of_c += std::complex<double>(dc_parts.row(row)[w], dc_parts.row(row + 1)[w]);
        }
        const size_t e = d * J + j;
        const ModeGradient of(
            std::exp(double{kept.log_dt.data()[d]}),
            {-std::exp(double{kept.log_A_real.data()[e]}), double{kept.A_imag.data()[e]}},
            {double{kept.C_real.data()[e]}, double{kept.C_imag.data()[e]}}, of_a, of_c);
        sum += of.log_dt;
        of_real.data()[e] = static_cast<real>(of.log_A_real);
        of_imag.data()[e] = static_cast<real>(of.A_imag);
        of_C_real.data()[e] = static_cast<real>(of.C.real());
        of_C_imag.data()[e] = static_cast<real>(of.C.imag());
      }
      of_dt.data()[d] = static_cast<real>(sum);
    }
  });
  size_t i = 0;
  for (const Array& of : {of_dt, of_real, of_imag, of_C_real, of_C_imag}) inputs.add(++i, of);
}

inline void modes_back(const ModePlan& plan, const ModesKept& kept, const Array& dy,
                       Inputs inputs) {
  using simd::kSlice;
  const auto [B, N, D, J] = plan;
  const size_t slices = plan.slices(), blocks = plan.blocks();
  Array du(dy.shape()), da_parts({B, slices, J, 2, kSlice}, 0), dc_parts(da_parts.shape(), 0);
  Array dskip_parts({B, slices, kSlice}, 0);
  counters.matrix_flops += 2 * 17 * B * N * D * J;
  parallel_for(B * slices, 1, [&, N = N, J = J, D = D](size_t piece, size_t) {
    const size_t b = piece / slices, slice = piece % slices;
    Array g({J, 2, kSlice}, 0);
    alignas(64) real skip[kSlice] = {};
    std::copy_n(kept.skip.data() + slice * kSlice, simd::slice_channels(D, slice), skip);
    real* const dskip = dskip_parts.row(piece);
    ModeRows u, of_y, of_u;
    for (size_t block = blocks; block-- > 0;) {
      const size_t row = b * N + block * ModePlan::kTokens, tokens = plan.tokens(block);
      u.load(kept.u, row, slice, tokens), of_y.load(dy, row, slice, tokens);
      for (size_t t = 0; t < tokens; ++t)
        for (size_t w = 0; w < kSlice; ++w) {
          of_u.at[t][w] = skip[w] * of_y.at[t][w];
          dskip[w] += of_y.at[t][w] * u.at[t][w];
        }
      for (size_t j = 0; j < J; ++j) {
        const size_t mode = (slice * J + j) * 2, own = (piece * J + j) * 2;
        walk_mode_back(u, of_y, tokens, kept.tables.a.row(mode), kept.tables.c.row(mode),
                       kept.before.row((((b * blocks + block) * slices + slice) * J + j) * 2),
                       g.row(j * 2), of_u, da_parts.row(own), dc_parts.row(own));
      }
      of_u.store(du, row, slice, tokens);
    }
  });
  inputs.add(0, du);
  modes_to_parameters(plan, kept, da_parts, dc_parts, inputs);
  if (inputs.wants(6))
    for (size_t piece = 0; piece < B * slices; ++piece)
      simd::add_to(inputs.grad(6).data() + piece % slices * kSlice, dskip_parts.row(piece),
                   simd::slice_channels(D, piece % slices));
}

}  // namespace detail

/// `state`: null for whole sequences. Throws Error when shapes disagree.
inline Var mode_recurrence(const Var& u, const ModeParameters& by, ModeState* state = nullptr) {
  using detail::ModePlan, detail::ModeRows;
  using simd::kSlice;
  const auto [B, N, D] = dims<3>(u.value(), "mode_recurrence: u [B,N,D]");
  const auto [DC, J] = dims<2>(by.C_real.value(), "mode_recurrence: C_real [D,J]");
  expect(DC == D && J > 0, "mode_recurrence: C_real [D,J]: expected D = {}, got shape {}", D,
         by.C_real.shape());
  expect_shape(by.C_imag.value(), {D, J}, "mode_recurrence: C_imag [D,J]");
  expect_shape(by.log_dt.value(), {D}, "mode_recurrence: log_dt [D]");
  expect_shape(by.log_A_real.value(), {D * J}, "mode_recurrence: log_A_real [D J]");
  expect_shape(by.A_imag.value(), {D * J}, "mode_recurrence: A_imag [D J]");
  expect_shape(by.skip.value(), {D}, "mode_recurrence: skip [D]");
  if (state) {
    expect(state->size() == B, "mode_recurrence: state: expected B = {} sequences, got {}", B,
           state->size());
    for (const auto& one : *state)
      expect(one.size() == 2 * J * D,
             "mode_recurrence: state [J,2,D]: expected 2 J D = {} numbers, got {}", 2 * J * D,
             one.size());
  }

  const ModePlan plan{B, N, D, J};
  const size_t slices = plan.slices(), blocks = plan.blocks();
  const detail::ModeTables tables = detail::mode_tables(plan, by);
  Array y(u.shape());
  // [B,blocks,slices,J,2,kSlice]: x before each block; one block's room where nobody asks.
  const bool kept = Tape::current() != nullptr;
  Array before({B, kept ? blocks : 1, slices, J, 2, kSlice});
  counters.matrix_flops += 2 * 6 * B * N * D * J;
  parallel_for(B * slices, 1, [&, N = N, D = D, J = J](size_t piece, size_t) {
    const size_t b = piece / slices, slice = piece % slices, first = slice * kSlice;
    const size_t channels = simd::slice_channels(D, slice);
    Array x({2 * J, kSlice}, 0);
    if (state)
      for (size_t r = 0; r < 2 * J; ++r)
        std::copy_n((*state)[b].data() + r * D + first, channels, x.row(r));
    ModeRows in, out;
    for (size_t block = 0; block < blocks; ++block) {
      const size_t row = b * N + block * ModePlan::kTokens, tokens = plan.tokens(block);
      if (kept) std::ranges::copy(x, before.row(((b * blocks + block) * slices + slice) * J * 2));
      in.load(u.value(), row, slice, tokens);
      for (size_t t = 0; t < tokens; ++t)
        for (size_t w = 0; w < channels; ++w)
          out.at[t][w] = by.skip.value().data()[first + w] * in.at[t][w];
      const auto walk = [&](size_t j, auto count) {
        detail::walk_modes<count()>(in, tokens, tables.a.row((slice * J + j) * 2),
                                    tables.c.row((slice * J + j) * 2), x.row(2 * j), out);
      };
      size_t j = 0;
      for (; j + 2 <= J; j += 2) walk(j, std::integral_constant<size_t, 2>{});
      if (j < J) walk(j, std::integral_constant<size_t, 1>{});
      out.store(y, row, slice, tokens);
    }
    if (state)
      for (size_t r = 0; r < 2 * J; ++r)
        std::copy_n(x.row(r), channels, (*state)[b].data() + r * D + first);
  });

  const std::vector<Var> inputs{u,         by.log_dt, by.log_A_real, by.A_imag,
                                by.C_real, by.C_imag, by.skip};
  return record(
      "mode_recurrence", y, inputs,
      [plan, all = detail::ModesKept{tables, before, u.value(), by.log_dt.value(),
                                     by.log_A_real.value(), by.A_imag.value(), by.C_real.value(),
                                     by.C_imag.value(), by.skip.value()}](
          const Array& dy, Inputs in) { detail::modes_back(plan, all, dy, in); });
}

}  // namespace gnomon
