#include "nn/pointer/pointer_block.hpp"

#include <cmath>

#include "core/argmax.hpp"
#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/pointer/recall.hpp"
#include "nn/pointer/selection.hpp"

namespace gnomon {
namespace {

/// Reads one row per token and head: v[b, to[b,n,h], h, :]; zeros where to is -1.
Var read(const Var& v, const Index& to) {
  const auto [B, N, H] = dims<3>(to, "pointer: to [B,N,H]");
  return gathered_sum(ones({B, N, H, 1}), v,
                      Targets(to.reshaped({B, N, H, 1}), B, N, "pointer: to [B,N,H]"));
}

/// to[b,n,h] = candidates[b,n,g,chosen]
Index positions(const Index& candidates, const Index& chosen) {
  const size_t K = candidates.shape().last();
  const size_t share = chosen.size() / candidates.shape().rows();  // heads that share a row
  Index to(chosen.shape());
  for (size_t r = 0; r < chosen.size(); ++r) {
    const int32_t k = chosen.data()[r];
    to.data()[r] = k < 0 ? -1 : candidates.data()[r / share * K + static_cast<size_t>(k)];
  }
  return to;
}

/// What a reader of the pointers wants to know beside where they point.
Pointers described(const Index& to, const Index& slot, const Array& logits, const Index& candidates,
                   const Index& types) {
  const size_t K = logits.shape().last(), share = to.size() / candidates.shape().rows();
  constexpr real kInfinity = std::numeric_limits<real>::infinity();
  Pointers p{to, Index(to.shape()), Array(to.shape()), Array(to.shape())};
  for (size_t r = 0; r < to.size(); ++r) {
    const int32_t won = slot.data()[r];
    p.type.data()[r] = won < 0 ? -1 : types.data()[won];
    real second = -kInfinity;
    for (size_t k = 0; k < K; ++k)
      if (candidates.data()[r / share * K + k] >= 0 && static_cast<int32_t>(k) != won)
        second = std::max(second, logits.row(r)[k]);
    p.score.data()[r] = won < 0 ? -kInfinity : logits.row(r)[won];
    p.margin.data()[r] = won < 0 ? 0 : p.score.data()[r] - second;
  }
  return p;
}

size_t encoded_width(const std::string& mode, const MixerPlace& place) {
  return mode == "content" ? place.width : place.heads;
}

const Registration<MixerKind> kPointer{
    "pointer", "every head of every token picks one of K candidates and reads it through a gate",
    [] { return std::make_unique<PointerKind>(PointerConfig{}); }};

}  // namespace

void PointerConfig::declare(Fields& f) {
  f.text(
      "sources", sources,
      "candidate sources: one menu, or one for each layer separated by '/' (see: gnomon variants)");
  f.choice("selection", selection, selection_modes(), "how pointers select in training");
  f.choice("encode", encode, {"none", "index", "hop", "content"},
           "how the pointer of the layer below enters the query");
}

std::unique_ptr<Mixer> PointerKind::make(const MixerPlace& place) const {
  return std::make_unique<PointerBlock>(config_, place);
}

PointerBlock::PointerBlock(const PointerConfig& config, const MixerPlace& place)
    : selection_(config.selection),
      encode_(place.layer == 0 ? "none" : config.encode),
      heads_(place.heads),
      menu_(add<Menu>("menu", config.sources, place)),
      query_(add<Linear>("query", place.width, place.width, false)),
      key_(add<Linear>("key", place.width, place.width, false)),
      value_(add<Linear>("value", place.width, place.width, false)),
      types_(add<Linear>("types", place.width, place.heads * menu_.types().size(), true, 0.0)),
      gate_weight_(param("gate.weight", {place.width, place.width},
                         init::uniform(1 / std::sqrt(static_cast<double>(place.width))))),
      // 1: the gate starts three quarters open, so that what is read counts from the first step.
      gate_bias_(param("gate.bias", {place.width}, init::constant(1))),
      gate_read_(add<Linear>("gate_read", place.width, place.width, false)),
      output_(add<Linear>("output", place.width, place.width, false)) {
  if (place.position == "rope" || place.position == "alibi")
    fail(Exit::usage, "--position: expected none or learned for pointer layers, got {}",
         place.position);
  if (encode_ == "content") content_ = &add<Linear>("content", place.width, place.width, false);
  if (encode_ != "none")
    pointer_query_ =
        &add<Linear>("pointer_query", encoded_width(encode_, place), place.width, false);
}

Var PointerBlock::encode(const Var& a, const Pointers& below) const {
  const auto [B, N, H] = dims<3>(below.to, "pointer: pointers below [B,N,H]");
  if (encode_ == "content") return read((*content_)(a), below.to);
  Array c({B, N, H});
  for (size_t e = 0; e < c.size(); ++e) {
    const int64_t to = below.to.data()[e], n = static_cast<int64_t>(e / H % N);
    const double index = static_cast<double>(to) / static_cast<double>(N);
    const double hop = std::log2(1.0 + static_cast<double>(n - to)) / 8;
    c.data()[e] = to < 0 ? real{-1} : static_cast<real>(encode_ == "index" ? index : hop);
  }
  return c;
}

Mixed PointerBlock::operator()(const Var& a, const Pointers& below, Pass& pass) const {
  const auto [B, N, D] = dims<3>(a.value(), "pointer: a [B,N,D]");
  const size_t H = heads_;
  const real scale = 1 / std::sqrt(static_cast<real>(D / H));
  const std::string mode = pass.training ? selection_ : pass.selection.value_or("hard");

  Var query = query_(a);
  if (pointer_query_ && !below.empty())
    query = gnomon::add(query, (*pointer_query_)(encode(a, below)));
  const Var key = key_(a), value = value_(a);
  const Var of_type = reshape(types_(a), {B, N, H, menu_.types().size()});
  const Index types = menu_.slot_types(N);
  Var bias = select_columns(of_type, types);
  if (mode == "gumbel") bias = gumbel(bias, pass.noise);

  Menu::Offer offer = menu_.offer({a, below, pass, H});
  if (!offer.logits.value().empty()) bias = gnomon::add(bias, offer.logits);
  Array dots;
  if (menu_.scans()) {
    dots = gathered_dot_scores(query.value(), key.value(), offer.scored, H, scale);
    const Scores scores{query.value(), key.value(), scale, bias.value(), dots};
    menu_.scan({a, below, pass, H, &scores}, offer);
  }
  const Index& candidates = offer.to;
  const Targets targets(candidates, B, N, "pointer: candidates [B,N,G,K]");
  const bool all_scored = offer.scored.data() == candidates.data();
  const Targets scored =
      all_scored ? targets : Targets(offer.scored, B, N, "pointer: candidates [B,N,G,K]");
  const Var logits = gnomon::add(gathered_dot(query, key, scored, H, scale, dots), bias);
  const Index slot = argmax(logits.value(), candidates);
  const Index to = positions(candidates, slot);
  if (pass.watch) pass.watch({query.value(), key.value(), candidates, to});

  const bool hard = !pass.training && mode == "hard";
  const Var z = hard ? read(value, to)
                     : gathered_sum(select(mode, logits, candidates, slot,
                                           static_cast<real>(pass.temperature)),
                                    value, targets);
  const Var gate = sigmoid(gnomon::add(affine(a, gate_weight_, gate_bias_), gate_read_(z)));
  return {mul(gate, output_(z)), described(to, slot, logits.value(), candidates, types)};
}

}  // namespace gnomon
