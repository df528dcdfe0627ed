// softmax_scan: a running softmax. Every head reads the mean of all values so far, weighted by the
// exponentials of scores that do not depend on who reads.
//
//   o[b,n,h,:] = sum_{j<=n} exp(s[b,j,h]) v[b,j,h,:] / sum_{j<=n} exp(s[b,j,h])
//   s [B,N,H], v [B,N,H P] (a head is a slice of the last axis)  ->  o [B,N,H P]
//   token by token, with a running maximum m (that of the whole sequence would know the future):
//     m_n = max(m_{n-1}, s_n)    r = exp(m_{n-1} - m_n)    p_n = exp(s_n - m_n)
//     c_n = r c_{n-1} + p_n      w_n = r w_{n-1} + p_n v_n      o_n = w_n / c_n
//   `memory` (one for each sequence; of every head m, c and w) is what came before, and is brought
//   forward; no gradient flows into it
//   backward, from the last token to the first, sums scaled by the same maxima:
//     G_n = do_n / c_n + exp(m_n - m_{n+1}) G_{n+1}              dv_n = p_n G_n
//     R_n = do_n . o_n / c_n + exp(m_n - m_{n+1}) R_{n+1}        ds_n = p_n (v_n . G_n - R_n)
//   cost: an exp and 2 P multiply-adds a token and head, 4 P backward; memory O(N); serial in n,
//   parallel over b and h. Sums run in double: a weight of 1 still counts after a million tokens.
//
// Feng et al., "Attention as an RNN", 2024, arXiv 2405.13956, section 3.2: (m, c, w) with (s, 1, v)
// is an associative scan; its recurrent form is what stands here.
#pragma once

#include <cmath>

#include "core/counters.hpp"
#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// What a sequence of which nothing is read yet remembers: of each head m, c and w [P].
inline std::vector<double> softmax_scan_start(size_t heads, size_t P) {
  std::vector<double> memory(heads * (2 + P), 0.0);
  for (size_t h = 0; h < heads; ++h) memory[h * (2 + P)] = -std::numeric_limits<double>::infinity();
  return memory;
}

namespace detail {

/// One token of one head: `memory` is m, c and w [P].
inline void scan_token(size_t P, real s, const real* v, double* memory, real* o) {
  const double score{s}, top = std::max(memory[0], score);
  const double fade = std::exp(memory[0] - top), p = std::exp(score - top);  // one of them is 1
  memory[0] = top;
  memory[1] = fade * memory[1] + p;
  const double norm = 1 / memory[1];
  double* w = memory + 2;
  for (size_t e = 0; e < P; ++e) {
    w[e] = fade * w[e] + p * double{v[e]};
    o[e] = static_cast<real>(w[e] * norm);
  }
}

/// One token of one head, backwards: G [P] and R hold the sums over later tokens, scaled by this
/// token's maximum. -> ds
inline real scan_token_back(size_t P, double p, double c, const real* v, const real* o,
                            const real* dy, double* G, double& R, real* dv) {
  const double norm = 1 / c;
  R += double{simd::dot(dy, o, P)} * norm;
  for (size_t e = 0; e < P; ++e) {
    G[e] += double{dy[e]} * norm;
    dv[e] = static_cast<real>(p * G[e]);
  }
  return static_cast<real>(double{simd::dot(v, dv, P)} - p * R);
}

}  // namespace detail

/// Throws Error when shapes disagree.
inline Var softmax_scan(const Var& s, const Var& v,
                        std::vector<std::vector<double>>* memory = nullptr) {
  const auto [B, N, H] = dims<3>(s.value(), "softmax_scan: s [B,N,H]");
  const auto [Bv, Nv, D] = dims<3>(v.value(), "softmax_scan: v [B,N,H P]");
  expect(
      Bv == B && Nv == N && H > 0 && D % H == 0,
      "softmax_scan: v [B,N,H P]: expected B = {}, N = {} and a multiple of H = {}, got shape {}",
      B, N, H, v.shape());
  const size_t P = D / H, own = 2 + P;
  expect(!memory || memory->size() == B,
         "softmax_scan: memory: expected one for each of B = {} sequences, got {}", B,
         memory ? memory->size() : 0);
  for (size_t b = 0; memory && b < B; ++b)
    expect((*memory)[b].size() == H * own,
           "softmax_scan: memory: expected H (2 + P) = {} numbers, got {}", H * own,
           (*memory)[b].size());

  Array o(v.shape()), top({B, H, N}), sum({B, H, N});  // m and c
  parallel_for(B * H, 1, [&, N = N, H = H](size_t list, size_t) {
    const size_t h = list % H;
    double* const before = memory ? &(*memory)[list / H][h * own] : nullptr;
    std::vector<double> now = before ? std::vector<double>(before, before + own)  // in this cache
                                     : softmax_scan_start(1, P);
    for (size_t n = 0, row = list / H * N; n < N; ++n, ++row) {
      detail::scan_token(P, s.value().row(row)[h], v.value().row(row) + h * P, now.data(),
                         o.row(row) + h * P);
      top.row(list)[n] = static_cast<real>(now[0]);
      sum.row(list)[n] = static_cast<real>(now[1]);
    }
    if (before) std::ranges::copy(now, before);
  });
  counters.matrix_flops += 2 * B * N * D;

  return record("softmax_scan", o, {s, v},
                [s = s.value(), v = v.value(), o, top, sum](const Array& dy, Inputs in) {
                  const auto [B, N, H] = dims<3>(s, "softmax_scan: s [B,N,H]");
                  const size_t P = v.shape().last() / H;
                  Array ds(s.shape()), dv(v.shape());
                  parallel_for(B * H, 1, [&, N = N, H = H](size_t list, size_t) {
                    const size_t h = list % H;
                    std::vector<double> G(P, 0.0);
                    double R = 0, later = 0;  // the maximum of the token after
                    for (size_t n = N, row = (list / H + 1) * N; n-- > 0;) {
                      const double m{top.row(list)[n]}, score{s.row(--row)[h]};
                      const double fade = n + 1 < N ? std::exp(m - later) : 0;
                      R *= fade;
                      for (double& g : G) g *= fade;
                      ds.row(row)[h] = detail::scan_token_back(
                          P, std::exp(score - m), double{sum.row(list)[n]}, v.row(row) + h * P,
                          o.row(row) + h * P, dy.row(row) + h * P, G.data(), R,
                          dv.row(row) + h * P);
                      later = m;
                    }
                  });
                  counters.matrix_flops += 4 * B * N * v.shape().last();
                  in.add(0, ds);
                  in.add(1, dv);
                });
}

}  // namespace gnomon
