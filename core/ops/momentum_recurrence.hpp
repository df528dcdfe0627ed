// momentum_recurrence: a matrix memory that learns, token by token, to give the values when it is
// asked with the keys: gradient descent with momentum and decay.
//
//   E_i = M_{n-1}^T k_i - v_i                        for the last c tokens, i = n-c+1 .. n
//   Z_n = eta_n Z_{n-1} - theta_n sum_i k_i E_i^T    the momentum      M_0 = Z_0 = 0
//   M_n = (1 - alpha_n) M_{n-1} + Z_n                the memory [C,P]
//   o_n = M_n^T q_n
//   q, k [B,N,H C], v [B,N,H P], theta, alpha, eta [B,N,H]  ->  o [B,N,H P]
//   `memory` (one for each sequence: M and Z of every head, then k and v of the last c - 1 tokens)
//   is what came before, and is brought forward; gradients are those of whole sequences
//   backward, from the last token to the first, with dM and dZ of what comes later:
//     dM += q do^T       dZ += dM       t_i = dZ^T k_i       dq = M_n do
//     dalpha = - <dM, M_{n-1}>    deta = <dZ, Z_{n-1}>    dtheta = - sum_i t_i . E_i
//     dv_i += theta t_i           dk_i -= theta (dZ E_i + M_{n-1} t_i)
//     then  dM = (1 - alpha) dM - theta sum_i k_i t_i^T           dZ = eta dZ
//   cost a token and head: (2 c + 1) C P multiply-adds, (7 c + 4) C P backward, where the states of
//   32 tokens at a time are computed again from one that was kept: 2 C P / 32 numbers a token.
//   Serial in n, parallel over b and h; a head's states stay in the first cache.
//
// Behrouz, Zhong, Mirrokni, "Titans: learning to memorize at test time", 2025, arXiv 2501.00663,
// section 3.1, equations 8 to 14, with a linear memory. More than one token in the sum is the omega
// rule of ATLAS (Behrouz et al., 2025, arXiv 2505.23735, section 3.2) with equal weights.
#pragma once

#include "core/counters.hpp"
#include "core/simd/fold.hpp"
#include "core/simd/gather.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// theta: how far a token moves the memory; alpha: how much it forgets; eta: what stays of the
/// momentum. Each [B,N,H].
struct MomentumRates {
  Var theta, alpha, eta;
};

