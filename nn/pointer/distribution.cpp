#include "nn/pointer/distribution.hpp"

#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/scatter_weights.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/sum_last.hpp"

namespace gnomon {
namespace {

constexpr size_t kLongest = 2048;  // tokens

}  // namespace

Distributions::Distributions(const Menu& menu, const PreviousPointers& previous, const Var& query,
                             const Var& key, real scale_of_logits, CandidateSet& set) {
  const auto [B, N, D] = dims<3>(query.value(), "pointer: query [B,N,D]");
  const auto [Bs, Ns, G, K] = dims<4>(set.index.to, "pointer: candidates [B,N,G,K]");
  if (N > kLongest)
    fail_option("hand-on",
                "distribution: expected at most {} tokens, since it takes N x N numbers for each "
                "head, got N = {}; train on shorter sequences",
                kLongest, N);
  if (previous.distribution.empty()) return;
  const size_t H = previous.distribution.size(), C = D / H;
  const auto of_head = [C](const Var& x, size_t h) { return slice(x, 2, h * C, (h + 1) * C); };
  if (set.index.scored.data() == set.index.to.data()) set.index.scored = set.index.to.clone();
  std::vector<Var> logits;  // of each head and slot, [B,N,1]
  for (size_t h = 0; h < H; ++h) {
    size_t first = 0;
    for (const MenuEntry& entry : menu.entries()) {
      const size_t slots = entry.slot_types(N).size();
      if (!entry.form.needs_previous || !entry.offered(h)) {
        logits.push_back(zeros({B, N, slots}));
      } else {
        for (size_t k = 0; k < slots; ++k) {
          const Var at = entry.source->distribution(previous.distribution, h, k);
          const Var met = mul(of_head(query, h), matmul(at, of_head(key, h)));
          logits.push_back(reshape(scale(sum_last(met), scale_of_logits), {B, N, 1}));
          spread_.push_back({h, first + k, at});
          for (size_t row = 0; row < B * N; ++row)
            set.index.scored.row(row * G + (G == 1 ? 0 : h))[first + k] = -1;
        }
      }
      first += slots;
    }
  }
  const Var expected = reshape(concat(logits, 2), {B, N, H, K});
  set.logits = set.logits.value().empty() ? expected : add(set.logits, expected);
}

std::vector<Var> Distributions::handed_on(const Var& weight, const CandidateSet& set) const {
  const auto [B, N, G, K] = dims<4>(set.index.to, "pointer: candidates [B,N,G,K]");
  std::vector<Var> all;
  for (size_t h = 0; h < weight.shape()[2]; ++h) {
    const Var of_head = reshape(slice(weight, 2, h, h + 1), {B, N, K});
    Index fixed({B, N, K});  // without the slots that are distributions themselves
    for (size_t row = 0; row < B * N; ++row)
      std::copy_n(set.index.read.row(row * G + (G == 1 ? 0 : h)), K, fixed.row(row));
    for (const Spread& s : spread_)
      for (size_t row = 0; s.h == h && row < B * N; ++row) fixed.row(row)[s.k] = -1;
    Var sum = scatter_weights(of_head, fixed);
    for (const Spread& s : spread_)
      if (s.h == h)
        sum = add(sum, scale_rows(s.at, reshape(slice(of_head, 2, s.k, s.k + 1), {B, N})));
    all.push_back(sum);
  }
  return all;
}

Var Distributions::read(const Var& value, const std::vector<Var>& distribution) {
  const size_t H = distribution.size(), C = value.shape().last() / H;
  std::vector<Var> heads;
  for (size_t h = 0; h < H; ++h)
    heads.push_back(matmul(distribution[h], slice(value, 2, h * C, (h + 1) * C)));
  return concat(heads, 2);
}

}  // namespace gnomon
