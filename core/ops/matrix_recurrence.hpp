// matrix_recurrence: a matrix for every head, that fades, forgets and learns with every token.
//
//   S_n = diag(w_n) S_{n-1} - b_n (S_{n-1}^T e_n)^T + k_n v_n^T        o_n = S_n^T q_n
//   for each head: S [C,P], zeros at first, or the state; w = exp(log w)
//   q, k, e, b [B,N,H C], v [B,N,H P], log w [B,N,H C], or [B,N,H]: one for all channels of a head
//   -> o [B,N,H P]      e without b: b = k. Neither: nothing is removed. No log w: nothing fades.
//   `shared`: q, k [B,N,C] are those of all heads (then nothing is removed)
//   cost: 2 to 5 B N H C P multiply-adds forward, 5 to 12 backward; serial in n, parallel over b, h
//   backward, in two walks, with r_n = S_{n-1}^T e_n [B,N,H P] kept, and no matrix:
//     from the last token:   dS_n = q_n do_n^T + diag(w_{n+1}) dS_{n+1} - e_{n+1} p_{n+1}^T
//       p_n = dS_n^T b_n     dv_n = dS_n^T k_n     dk_n = dS_n v_n     db_n = -dS_n r_n
//     from the first token:  dq_n = S_n do_n     de_n = -S_{n-1} p_n
//     dlog w_n = sum_{j>=n} (q_j dq_j - k_j dk_j - b_j db_j) + sum_{j>n} e_j de_j   in double
//   The last line needs no matrix either: what scales it at token n scales all that is read later.
//
// One op for linear attention (Katharopoulos et al., 2020, arXiv 2006.16236, section 3.2),
// retention (2307.08621), gated linear attention (2312.06635, section 4), Mamba-2 (2405.21060,
// section 3: the heads share q and k), DeltaNet (2406.06484: e = k, then k := beta k), Gated
// DeltaNet (2412.06464: e = w k) and RWKV-7 (2503.14456, section 4). A matrix of 64 x 64 fits into
// the first cache.
#pragma once

#include <numeric>

#include "core/counters.hpp"
#include "core/simd/matrix_walk.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// What happens to the matrices at every token; what is left out is an empty Var.
struct MatrixSteps {
  Var q, k, v;
  Var log_w = {};       ///< how much stays: log w <= 0
  Var e = {}, b = {};   ///< what is removed: what e reads, from where b (or k) points
  bool shared = false;  ///< q and k are those of all heads
};

namespace detail {

/// The arrays of one call, and where its heads find their rows.
struct MatrixPlan {
  size_t B, N, H, C, P;
  bool shared;
  Array q, k, v, w, e, b;
  Array r = {};  // backward, where there is b

