#include "nn/pointer/pointer_block.hpp"

#include <cmath>

#include "core/ops/gathered_dot.hpp"
#include "core/ops/gathered_sum.hpp"
#include "core/ops/gumbel.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/select_columns.hpp"
#include "nn/mixers/switched_off.hpp"
#include "nn/pointer/distribution.hpp"
#include "nn/pointer/pointing.hpp"
#include "nn/pointer/selection.hpp"

namespace gnomon {
namespace {

/// Reads one row per token and head: v[b, to[b,n,h], h, :]; zeros where to is -1.
Var read(const Var& v, const Index& to) {
  const auto [B, N, H] = dims<3>(to, "pointer: to [B,N,H]");
  return gathered_sum(ones({B, N, H, 1}), v,
                      Targets(to.reshaped({B, N, H, 1}), B, v.shape()[1], "pointer: to [B,N,H]"));
}

/// Heads that are off point nowhere.
void silence(Index& slot, Pointers& pointers, const Context& context) {
  const size_t H = slot.shape().last();
  for (const auto& [layer, head] : context.off.heads)
    for (size_t r = head; layer == context.layer && head < H && r < slot.size(); r += H) {
      slot.data()[r] = pointers.to.data()[r] = pointers.type.data()[r] = -1;
      pointers.score.data()[r] = -std::numeric_limits<real>::infinity();
      pointers.margin.data()[r] = 0;
    }
}

/// Is slot k of type k throughout, as in most menus? Then nothing has to be picked.
bool one_slot_each(const Index& types, size_t count) {
  if (types.size() != count) return false;
  for (size_t k = 0; k < count; ++k)
    if (types.data()[k] != static_cast<int32_t>(k)) return false;
  return true;
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
}

std::unique_ptr<Mixer> PointerKind::make(const MixerPlace& place) const {
  return std::make_unique<PointerBlock>(config_, place);
}

/// Keys and values of all tokens, what the sources remember, and where the last token points.
struct PointerBlock::Remembered final : StateOf<Remembered> {
  Remembered(size_t sequences, size_t width, size_t heads, Children of_sources)
      : keys(sequences, width),
        values(sequences, width),
        contents(sequences, width),
        sources(std::move(of_sources)),
        latest(sequences, std::vector<int32_t>(heads, -1)) {}
  auto parts() { return std::tie(keys, values, contents, sources, latest); }
  void make_room(size_t tokens) override { keys.make_room(tokens), values.make_room(tokens); }
  Cache<real> keys, values, contents;
  Children sources;
  PerSequence<std::vector<int32_t>> latest;
};

PointerBlock::PointerBlock(const PointerConfig& config, const MixerPlace& place)
    : selection_(selection_of(config.selection)),
      encode_(place.pointers_below() ? config.encode : "none"),
      hand_on_distribution_(config.hand_on == "distribution"),
      heads_(place.heads),
      menu_(part<Menu>("menu", config.sources, place)),
      query_(part<Linear>("query", place.width, place.width, false)),
      key_(part<Linear>("key", place.width, place.width, false)),
      value_(part<Linear>("value", place.width, place.width, false)),
      types_(part<Linear>("types", place.width, place.heads * menu_.types().size(), true, 0.0)),
      gate_(part<ReadGate>("", place.width)) {
  if (encode_ == "content") content_ = &part<Linear>("content", place.width, place.width, false);
  if (encode_ != "none")
    pointer_query_ =
        &part<Linear>("pointer_query", content_ ? place.width : place.heads, place.width, false);
}

std::unique_ptr<State> PointerBlock::state(size_t sequences) const {
  return std::make_unique<Remembered>(sequences, gate_.width(), heads_, menu_.state(sequences));
}

std::vector<std::string> PointerBlock::candidate_sources() const {
  std::vector<std::string> names;
  for (const MenuEntry& entry : menu_.entries()) names.push_back(entry.name);
  return names;
}

Var PointerBlock::encoded(const Var& a, const PreviousPointers& previous, const Context& context,
                          Remembered* state) const {
  const auto [B, N, D] = dims<3>(a.value(), "pointer: a [B,N,D]");
  const Var content = !content_ ? Var()
                      : state   ? Var(state->contents.append((*content_)(a).value()))
                                : (*content_)(a);
  if (previous.empty()) return {};
  Index to({B, N, heads_});
  Array c({B, N, heads_});
  for (size_t e = 0; e < to.size(); ++e) {
    const auto n = static_cast<int64_t>(context.first + e / heads_ % N);
    const int32_t j = to.data()[e] = previous(e / heads_ / N, n, e % heads_);
    const double index = static_cast<double>(j) / static_cast<double>(n + 1);
    const double hop = std::log2(1.0 + static_cast<double>(n - j)) / 8;
    c.data()[e] = j < 0 ? real{-1} : static_cast<real>(encode_ == "index" ? index : hop);
  }
  return content_ ? read(content, to) : Var(c);
}

Var PointerBlock::type_logits(const Var& of_types, const Context& context) const {
  const auto [B, N, width] = dims<3>(of_types.value(), "pointer: types [B,N,H T]");
  const size_t T = menu_.types().size();
  const Var of_type = reshape(of_types, {B, N, heads_, T});
  const Index types = menu_.slot_types(context.first + N);
  return one_slot_each(types, T) ? of_type : select_columns(of_type, types);
}

Mixed PointerBlock::operator()(const Var& a, const PreviousPointers& previous, Context& context,
                               State* state) const {
  const auto [B, N, D] = dims<3>(a.value(), "pointer: a [B,N,D]");
  const real scale = 1 / std::sqrt(static_cast<real>(D / heads_)),
             tau = static_cast<real>(context.temperature);
  const Selection mode = context.training ? selection_ : context.selection;
  auto* const before = state_cast<Remembered>(state);

  std::vector<Var> of_a = affine_all(
      a, {query_.weight(), key_.weight(), value_.weight(), types_.weight(), gate_.weight()});
  Var query = std::move(of_a[0]), key = std::move(of_a[1]), value = std::move(of_a[2]);
  if (pointer_query_)
    if (const Var c = encoded(a, previous, context, before); !c.value().empty())
      query = add(query, (*pointer_query_)(c));
  if (before) key = before->keys.append(key.value()), value = before->values.append(value.value());

  Var bias = type_logits(of_a[3], context);
  const Array of_type = context.watch ? bias.value() : Array();
  if (mode == Selection::gumbel) bias = gumbel(bias, context.noise);
  CandidateSet candidates =
      menu_.offer({a, previous, context, heads_}, before ? &before->sources : nullptr);
  std::optional<Distributions> distributions;
  if (context.training && hand_on_distribution_)
    distributions.emplace(menu_, previous, query, key, scale, candidates);
  if (!candidates.logits.value().empty()) bias = add(bias, candidates.logits);
  Array logits = gathered_dot_scores(query.value(), key.value(), candidates.index.scored, heads_,
                                     scale, bias.value());
  profile_lap("candidates");
  auto [slot, pointers] = choose(
      logits, candidates, {query.value(), key.value(), scale, before ? &before->latest : nullptr});
  silence(slot, pointers, context);
  value = read_values(value, heads_, context);
  profile_lap("choice");

  Var z;
  if (distributions) {
    const Targets scored(candidates.index.scored, B, N, "pointer: scored [B,N,G,K]");
    const Var weight = weights(mode, add(gathered_dot(query, key, scored, heads_, scale), bias),
                               candidates.index.to, slot, tau);
    pointers.distribution = distributions->handed_on(weight, candidates);
    z = Distributions::read(value, pointers.distribution);
  } else if (mode == Selection::hard && !context.training) {
    z = read(value, pointers.to);
  } else {
    z = gathered_attention(query, key, value, bias, candidates.index, scale, tau,
                           decision(mode, slot), logits);
  }
  if (context.watch)
    context.watch({query.value(), key.value(), candidates.index.to, candidates.index.read, logits,
                   pointers.to, slot, candidates.types, [&] { return gate_.opening(of_a[4], z); },
                   [&]() -> LogitParts {
                     return {gathered_dot_scores(query.value(), key.value(),
                                                 candidates.index.scored, heads_, scale),
                             of_type, candidates.logits.value(), candidates.index.scored};
                   }});
  // A million tokens are 1 GB each of these at width 256: not kept while the gate needs its own.
  if (!context.training) query = key = value = Var();
  return {gate_(of_a[4], z), std::move(pointers)};
}

}  // namespace gnomon