namespace detail {

struct MomentumPlan {
  static constexpr size_t kChunk = 32;  // tokens between two states that are kept
  size_t B, N, H, C, P, window;
  /// Columns of a state in registers, zeros from P on.
  size_t width() const { return simd::padded(P); }
  size_t chunks() const { return (N + kChunk - 1) / kChunk; }
  /// Numbers that a sequence remembers.
  size_t remembered() const { return H * 2 * C * P + (window - 1) * H * (C + P); }
  /// Pairs of a token and one in its window, per sequence.
  size_t pairs() const {
    const size_t some = std::min(window - 1, N);
    return N * window - some * window + some * (some + 1) / 2;
  }
};

/// The k and v of the tokens of a window: the newest first.
struct MomentumWindow {
  std::vector<const real*> k, v;
  size_t count = 0;
};

/// M and Z [C,width] of one head.
struct MomentumState {
  real *M, *Z;
};

/// One token of one head: from `before` to `after`, which may be the same. e [window,width]:
/// scratch. o [width], or null.
inline void momentum_step(const MomentumPlan& plan, const MomentumWindow& window, const real* q,
                          real theta, real alpha, real eta, MomentumState before,
                          MomentumState after, real* e, real* o) {
  using simd::kLanes, simd::Pack;
  const size_t C = plan.C, width = plan.width();
  for (size_t i = 0; i < window.count; ++i) {
    simd::fold_rows(C, width, before.M, window.k[i], e + i * width);
    simd::map_range(
        plan.P, e + i * width, [theta](auto read, auto v) { return theta * (read - v); },
        e + i * width, window.v[i]);
  }
  const Pack keep(1 - alpha), carry(eta);
  for (size_t at = 0; at < width; at += kLanes) {
    const Pack newest = Pack::load_aligned(e + at);
    Pack sum(real{0});
    for (size_t c = 0; c < C; ++c) {
      const size_t s = c * width + at;
      Pack z = carry * Pack::load_aligned(before.Z + s);
      z = xsimd::fnma(Pack(window.k[0][c]), newest, z);
      for (size_t i = 1; i < window.count; ++i)
        z = xsimd::fnma(Pack(window.k[i][c]), Pack::load_aligned(e + i * width + at), z);
      const Pack m = xsimd::fma(keep, Pack::load_aligned(before.M + s), z);
      z.store_aligned(after.Z + s);
      m.store_aligned(after.M + s);
      sum = xsimd::fma(Pack(q[c]), m, sum);
    }
    if (o) sum.store_aligned(o + at);
  }
}

/// What a token's rule adds to the rates.
struct MomentumSlopes {
  real theta, alpha, eta;
};

/// The same backwards. dy [width]; dM, dZ: of what comes later, in; of `before`, out. dk, dv: rows
/// of the window, added to; t, e [window,width]: scratch.
inline MomentumSlopes momentum_step_back(const MomentumPlan& plan, const MomentumWindow& window,
                                         const real* q, real theta, real alpha, real eta,
                                         MomentumState before, const real* dy, MomentumState d,
                                         const std::vector<real*>& dk, const std::vector<real*>& dv,
                                         real* t, real* e) {
  using simd::kLanes, simd::Pack;
  const size_t C = plan.C, width = plan.width();
  Pack of_alpha(real{0}), of_eta(real{0});
  for (size_t at = 0; at < width; at += kLanes) {
    const Pack g = Pack::load_aligned(dy + at);
    Pack newest_t(real{0}), newest_e(real{0});  // of the newest token, while the states are here
    for (size_t c = 0; c < C; ++c) {
      const size_t s = c * width + at;
      const Pack m = xsimd::fma(Pack(q[c]), g, Pack::load_aligned(d.M + s));
      const Pack z = m + Pack::load_aligned(d.Z + s);
      m.store_aligned(d.M + s);
      z.store_aligned(d.Z + s);
      const Pack read = Pack::load_aligned(before.M + s), k(window.k[0][c]);
      newest_t = xsimd::fma(k, z, newest_t);
      newest_e = xsimd::fma(k, read, newest_e);
      of_alpha = xsimd::fma(m, read, of_alpha);
      of_eta = xsimd::fma(z, Pack::load_aligned(before.Z + s), of_eta);
    }
    newest_t.store_aligned(t + at);
    newest_e.store_aligned(e + at);
  }
  real of_theta = 0;
  for (size_t i = 0; i < window.count; ++i) {
    real *const of_t = t + i * width, *const of_e = e + i * width;
    if (i > 0) {
      simd::fold_rows(C, width, d.Z, window.k[i], of_t);
      simd::fold_rows(C, width, before.M, window.k[i], of_e);
    }
    simd::map_range(
        plan.P, of_e, [](auto read, auto v) { return read - v; }, of_e, window.v[i]);
    of_theta -= simd::dot(of_t, of_e, width);
    for (size_t at = 0; at < width; at += kLanes) {  // both times theta from here on
      (Pack(theta) * Pack::load_aligned(of_t + at)).store_aligned(of_t + at);
      (Pack(theta) * Pack::load_aligned(of_e + at)).store_aligned(of_e + at);
    }
    simd::add_to(dv[i], of_t, plan.P);
    for (size_t c = 0; c < C; c += kLanes) {
      const size_t rows = std::min(kLanes, C - c);
      Pack sum[kLanes];
      for (size_t r = 0; r < kLanes; ++r) {
        sum[r] = Pack(real{0});
        const size_t row = (c + std::min(r, rows - 1)) * width;
        for (size_t at = 0; at < width; at += kLanes) {
          sum[r] =
              xsimd::fma(Pack::load_aligned(d.Z + row + at), Pack::load_aligned(of_e + at), sum[r]);
          sum[r] = xsimd::fma(Pack::load_aligned(before.M + row + at),
                              Pack::load_aligned(of_t + at), sum[r]);
        }
      }
      alignas(64) real of_k[kLanes];
      simd::lanes_sums(sum, of_k);
      for (size_t r = 0; r < rows; ++r) dk[i][c + r] -= of_k[r];
    }
  }
  const Pack keep(1 - alpha), carry(eta);
  for (size_t at = 0; at < width; at += kLanes) {
    const Pack newest = Pack::load_aligned(t + at);
    for (size_t c = 0; c < C; ++c) {
      const size_t s = c * width + at;
      Pack m = keep * Pack::load_aligned(d.M + s);
      m = xsimd::fnma(Pack(window.k[0][c]), newest, m);
      for (size_t i = 1; i < window.count; ++i)
        m = xsimd::fnma(Pack(window.k[i][c]), Pack::load_aligned(t + i * width + at), m);
      m.store_aligned(d.M + s);
      (carry * Pack::load_aligned(d.Z + s)).store_aligned(d.Z + s);
    }
  }
  return {of_theta, -simd::lanes_sum(of_alpha), simd::lanes_sum(of_eta)};
}

}  // namespace detail