  bool decays() const { return !w.empty(); }
  simd::Removal removal() const {
    using simd::Removal;
    return e.empty() ? Removal::none : b.empty() ? Removal::own : Removal::other;
  }
  /// Numbers of w for each head: one or C.
  size_t fading() const { return decays() ? w.shape().last() / H : 0; }
  /// The rows of head h of sequence s in an array of H heads of `width` numbers; of none, nothing.
  template <class A>
  auto rows(A& x, size_t s, size_t h, size_t width) const {
    const size_t own = x.empty() ? 0 : width;
    return simd::HeadRows<std::remove_pointer_t<decltype(x.data())>>{
        x.data() + (s * N * H + h) * own, H * own};
  }
  simd::HeadSteps head(size_t s, size_t h) const {
    const auto of_q = [&](const Array& x) {
      return shared ? simd::HeadRows<const real>{x.data() + s * N * C, C} : rows(x, s, h, C);
    };
    return {.N = N,
            .C = C,
            .w_step = fading() > 1 ? size_t{1} : 0,
            .q = of_q(q),
            .k = of_q(k),
            .v = rows(v, s, h, P),
            .w = rows(w, s, h, fading()),
            .e = rows(e, s, h, C),
            .b = rows(b, s, h, C),
            .r = rows(r, s, h, P)};
  }
  /// Multiply-adds for one element of a matrix and one token.
  size_t work_forward() const { return 2 + decays() + (e.empty() ? 0 : b.empty() ? 1 : 2); }
  size_t work_backward() const { return 5 + 2 * decays() + (e.empty() ? 0 : b.empty() ? 2 : 5); }
};

/// o, and what removal keeps. The state is that of matrix_recurrence.
inline void walk_matrices(const MatrixPlan& plan, Array& o, Array& kept,
                          std::vector<std::vector<real>>* state) {
  const size_t H = plan.H, C = plan.C, P = plan.P;
  const auto groups = simd::LaneGroup::all(P, true);
  parallel_for(plan.B * H * groups.size(), 1, [&](size_t piece, size_t) {
    const simd::LaneGroup group = groups[piece % groups.size()];
    const size_t s = piece / groups.size() / H, h = piece / groups.size() % H;
    const simd::HeadSteps steps = plan.head(s, h);
    Array S({simd::dots_room(C), group.lanes()}, 0);
    real* const known = state ? (*state)[s].data() + h * C * P + group.first : nullptr;
    for (size_t c = 0; known && c < C; ++c) std::copy_n(known + c * P, group.width, S.row(c));
    simd::walk_columns(steps, group, plan.decays(), plan.removal(), S.data(), plan.rows(o, s, h, P),
                       plan.rows(kept, s, h, P));
    for (size_t c = 0; known && c < C; ++c) std::copy_n(S.row(c), group.width, known + c * P);
  });
}

/// dlog w of one head, from the gradients that the walks left.
inline void add_up_decay(const simd::HeadSteps& x, const simd::HeadGradients& to, bool removes,
                         bool other) {
  std::vector<double> sum(x.C, 0.0);
  for (size_t n = x.N; n-- > 0;) {
    const auto add = [&](double sign, const real* a, const real* da) {
      for (size_t c = 0; c < x.C; ++c) sum[c] += sign * double{a[c]} * double{da[c]};
    };
    add(1, x.q[n], to.dq[n]);
    add(-1, x.k[n], to.dk[n]);
    if (other) add(-1, x.b[n], to.db[n]);
    real* const dw = to.dw[n];
    if (x.w_step == 1)
      for (size_t c = 0; c < x.C; ++c) dw[c] = static_cast<real>(sum[c]);
    else
      *dw = static_cast<real>(std::accumulate(sum.begin(), sum.end(), 0.0));
    if (removes) add(1, x.e[n], to.de[n]);
  }
}

/// The gradient of input i from those [H,B,N,C] that each of the heads has.
inline void add_over_heads(Inputs in, size_t i, const Array& of_heads) {
  if (!in.wants(i)) return;
  const size_t H = of_heads.shape()[0], size = of_heads.size() / H;
  for (size_t h = 0; h < H; ++h) {
    auto [dx, beta] = in.blend(i);
    parallel_for(size, simd::kElementGrain, [&, &dx = dx, beta = beta](size_t begin, size_t end) {
      simd::blend_range(
          end - begin, dx.data() + begin, beta, [](auto g) { return g; },
          of_heads.data() + h * size + begin);
    });
  }
}

inline void walk_matrices_back(const MatrixPlan& plan, const Array& dy, Inputs in) {
  const size_t B = plan.B, N = plan.N, H = plan.H, C = plan.C, P = plan.P;
  const bool removes = !plan.e.empty(), other = !plan.b.empty();
  const Shape of_q = plan.shared ? Shape{H, B, N, C} : plan.q.shape();
  Array dq(of_q), dk(of_q), dv({B, N, H * P}), dw, de, db;
  if (in.wants(3)) dw = Array(plan.w.shape());
  if (removes) de = Array(plan.e.shape());
  if (other) db = Array(plan.b.shape());
  Array p = other ? Array(dv.shape()) : dv;
  parallel_for(B * H, 1, [&](size_t piece, size_t) {
    const size_t s = piece / H, h = piece % H;
    const auto rows_of_q = [&](Array& x) {
      return plan.shared ? simd::HeadRows<real>{x.data() + (h * B + s) * N * C, C}
                         : plan.rows(x, s, h, C);
    };
    const simd::HeadSteps steps = plan.head(s, h);
    const simd::HeadGradients to{.dy = plan.rows(dy, s, h, P),
                                 .dq = rows_of_q(dq),
                                 .dk = rows_of_q(dk),
                                 .dv = plan.rows(dv, s, h, P),
                                 .dw = plan.rows(dw, s, h, plan.fading()),
                                 .de = plan.rows(de, s, h, C),
                                 .db = plan.rows(db, s, h, C),
                                 .p = plan.rows(p, s, h, P)};
    for (const simd::LaneGroup& group : simd::LaneGroup::all(P, true)) {
      Array dS({simd::dots_room(C), group.lanes()}, 0);
      simd::walk_columns_back(steps, group, plan.decays(), plan.removal(), to, dS.data());
    }
    for (const simd::LaneGroup& group : simd::LaneGroup::all(C, false)) {
      Array S({P, group.lanes()}, 0);
      simd::walk_channels_back(steps, group, plan.decays(), plan.removal(), to, P, S.data());
    }
    if (!dw.empty()) add_up_decay(steps, to, removes, other);
  });
  if (plan.shared) {
    add_over_heads(in, 0, dq);
    add_over_heads(in, 1, dk);
  } else {
    in.add(0, dq);
    in.add(1, dk);
  }
  in.add(2, dv);
  if (!dw.empty()) in.add(3, dw);
  if (removes) in.add(4, de);
  if (other) in.add(5, db);
}

}  // namespace detail

