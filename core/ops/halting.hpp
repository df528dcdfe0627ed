// halting: how much each pass over a token counts, when the token says after each how probable it
// is that it is done.
//
//   k = the first pass with p_0 + ... + p_k > 1 - margin, or else the last
//   w_t = p_t (t < k)    w_k = 1 - (p_0 + ... + p_{k-1}), the remainder    w_t = 0 (t > k)
//   ponder = k + 1 + w_k: passes and remainder, to be made small
//   p [...,T] in [0,1]  ->  w [...,T], which sums to one, and ponder [...]
//   backward: dp_t = dw_t - dw_k - dponder for t < k, else 0; k itself has no gradient
//
// Graves, "Adaptive computation time for recurrent neural networks", 2016, arXiv 1603.08983,
// section 2, equations 5 to 10, as each position of a Universal Transformer uses it (Dehghani et
// al., 2019, arXiv 1807.03819, section 2.2).
#pragma once

#include "core/simd/row.hpp"
#include "core/tape.hpp"

namespace gnomon {

struct Halted {
  Var weight;  ///< [...,T] of every pass
  Var ponder;  ///< [...] passes and remainder
};

/// Throws Error when p has no axis or no pass, or the margin is not in [0,1).
inline Halted halting(const Var& p, real margin = real(0.01)) {
  expect(p.shape().rank() >= 1 && p.shape().last() > 0,
         "halting: p [...,T]: expected at least one pass, got shape {}", p.shape());
  expect(margin >= 0 && margin < 1, "halting: margin: expected a number in [0,1), got {}", margin);
  const size_t T = p.shape().last(), R = p.shape().rows();
  Array w(p.shape(), 0), ponder(Shape(std::vector<size_t>(p.shape().begin(), p.shape().end() - 1)));
  Index last({R});
  parallel_for(R, simd::row_grain(T), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      const real* of_p = p.value().row(r);
      real sum = 0;
      size_t k = 0;
      for (; k + 1 < T && sum + of_p[k] <= 1 - margin; ++k) sum += w.row(r)[k] = of_p[k];
      w.row(r)[k] = 1 - sum;
      last.data()[r] = static_cast<int32_t>(k);
      ponder.data()[r] = static_cast<real>(k + 1) + w.row(r)[k];
    }
  });
  const std::vector<Var> all =
      record_all("halting", {w, ponder}, {p}, [last, T](const Gradients& dy, Inputs in) {
        Array& dp = in.grad(0);
        parallel_for(last.size(), simd::row_grain(T), [&](size_t begin, size_t end) {
          for (size_t r = begin; r < end; ++r) {
            const auto k = static_cast<size_t>(last.data()[r]);
            const real through = (dy[0].empty() ? real{0} : dy[0].row(r)[k]) +
                                 (dy[1].empty() ? real{0} : dy[1].data()[r]);
            for (size_t t = 0; t < k; ++t)
              dp.row(r)[t] += (dy[0].empty() ? real{0} : dy[0].row(r)[t]) - through;
          }
        });
      });
  return {all[0], all[1]};
}

}  // namespace gnomon
