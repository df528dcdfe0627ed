#include "nn/pointer/pointer_block.hpp"

#include <cmath>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/gate.hpp"
#include "core/ops/gathered_attention.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/log.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/scatter_weights.hpp"
#include "core/ops/select_columns.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/softmax.hpp"
#include "core/ops/sum_last.hpp"
#include "nn/pointer/choice.hpp"
#include "nn/pointer/pointing.hpp"
#include "nn/pointer/selection.hpp"

namespace gnomon {
namespace {

/// Reads one row per token and head: v[b, to[b,n,h], h, :]; zeros where to is -1.
Var read(const Var& v, const Index& to) {
  const auto [B, N, H] = dims<3>(to, "pointer: to [B,N,H]");
  return gathered_sum(ones({B, N, H, 1}), v,
                      Targets(to.reshaped({B, N, H, 1}), B, N, "pointer: to [B,N,H]"));
}

/// log softmax(logits)[slot], at temperature 1 whatever the schedule says.   -> [B,N,H]
Var log_probability(const Var& logits, const Index& candidates, const Index& slot) {
  constexpr real kTiny = real(1e-9);  // a chosen candidate is never this improbable
  const Var p = softmax(logits, candidates);
  Array chosen = zeros_like(p.value());
  for (size_t r = 0; r < slot.size(); ++r)
    if (const int32_t k = slot.data()[r]; k >= 0) chosen.row(r)[k] = 1;
  const Var of_chosen = sum_last(mul(p, chosen));
  return log(gnomon::add(of_chosen, Array(of_chosen.shape(), kTiny)));
}

/// Is slot k of type k throughout, as in most menus? Then nothing has to be picked.
bool one_slot_each(const Index& types, const Var& of_type) {
  if (types.size() != of_type.shape().last()) return false;
  for (size_t k = 0; k < types.size(); ++k)
    if (types.data()[k] != static_cast<int32_t>(k)) return false;
  return true;
}

constexpr size_t kLongestSpread = 2048;  // tokens, where distributions are handed on

/// Where head h points, as far as weights and distributions below tell: [B,N,N].
Var distribution(const Var& weight, const Menu::Offer& offer, size_t h) {
  const auto [B, N, G, K] = dims<4>(offer.to, "pointer: candidates [B,N,G,K]");
  const Var of_head = reshape(slice(weight, 2, h, h + 1), {B, N, K});
  Index fixed({B, N, K});  // without the slots that are spread out themselves
  for (size_t row = 0; row < B * N; ++row) {
    std::copy_n(offer.read.row(row * G + (G == 1 ? 0 : h)), K, fixed.row(row));
    for (const auto& spread : offer.spread)
      if (spread.h == h) fixed.row(row)[spread.k] = -1;
  }
  Var sum = scatter_weights(of_head, fixed);
  for (const auto& spread : offer.spread)
    if (spread.h == h)
      sum = gnomon::add(
          sum, scale_rows(spread.at, reshape(slice(of_head, 2, spread.k, spread.k + 1), {B, N})));
  return sum;
}

/// What the heads read, each weighted by its distribution over all positions: [B,N,H C].
Var read(const Var& v, const std::vector<Var>& distribution) {
  const size_t H = distribution.size(), C = v.shape().last() / H;
  std::vector<Var> heads;
  for (size_t h = 0; h < H; ++h)
    heads.push_back(matmul(distribution[h], slice(v, 2, h * C, (h + 1) * C)));
  return concat(heads, 2);
}

size_t encoded_width(const std::string& mode, const MixerPlace& place) {
  return mode == "content" ? place.width : place.heads;
}

const Registration<MixerKind> kPointerMixer{
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
  f.choice(
      "hand-on", hand_on, {"position", "distribution"},
      "what the next layer is told in training; distribution: quadratic, short sequences only");
  f.flag("credit", credit, "earlier pointers learn from the candidates that rest on them");
}

std::unique_ptr<Mixer> PointerKind::make(const MixerPlace& place) const {
  return std::make_unique<PointerBlock>(config_, place);
}

PointerBlock::PointerBlock(const PointerConfig& config, const MixerPlace& place)
    : selection_(config.selection),
      encode_(place.pointers_below() ? config.encode : "none"),
      hand_on_(config.hand_on),
      credit_(config.credit),
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
    fail_option("position", "expected none or learned for pointer layers, got {}", place.position);
  if (encode_ == "content") content_ = &add<Linear>("content", place.width, place.width, false);
  if (encode_ != "none")
    pointer_query_ =
        &add<Linear>("pointer_query", encoded_width(encode_, place), place.width, false);
}

Var PointerBlock::encode(const Var& a, const Pointers& below) const {
  const auto [B, N, H] = dims<3>(below.to, "pointer: pointers below [B,N,H]");
  if (encode_ == "content") return read((*content_)(a), below.to);
  Array c({B, N, H});
  for (size_t e = 0; e < c.size(); ++e)
    c.data()[e] = encoded(static_cast<int64_t>(e / H % N), below.to.data()[e]);
  return c;
}

real PointerBlock::encoded(int64_t n, int64_t to) const {
  if (to < 0) return -1;
  const double index = static_cast<double>(to) / static_cast<double>(n + 1);
  const double hop = std::log2(1.0 + static_cast<double>(n - to)) / 8;
  return static_cast<real>(encode_ == "index" ? index : hop);
}

Var PointerBlock::gated(const Var& a, const Var& z) const {
  return gate(affine(a, gate_weight_, gate_bias_), gate_read_(z), output_(z));
}

Array PointerBlock::opening(const Var& a, const Var& z) const {
  return sigmoid(gnomon::add(affine(a, gate_weight_, gate_bias_), gate_read_(z))).value();
}

Mixed PointerBlock::operator()(const Var& a, const Pointers& below, Pass& pass) const {
  const auto [B, N, D] = dims<3>(a.value(), "pointer: a [B,N,D]");
  const size_t H = heads_;
  const real scale = 1 / std::sqrt(static_cast<real>(D / H));
  const std::string mode = pass.training ? selection_ : pass.selection.value_or("hard");

  Var query = query_(a);
  if (pointer_query_ && !below.empty())
    query = gnomon::add(query, (*pointer_query_)(encode(a, below)));
  Var key = key_(a), value = value_(a);
  const Var of_type = reshape(types_(a), {B, N, H, menu_.types().size()});
  const Index types = menu_.slot_types(N);
  Var bias = one_slot_each(types, of_type) ? of_type : select_columns(of_type, types);
  if (mode == "gumbel") bias = gumbel(bias, pass.noise);

  const bool spread = pass.training && hand_on_ == "distribution";
  if (spread && N > kLongestSpread)
    fail_option("hand-on",
                "distribution: expected at most {} tokens, since it takes N x N numbers for "
                "each head, got N = {}; train on shorter sequences",
                kLongestSpread, N);
  const Selector selector{query, key, scale};
  Menu::Offer offer = menu_.offer({a, below, pass, H}, spread ? &selector : nullptr);
  if (pass.training && credit_ && !below.empty())
    bias = gnomon::add(bias, menu_.credit({a, below, pass, H}, offer));
  if (!offer.logits.value().empty()) bias = gnomon::add(bias, offer.logits);
  Array dots = gathered_dot_scores(query.value(), key.value(), offer.scored, H, scale);
  if (menu_.scans()) {
    const Scores scores{query.value(), key.value(), scale, bias.value(), offer.read, dots};
    menu_.scan({a, below, pass, H, &scores}, offer);
  }
  profile_lap("candidates");
  const Array scored = simd::mapped([](auto s, auto b) { return s + b; }, dots, bias.value());
  auto [slot, pointers] = choose(scored, offer, types);
  profile_lap("choice");

  Var z;
  if (!pass.training && mode == "hard") {
    z = read(value, pointers.to);
  } else if (mode == "hard" || spread || (pass.training && credit_)) {
    // What only short sequences or comparisons need is composed of smaller ops.
    const Var logits = gnomon::add(
        gathered_dot(query, key, Targets(offer.scored, B, N, "pointer: scored [B,N,G,K]"), H, scale,
                     dots),
        bias);
    if (credit_) pointers.log_probability = log_probability(logits, offer.to, slot);
    const Var weight = select(mode, logits, offer.to, slot, static_cast<real>(pass.temperature));
    if (spread)
      for (size_t h = 0; h < H; ++h)
        pointers.distribution.push_back(distribution(weight, offer, h));
    z = spread ? read(value, pointers.distribution)
               : gathered_sum(weight, value, Targets(offer.read, B, N, "pointer: read [B,N,G,K]"));
  } else {
    z = gathered_attention(query, key, value, bias, {offer.to, offer.scored, offer.read}, scale,
                           static_cast<real>(pass.temperature), mode == "straight-through", scored);
  }
  if (pass.watch)
    pass.watch({query.value(), key.value(), offer.to, scored, pointers.to, opening(a, z)});
  // A million tokens are 1 GB each of these at width 256: not kept while the gate needs its own.
  if (!pass.training) query = key = value = Var();
  return {gated(a, z), std::move(pointers)};
}

}  // namespace gnomon