/// `state`: null, or for each sequence the H C P numbers of its matrices, which are brought forward
/// (no gradient flows through them). Throws Error when shapes disagree.
inline Var matrix_recurrence(const MatrixSteps& x, size_t heads,
                             std::vector<std::vector<real>>* state = nullptr) {
  const auto [B, N, width] = dims<3>(x.q.value(), "matrix_recurrence: q [B,N,H C]");
  const auto [Bv, Nv, width_v] = dims<3>(x.v.value(), "matrix_recurrence: v [B,N,H P]");
  const size_t H = heads, of_q = x.shared ? 1 : H;
  expect(H > 0 && width % of_q == 0 && width > 0,
         "matrix_recurrence: q [B,N,H C]: expected a multiple of H = {}, got shape {}", H,
         x.q.shape());
  expect(Bv == B && Nv == N && width_v % H == 0 && width_v > 0,
         "matrix_recurrence: v [B,N,H P]: expected B = {}, N = {} and a multiple of H = {}, got "
         "shape {}",
         B, N, H, x.v.shape());
  expect_shape(x.k.value(), x.q.shape(), "matrix_recurrence: k [B,N,H C]");
  const size_t C = width / of_q, P = width_v / H;
  const Array &e = x.e.value(), &b = x.b.value(), &log_w = x.log_w.value();
  expect(!e.empty() || b.empty(),
         "matrix_recurrence: b [B,N,H C]: expected e beside it, got none; b alone removes nothing");
  expect(e.empty() || !x.shared,
         "matrix_recurrence: e [B,N,H C]: expected none where the heads share q and k, got shape "
         "{}; repeat q and k for every head",
         e.shape());
  if (!e.empty()) expect_shape(e, x.q.shape(), "matrix_recurrence: e [B,N,H C]");
  if (!b.empty()) expect_shape(b, x.q.shape(), "matrix_recurrence: b [B,N,H C]");
  Array w;
  if (!log_w.empty()) {
    expect(log_w.shape() == Shape({B, N, H}) || log_w.shape() == Shape({B, N, H * C}),
           "matrix_recurrence: log w [B,N,H] or [B,N,H C]: expected shape {} or {}, got {}",
           Shape{B, N, H}, Shape{B, N, H * C}, log_w.shape());
    w = simd::mapped([](auto v) { return xsimd::exp(v); }, log_w);
  }
  if (state) {
    expect(state->size() == B, "matrix_recurrence: state: expected that of {} sequences, got {}", B,
           state->size());
    for (const auto& each : *state)
      expect(each.size() == H * C * P,
             "matrix_recurrence: state: expected H C P = {} numbers a sequence, got {}", H * C * P,
             each.size());
  }
  detail::MatrixPlan plan{B, N, H, C, P, x.shared, x.q.value(), x.k.value(), x.v.value(), w, e, b};
  Array o({B, N, H * P}), kept = e.empty() ? Array() : Array(o.shape());
  detail::walk_matrices(plan, o, kept, state);
  counters.matrix_flops += 2 * B * N * H * C * P * plan.work_forward();
  if (!e.empty()) (b.empty() ? plan.v : plan.r) = kept;  // v - r stands for v, where b is k

  return record("matrix_recurrence", o, {x.q, x.k, x.v, x.log_w, x.e, x.b},
                [plan, whole = !state](const Array& dy, Inputs in) {
                  expect(whole,
                         "matrix_recurrence: gradients are those of whole sequences, got a state");
                  counters.matrix_flops +=
                      2 * plan.B * plan.N * plan.H * plan.C * plan.P * plan.work_backward();
                  detail::walk_matrices_back(plan, dy, in);
                });
}

}  // namespace gnomon
