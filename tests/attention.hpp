// tests/attention.hpp
// Fused attention against its composed reference, in whichever precision the test is built.
#pragma once

#include <cmath>

#include "core/ops/attention.hpp"
#include "nn/mixers/attention.hpp"

namespace gnomon {

struct AttentionProblem {
  size_t B, N, H, C;
  bool causal, alibi;
  AttentionWindow window = {};
  size_t lags = 0;  // of tables; 0: none
  std::string text() const {
    return fmt::format("B={} N={} H={} C={}{}{} window={} globals={} lags={}", B, N, H, C,
                       causal ? " causal" : "", alibi ? " alibi" : "", window.tokens,
                       window.globals, lags);
  }
};

/// The sizes of the tests: within one block of 64, at its border, and over several.
inline std::vector<AttentionProblem> attention_problems() {
  std::vector<AttentionProblem> problems;
  for (const size_t N : {1, 7, 64, 65, 130})
    for (const size_t C : {1, 8, 32, 33})
      for (const bool causal : {false, true})
        for (const bool alibi : {false, true}) problems.push_back({2, N, 3, C, causal, alibi});
  // Windows within a block, at its border and over several; with and without tokens for all.
  for (const size_t N : {7, 65, 130, 300})
    for (const size_t window : {1, 3, 64, 65, 100})
      for (const size_t globals : {0, 2, 70})
        problems.push_back({2, N, 2, 8, true, globals == 2, {window, globals}});
  for (const size_t N : {1, 7, 65, 200})
    for (const size_t lags : {1, 5, 64, 100}) {
      problems.push_back({2, N, 3, 8, true, false, {}, lags});
      problems.push_back({1, N, 2, 33, true, true, {70, 2}, lags});
    }
  return problems;
}

struct AttentionRun {
  Array y, dq, dk, dv, dbias, dfactor;
};

inline AttentionRun run_attention(const AttentionProblem& p, bool fused) {
  Random random(p.N * 100 + p.C);
  const Shape shape{p.B, p.N, p.H * p.C};
  const Var q = variable(random.normal(shape)), k = variable(random.normal(shape)),
            v = variable(random.normal(shape));
  const Array dy = random.normal(shape);
  const std::vector<real> slopes = p.alibi ? alibi_slopes(p.H) : std::vector<real>();
  LagTables tables;
  if (p.lags > 0)
    tables = {variable(random.normal({p.H, p.lags})), variable(random.normal({p.H, p.lags}))};
  Tape tape;
  const auto attend = fused ? attention : composed_attention;
  const Var y = attend(q, k, v, p.H, p.causal, slopes, p.window, 0, tables);
  tape.backward(y, dy);
  AttentionRun run{y.value(), q.grad(), k.grad(), v.grad(), {}, {}};
  if (p.lags > 0) {
    run.dbias = tables.bias.grad(), run.dfactor = tables.factor.grad();
    for (Array* sums : {&run.dbias, &run.dfactor})  // over the queries: compared as means
      for (real& sum : *sums) sum /= static_cast<real>(p.N);
  }
  return run;
}

/// The largest difference over values and gradients; infinite when anything is NaN.
inline double largest_difference(const AttentionRun& a, const AttentionRun& b) {
  double worst = 0;
  for (const auto& [x, y] : {std::pair{&a.y, &b.y},
                             {&a.dq, &b.dq},
                             {&a.dk, &b.dk},
                             {&a.dv, &b.dv},
                             {&a.dbias, &b.dbias},
                             {&a.dfactor, &b.dfactor}})
    for (size_t e = 0; e < x->size(); ++e) {
      const double difference = std::abs(double{x->data()[e]} - double{y->data()[e]});
      if (!(difference <= worst)) worst = std::isnan(difference) ? INFINITY : difference;
    }
  return worst;
}

}  // namespace gnomon
