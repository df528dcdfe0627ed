// count_fit: how well places fit a count that is asked for, per head.
//
//   s[b,n,h,k] = log(gate[b,j,h] + 1e-9) - exp(sharpness) (asked[b,n,h] - count[b,j,h])^2
//   j = to[b,n,h,k];  s is 0 where that is -1
//   gate, count and asked [B,N,H], sharpness a scalar, to [B,N,H,K] in [-1,N)  ->  s [B,N,H,K]
//   backward: d log gate = ds / (gate + 1e-9), the squares as usual; of count and gate the sum over
//   the places that name j, a head of a sequence at a time, so that no two threads write one.
//   cost: B N H K numbers read, those that are not -1
#pragma once

#include <cmath>

#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// Throws Error when shapes disagree, or an index is outside [-1,N).
inline Var count_fit(const Var& gate, const Var& count, const Var& asked, const Var& sharpness,
                     const Index& to) {
  constexpr real kTiny = real(1e-9);  // of a gate that rounds to zero
  const auto [B, N, H, K] = dims<4>(to, "count_fit: to [B,N,H,K]");
  for (const Var* each : {&gate, &count, &asked})
    expect_shape(each->value(), {B, N, H}, "count_fit: gate, count, asked [B,N,H]");
  expect(sharpness.value().size() == 1, "count_fit: sharpness: expected a scalar, got shape {}",
         sharpness.shape());
  expect_below(to, N, "count_fit: to [B,N,H,K]", -1);
  // Element h of the token at place n of sequence b.
  const auto at = [N = N, H = H](size_t b, size_t n, size_t h) { return (b * N + n) * H + h; };

  Array s = zeros({B, N, H, K});
  const real sharp = std::exp(sharpness.value().item());
  parallel_for(B * H, 1, [&, N = N, H = H, K = K](size_t pair, size_t) {
    const size_t b = pair / H, h = pair % H;
    for (size_t n = 0; n < N; ++n) {
      const size_t row = at(b, n, h);
      for (size_t k = 0; k < K; ++k)
        if (const int32_t j = to.row(row)[k]; j >= 0) {
          const size_t from = at(b, static_cast<size_t>(j), h);
          const real off = asked.value().data()[row] - count.value().data()[from];
          s.row(row)[k] = std::log(gate.value().data()[from] + kTiny) - sharp * (off * off);
        }
    }
  });

  return record("count_fit", s, {gate, count, asked, sharpness},
                [gate = gate.value(), count = count.value(), asked = asked.value(), sharp, to, at](
                    const Array& ds, Inputs in) {
                  const auto [B, N, H, K] = dims<4>(to, "count_fit: to [B,N,H,K]");
                  Array dgate = zeros(gate.shape()), dcount = zeros(gate.shape()),
                        dasked = zeros(gate.shape());
                  std::vector<double> of_pair(B * H);  // d sharpness, summed in one order
                  parallel_for(B * H, 1, [&, N = N, H = H, K = K](size_t pair, size_t) {
                    const size_t b = pair / H, h = pair % H;
                    for (size_t n = 0; n < N; ++n) {
                      const size_t row = at(b, n, h);
                      for (size_t k = 0; k < K; ++k) {
                        const int32_t j = to.row(row)[k];
                        if (j < 0) continue;
                        const size_t from = at(b, static_cast<size_t>(j), h);
                        const real d = ds.row(row)[k], off = asked.data()[row] - count.data()[from];
                        const real slope = 2 * sharp * off * d;
                        dgate.data()[from] += d / (gate.data()[from] + kTiny);
                        dcount.data()[from] += slope;
                        dasked.data()[row] -= slope;
                        of_pair[pair] -= double{sharp * off * off * d};
                      }
                    }
                  });
                  double dsharp = 0;
                  for (const double d : of_pair) dsharp += d;
                  in.add(0, dgate);
                  in.add(1, dcount);
                  in.add(2, dasked);
                  if (in.wants(3)) in.grad(3).data()[0] += static_cast<real>(dsharp);
                });
}

}  // namespace gnomon
