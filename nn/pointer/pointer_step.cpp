// nn/pointer/pointer_step.cpp
// The pointer block and its menu, one token at a time. A token costs O(D D) for its own features
// and O(K) rows of earlier ones; remembered are a key and a value row for each token (and what the
// sources remember).
#include "core/counters.hpp"
#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/select_columns.hpp"
#include "core/simd/row.hpp"
#include "nn/mixers/rows.hpp"
#include "nn/pointer/choice.hpp"
#include "nn/pointer/pointer_block.hpp"

namespace gnomon {
namespace {

/// One row for each head: rows[to[h]], its part h; zeros where to is -1.   -> [1,1,H C]
Array read(const Rows& rows, const int32_t* to, size_t heads, size_t width) {
  counters.rows_read += heads;
  const size_t C = width / heads;
  Array z({1, 1, width}, 0);
  for (size_t h = 0; h < heads; ++h)
    if (to[h] >= 0) std::copy_n(rows[static_cast<size_t>(to[h])] + h * C, C, z.data() + h * C);
  return z;
}

/// The logits [1,1,H,K] of one token: scale q . k_j of the candidates that are scored, and a bias.
Array scored(const Array& query, const Rows& keys, const Index& candidates, const Array& bias,
             real scale) {
  const auto [B, N, H, K] = dims<4>(bias, "pointer: bias [1,1,H,K]");
  const size_t G = candidates.shape()[2], C = query.size() / H;
  counters.rows_read += G * K;
  Array logits = bias.clone();
  for (size_t h = 0; h < H; ++h)
    for (size_t k = 0; k < K; ++k)
      if (const int32_t j = candidates.row(G == 1 ? 0 : h)[k]; j >= 0)
        logits.row(h)[k] +=
            scale * simd::dot(query.data() + h * C, keys[static_cast<size_t>(j)] + h * C, C);
  return logits;
}

}  // namespace

Menu::Step Menu::stepper(size_t heads) const {
  std::vector<SourceStep> steps;
  for (const CandidateSource* source : sources_) steps.push_back(source->stepper());
  return [this, H = heads, G = per_head() ? heads : 1, steps](const Var& a, const Moment& moment) {
    const std::vector<size_t> slots = this->slots(static_cast<size_t>(moment.n) + 1);
    Offer offer;
    offer.to = Index({1, 1, G, std::accumulate(slots.begin(), slots.end(), size_t{0})}, -1);
    std::vector<Var> logits;
    size_t first = 0;
    for (size_t s = 0; s < sources_.size(); first += slots[s++]) {
      const Columns columns{offer.to, first, slots[s]};
      Var own;
      if (!sources_[s]->needs_pointers() || !moment.below.empty())
        own = steps[s](a, moment, columns);
      withhold(s, columns);
      logits.push_back(own.value().empty() ? Var(zeros({1, 1, H, slots[s]})) : own);
    }
    offer.logits = concat(logits, 3);
    blank(offer, slots, false);
    return offer;
  };
}

MixerStep PointerBlock::stepper() const {
  const size_t width = gate_bias_.shape()[0];
  return [this, menu = menu_.stepper(heads_), keys = Rows(width), values = Rows(width),
          contents = Rows(width)](const Var& a, const Moment& moment) mutable {
    const size_t D = a.shape().last(), H = heads_;
    keys.append(key_(a).value().data());
    values.append(value_(a).value().data());
    if (content_) contents.append((*content_)(a).value().data());

    Var query = query_(a);
    if (pointer_query_ && !moment.below.empty()) {
      const int32_t* below = moment.below.to + static_cast<size_t>(moment.n) * H;
      Array c({1, 1, H});
      for (size_t h = 0; h < H; ++h) c.data()[h] = encoded(moment.n, below[h]);
      const Array read_below = content_ ? read(contents, below, H, D) : c;
      query = gnomon::add(query, (*pointer_query_)(read_below));
    }
    const Menu::Offer offer = menu(a, moment);
    const Index types = menu_.slot_types(static_cast<size_t>(moment.n) + 1);
    const Var of_type = reshape(types_(a), {1, 1, H, menu_.types().size()});
    const Var bias = gnomon::add(select_columns(of_type, types), offer.logits);
    const Array logits = scored(query.value(), keys, offer.scored, bias.value(),
                                1 / std::sqrt(static_cast<real>(D / H)));
    Choice choice = choose(logits, offer, types);
    const Var z = read(values, choice.pointers.to.data(), H, D);
    return Mixed{gated(a, z), std::move(choice.pointers)};
  };
}

}  // namespace gnomon
