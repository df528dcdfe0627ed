// nn/pointer/candidates/chain.hpp
// What the sources share that chain within a layer ("run", "gated"): token i either continues, one
// past where its left neighbour points, or begins afresh at the best of its other candidates. The
// best of the others depends on no neighbour, so it is found for all tokens in parallel, before
// anybody walks along the sequence.
#pragma once

#include "nn/pointer/candidates/source.hpp"

namespace gnomon {

/// Where the tokens would point without the chain.
struct Fresh {
  Index to;     ///< [B,N,H] what the best of the other candidates reads; -1: nothing
  Array logit;  ///< [B,N,H] its logit; -infinity: there is none
};

/// Among the slots before the chain's own; the first wins a tie.
inline Fresh fresh_choices(const Columns& columns, const Scores& scores) {
  const auto [B, N, H, K] = dims<4>(columns.to, "chain: to [B,N,H,K]");
  Fresh fresh{Index({B, N, H}, -1), Array({B, N, H}, -std::numeric_limits<real>::infinity())};
  parallel_for(B * N * H, 256, [&, K = K](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const int32_t* to = columns.to.data() + row * K;
      const real* dots = scores.dots.data() + row * K;
      const real* bias = scores.bias.data() + row * K;
      bool any = false;
      for (size_t k = 0; k < columns.first; ++k)
        if (const real logit = dots[k] + bias[k];
            to[k] >= 0 && (!any || logit > fresh.logit.data()[row])) {
          any = true;
          fresh.to.data()[row] = scores.read.row(row)[k];
          fresh.logit.data()[row] = logit;
        }
    }
  });
  return fresh;
}

/// What the chain offers, given where the left neighbour points (-1: nowhere).
inline int32_t continued(int32_t before) { return before < 0 ? -1 : before + 1; }

/// One token at a time there is nothing to walk: the neighbour's choice is known.
inline SourceStep continuing() {
  return [](const Var&, const Moment& moment, const Columns& columns) {
    columns.fill([&](size_t, int64_t, size_t h, int64_t) {
      return moment.n > 0 ? continued(moment.own(moment.n - 1, h)) : -1;
    });
    return Var();
  };
}

}  // namespace gnomon