/// How many numbers `memory` holds for each sequence, zeros at first.
inline size_t momentum_numbers(size_t heads, size_t C, size_t P, size_t window) {
  return detail::MomentumPlan{1, 1, heads, C, P, window}.remembered();
}

/// `window`: c. `memory`: null, or momentum_numbers() of each sequence. Throws Error when shapes
/// disagree or the window is 0.
inline Var momentum_recurrence(const Var& q, const Var& k, const Var& v, const MomentumRates& rates,
                               size_t window = 1,
                               std::vector<std::vector<real>>* memory = nullptr) {
  const auto [B, N, D] = dims<3>(q.value(), "momentum_recurrence: q [B,N,H C]");
  const size_t H = dims<3>(rates.theta.value(), "momentum_recurrence: theta [B,N,H]")[2];
  const size_t Dv = dims<3>(v.value(), "momentum_recurrence: v [B,N,H P]")[2];
  expect(H > 0 && D % H == 0 && Dv % H == 0,
         "momentum_recurrence: expected widths of q and v that are divisible by H, got {}, {} and "
         "H = {}",
         D, Dv, H);
  expect_shape(k.value(), q.shape(), "momentum_recurrence: k [B,N,H C]");
  expect_shape(v.value(), {B, N, Dv}, "momentum_recurrence: v [B,N,H P]");
  for (const Var* rate : {&rates.theta, &rates.alpha, &rates.eta})
    expect_shape(rate->value(), {B, N, H}, "momentum_recurrence: theta, alpha, eta [B,N,H]");
  expect(window > 0, "momentum_recurrence: window: expected at least one token, got 0");
  const detail::MomentumPlan plan{B, N, H, D / H, Dv / H, window};
  expect(!memory || memory->size() == B,
         "momentum_recurrence: memory: expected one for each of B = {} sequences, got {}", B,
         memory ? memory->size() : 0);
  for (size_t b = 0; memory && b < B; ++b)
    expect((*memory)[b].size() == plan.remembered(),
           "momentum_recurrence: memory: expected {} numbers, got {}", plan.remembered(),
           (*memory)[b].size());

  const size_t C = plan.C, P = plan.P, width = plan.width(), chunks = plan.chunks();
  Array o(v.shape()), kept;
  if (Tape::current()) kept = Array({B * H, chunks, 2, C, width});
  parallel_for(B * H, 1, [&, N = N](size_t list, size_t) {
    const size_t b = list / H, h = list % H;
    real* const before = memory ? &(*memory)[b][h * 2 * C * P] : nullptr;
    const real* const rows = memory ? &(*memory)[b][H * 2 * C * P] : nullptr;
    Array scratch({2 * C + window + 1, width}, 0);
    const detail::MomentumState state{scratch.row(0), scratch.row(C)};
    if (before)
      for (size_t r = 0; r < 2 * C; ++r) std::copy_n(before + r * P, P, scratch.row(r));
    detail::MomentumWindow seen{std::vector<const real*>(window), std::vector<const real*>(window)};
    for (size_t n = 0; n < N; ++n) {
      if (!kept.empty() && n % plan.kChunk == 0)
        std::copy_n(state.M, 2 * C * width, kept.row((list * chunks + n / plan.kChunk) * 2 * C));
      seen.count = memory ? window : std::min(window, n + 1);
      for (size_t i = 0; i < seen.count; ++i) {
        const real* const row = rows + (window - 1 + n - i) * H * (C + P);  // where n < i
        seen.k[i] = i <= n ? k.value().row(b * N + n - i) + h * C : row + h * C;
        seen.v[i] = i <= n ? v.value().row(b * N + n - i) + h * P : row + H * C + h * P;
      }
      const size_t at = b * N + n;
      real* const read = scratch.row(2 * C + window);
      detail::momentum_step(plan, seen, q.value().row(at) + h * C, rates.theta.value().row(at)[h],
                            rates.alpha.value().row(at)[h], rates.eta.value().row(at)[h], state,
                            state, scratch.row(2 * C), read);
      std::copy_n(read, P, o.row(at) + h * P);
    }
    if (before)
      for (size_t r = 0; r < 2 * C; ++r) std::copy_n(scratch.row(r), P, before + r * P);
  });
  for (size_t b = 0; memory && b < B; ++b) {  // the rows of the last c - 1 tokens
    real* const rows = (*memory)[b].data() + H * 2 * C * P;
    const size_t each = H * (C + P), more = std::min(N, window - 1);
    std::copy(rows + more * each, rows + (window - 1) * each, rows);
    for (size_t r = window - 1 - more, n = N - more; n < N; ++n, ++r) {
      std::copy_n(k.value().row(b * N + n), H * C, rows + r * each);
      std::copy_n(v.value().row(b * N + n), H * P, rows + r * each + H * C);
    }
  }
  const size_t pairs = memory ? N * window : plan.pairs();
  counters.matrix_flops += 2 * B * H * C * P * (2 * pairs + N);

  return record(
      "momentum_recurrence", o, {q, k, v, rates.theta, rates.alpha, rates.eta},
      [q = q.value(), k = k.value(), v = v.value(), theta = rates.theta.value(),
       alpha = rates.alpha.value(), eta = rates.eta.value(), kept, plan,
       whole = !memory](const Array& dy, Inputs in) {
        expect(whole, "momentum_recurrence: gradients are those of whole sequences, got a memory");
        Array dq(q.shape()), dk(k.shape(), 0), dv(v.shape(), 0);
        Array dtheta(theta.shape()), dalpha(theta.shape()), deta(theta.shape());
        parallel_for(plan.B * plan.H, 1, [&](size_t list, size_t) {
          const size_t N = plan.N, H = plan.H, C = plan.C, P = plan.P, width = plan.width();
          const size_t b = list / H, h = list % H, T = plan.kChunk;
          Array states({T + 1, 2 * C, width}), d({2 * C, width}, 0);
          Array scratch({2 * plan.window + 1, width}, 0);
          const auto state = [&](size_t t) {
            return detail::MomentumState{states.row(t * 2 * C), states.row(t * 2 * C + C)};
          };
          detail::MomentumWindow seen{std::vector<const real*>(plan.window),
                                      std::vector<const real*>(plan.window)};
          std::vector<real*> to_k(plan.window), to_v(plan.window);
          const auto look = [&](size_t n) {
            seen.count = std::min(plan.window, n + 1);
            for (size_t i = 0, at = b * N + n; i < seen.count; ++i, --at) {
              seen.k[i] = k.row(at) + h * C, to_k[i] = dk.row(at) + h * C;
              seen.v[i] = v.row(at) + h * P, to_v[i] = dv.row(at) + h * P;
            }
          };
          std::vector<const real*> rows(C);
          std::vector<real> of_q(simd::dots_room(C));
          real *const e = scratch.row(0), *const t = scratch.row(plan.window);
          real* const out = scratch.row(2 * plan.window);
          for (size_t chunk = plan.chunks(); chunk-- > 0;) {
            const size_t first = chunk * T, count = std::min(T, N - first);
            std::copy_n(kept.row((list * plan.chunks() + chunk) * 2 * C), 2 * C * width,
                        states.data());
            for (size_t n = first; n < first + count; ++n) {
              look(n);
              const size_t at = b * N + n;
              detail::momentum_step(plan, seen, q.row(at) + h * C, theta.row(at)[h],
                                    alpha.row(at)[h], eta.row(at)[h], state(n - first),
                                    state(n - first + 1), e, nullptr);
            }
            for (size_t n = first + count; n-- > first;) {
              look(n);
              const size_t at = b * N + n;
              std::copy_n(dy.row(at) + h * P, P, out);
              for (size_t c = 0; c < C; ++c) rows[c] = state(n - first + 1).M + c * width;
              simd::dots(out, rows.data(), C, width, of_q.data());
              std::copy_n(of_q.data(), C, dq.row(at) + h * C);
              const detail::MomentumSlopes slopes = detail::momentum_step_back(
                  plan, seen, q.row(at) + h * C, theta.row(at)[h], alpha.row(at)[h], eta.row(at)[h],
                  state(n - first), out, {d.row(0), d.row(C)}, to_k, to_v, t, e);
              dtheta.row(at)[h] = slopes.theta;
              dalpha.row(at)[h] = slopes.alpha;
              deta.row(at)[h] = slopes.eta;
            }
          }
        });
        counters.matrix_flops +=
            2 * plan.B * plan.H * plan.C * plan.P * (7 * plan.pairs() + 4 * plan.N);
        const Array* const all[] = {&dq, &dk, &dv, &dtheta, &dalpha, &deta};
        for (size_t i = 0; i < std::size(all); ++i) in.add(i, *all[i]);
      });
}

}  // namespace gnomon
