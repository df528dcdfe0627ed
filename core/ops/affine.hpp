// affine: the product with a weight, and a bias on every row.
//
//   y[r,o] = sum_i x[r,i] w[o,i] + b[o]          x [...,I], w [O,I], b [O] or none  ->  y [...,O]
//   backward: dx = dy w     dw = dy^T x     db = sum_r dy[r,:]
//
// affine_all: the same with several weights, dx = sum_m dy_m w_m. All products of one direction
// share a parallel loop, of which a short sequence otherwise has too many.
//
// The products are in the precision of this thread when the op is recorded (AffinePrecision).
#pragma once

#include "core/gemm.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// A weight w [parts O,I] with a bias b [parts O] or none (an empty Var): it gives `parts` outputs
/// [...,O], part m from rows m O and on.
struct Weight {
  Var w, b = {};
  size_t parts = 1;
};

/// The outputs of all weights, in their order; each as affine() would give it. Throws Error when
/// the widths disagree.
inline std::vector<Var> affine_all(const Var& x, const std::vector<Weight>& weights) {
  const size_t R = x.shape().rows(), I = x.shape().last();
  const Precision precision = affine_precision();
  std::vector<Var> inputs{x};
  std::vector<Array> ys;
  std::vector<Product> products;
  for (const auto& [w, b, parts] : weights) {
    const auto [rows, width] = dims<2>(w.value(), "affine: w [O,I]");
    expect(x.shape().rank() >= 1 && I == width,
           "affine: x [...,I]: expected I = {} as in w {}, got shape {}", width, w.shape(),
           x.shape());
    expect(parts > 0 && rows % parts == 0,
           "affine: parts: expected a divisor of the {} rows of w, got {}", rows, parts);
    const bool biased = !b.value().empty();
    if (biased) expect_shape(b.value(), {rows}, "affine: b [O]");
    const size_t O = rows / parts;
    for (size_t first = 0, part = 0; part < parts; ++part, first += O) {
      ys.emplace_back(x.shape().with_last(O));
      products.push_back(
          {.m = R,
           .n = O,
           .terms = {Product::Term{I, {x.value().data(), I}, {w.value().row(first), I, true}}},
           .c = ys.back().data(),
           .stride_c = O,
           .bias = biased ? b.value().data() + first : nullptr});
    }
    inputs.insert(inputs.end(), {w, b});
  }
  gemm_all(std::move(products), precision);

  struct Kept {
    Array w;
    size_t parts;
  };
  std::vector<Kept> kept;
  for (const Weight& each : weights) kept.push_back({each.w.value(), each.parts});
  return record_all(
      "affine", ys, inputs, [x = x.value(), kept, precision](const Gradients& dys, Inputs in) {
        const size_t R = x.shape().rows(), I = x.shape().last();
        std::vector<Product> products;
        if (in.wants(0)) {
          auto [dx, beta] = in.blend(0);
          products.push_back({R, I, {}, dx.data(), I, beta});
        }
        auto dy = dys.begin();
        for (size_t m = 0; m < kept.size(); ++m) {
          const auto& [w, parts] = kept[m];
          const size_t to_w = 1 + 2 * m, to_b = to_w + 1, O = w.shape()[0] / parts;
          real *dw = nullptr, *db = in.wants(to_b) ? in.grad(to_b).data() : nullptr, beta_w = 0;
          if (in.wants(to_w)) {
            auto [whole, beta] = in.blend(to_w);
            dw = whole.data(), beta_w = beta;
          }
          for (size_t first = 0, part = 0; part < parts; ++part, ++dy, first += O) {
            if (in.wants(0) && !dy->empty())
              products[0].terms.push_back({O, {dy->data(), O}, {w.row(first), I}});
            if (!dw && !db) continue;
            Product of_w{.m = O,
                         .n = dw ? I : 0,  // 0: the sums alone
                         .terms = {},
                         .c = dw ? dw + first * I : nullptr,
                         .stride_c = I,
                         .beta = beta_w,
                         .row_sums = db ? db + first : nullptr};
            if (!dy->empty()) of_w.terms.push_back({R, {dy->data(), O, true}, {x.data(), I}});
            products.push_back(std::move(of_w));
          }
        }
        gemm_all(std::move(products), precision);
      });
}

/// `b` may be an empty Var: no bias. Throws Error when the widths disagree.
inline Var affine(const Var& x, const Var& w, const Var& b = {}) {
  return affine_all(x, {{w, b}})[0];
}

}  // namespace gnomon
