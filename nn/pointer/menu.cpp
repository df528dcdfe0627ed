#include "nn/pointer/menu.hpp"

#include <algorithm>
#include <numeric>

#include "core/ops/add.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/mul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/slice.hpp"
#include "core/ops/stop_gradient.hpp"
#include "core/ops/sum_last.hpp"

namespace gnomon {
namespace {

std::unique_ptr<CandidateSource> make_source(const std::string& written) {
  const auto colon = written.find(':');
  const std::string name = written.substr(0, colon);
  auto source = make_registered<CandidateSource>(name, "candidate source");
  if (colon == written.npos) return source;
  try {
    source->set(parse_integer(written.substr(colon + 1), 0, 1 << 20, "number"));
  } catch (const Error& e) {
    fail_option("sources", "{}: {}", written, e.what());
  }
  return source;
}

/// What a layer's text asks for: each source as it is written, in order, and which heads get it.
struct Wish {
  std::string name, written;
  std::vector<bool> heads;
};

std::vector<Wish> wishes(const std::string& layer, size_t heads) {
  const std::vector<std::string> menus = split(layer, '|');
  if (menus.size() > 1 && menus.size() != heads)
    fail_option("sources", "expected one menu for all heads or {} menus, got {} in '{}'", heads,
                menus.size(), layer);
  std::vector<Wish> all;
  for (size_t m = 0; m < menus.size(); ++m)
    for (const std::string& written : split(menus[m], ',')) {
      const std::string name = written.substr(0, written.find(':'));
      auto wish =
          std::find_if(all.begin(), all.end(), [&](const Wish& w) { return w.name == name; });
      if (wish == all.end())
        wish = all.insert(all.end(), {name, written, std::vector<bool>(heads, menus.size() == 1)});
      else if (wish->heads[m])
        fail_option("sources", "expected each source once in a menu, got '{}' twice", name);
      if (wish->written != written)
        fail_option("sources",
                    "expected the same number for all heads of a layer, got '{}' and '{}'",
                    wish->written, written);
      wish->heads[m] = true;
    }
  return all;
}

/// The logit that a candidate has on average: scale q_i . sum_j at[i,j] k_j.   -> [B,N,1]
Var expected_logit(const Var& at, size_t h, size_t H, const Selector& selector) {
  const auto [B, N, unused] = dims<3>(at.value(), "pointer: distribution [B,N,N]");
  const size_t C = selector.key.shape().last() / H;
  const Var met = matmul(at, slice(selector.key, 2, h * C, (h + 1) * C));
  const Var score = sum_last(mul(slice(selector.query, 2, h * C, (h + 1) * C), met));
  return reshape(scale(score, selector.scale), {B, N, 1});
}

}  // namespace

Menu::Menu(const std::string& sources, const MixerPlace& place) {
  const std::vector<std::string> menus = split(sources, '/');
  if (menus.size() != 1 && menus.size() != place.layers)
    fail_option("sources", "expected one menu for all layers or {} menus, got {} in '{}'",
                place.layers, menus.size(), sources);
  std::vector<std::pair<Wish, std::unique_ptr<CandidateSource>>> chosen;
  bool begins = false;  // does any source offer something without pointers below?
  for (const Wish& wish : wishes(menus[menus.size() == 1 ? 0 : place.layer], place.heads)) {
    auto source = make_source(wish.written);
    begins |= !source->needs_pointers();
    if (place.pointers_below() || !source->needs_pointers())
      chosen.emplace_back(wish, std::move(source));
  }
  if (chosen.empty() || (place.layer == 0 && !begins))
    fail_option("sources",
                "expected at least one source in layer {} that needs no pointers below, "
                "got '{}'",
                place.layer, sources);
  std::stable_partition(chosen.begin(), chosen.end(),
                        [](const auto& s) { return !s.second->scans(); });
  if (chosen.size() > 1 && chosen[chosen.size() - 2].second->scans())
    fail_option("sources",
                "expected at most one source that chains within the layer, got '{}' and '{}'",
                chosen[chosen.size() - 2].first.name, chosen.back().first.name);
  for (auto& [wish, source] : chosen) {
    source->build(place);
    for (const std::string& type : source->types()) types_.push_back(type);
    std::vector<bool> withheld = wish.heads;
    withheld.flip();
    const bool any = std::find(withheld.begin(), withheld.end(), true) != withheld.end();
    withheld_.push_back(any ? withheld : std::vector<bool>{});
    sources_.push_back(source.get());
    adopt(wish.name, std::move(source));
  }
}

Index Menu::slot_types(size_t N) const {
  std::vector<int32_t> types;
  size_t first = 0;
  for (const CandidateSource* s : sources_) {
    for (const size_t type : s->slot_types(N)) types.push_back(static_cast<int32_t>(first + type));
    first += s->types().size();
  }
  return Index({types.size()}, types);
}

std::vector<size_t> Menu::slots(size_t N) const {
  std::vector<size_t> each;
  for (const CandidateSource* s : sources_) each.push_back(s->slot_types(N).size());
  return each;
}

bool Menu::per_head() const {
  for (size_t s = 0; s < sources_.size(); ++s)
    if (sources_[s]->per_head() || !withheld_[s].empty()) return true;
  return false;
}

void Menu::withhold(size_t source, const Columns& columns) const {
  if (withheld_[source].empty()) return;
  const auto [B, N, H, K] = dims<4>(columns.to, "pointer: candidates [B,N,H,K]");
  for (size_t row = 0; row < B * N; ++row)
    for (size_t h = 0; h < H; ++h)
      if (!offered(source, h))
        std::fill_n(columns.to.row(row * H + h) + columns.first, columns.slots, -1);
}

/// Fills offer.spread with the candidates of a source that needs pointers, and returns their logits
/// [B,N,H,slots].
Var Menu::spread(size_t source, const Scene& scene, const Selector& selector, size_t first,
                 size_t slots, Offer& offer) const {
  const auto [B, N] = dims<2>(scene.pass.tokens, "pointer: tokens [B,N]");
  const size_t H = scene.heads;
  std::vector<Var> logits;
  for (size_t h = 0; h < H; ++h)
    for (size_t k = 0; k < slots; ++k) {
      if (!offered(source, h)) {
        logits.push_back(zeros({B, N, 1}));
        continue;
      }
      const Var at = sources_[source]->distribution(scene.below.distribution, h, k);
      offer.spread.push_back({h, first + k, at});
      logits.push_back(expected_logit(at, h, H, selector));
    }
  return reshape(concat(logits, 2), {B, N, H, slots});
}

Menu::Offer Menu::offer(const Scene& scene, const Selector* selector) const {
  const auto [B, N] = dims<2>(scene.pass.tokens, "pointer: tokens [B,N]");
  const size_t H = scene.heads;
  const std::vector<size_t> slots = this->slots(N);
  const size_t K = std::accumulate(slots.begin(), slots.end(), size_t{0}), G = per_head() ? H : 1;
  Offer offer;
  offer.to = Index({B, N, G, K}, -1);
  std::vector<Var> logits;
  bool any = false;
  size_t first = 0;
  for (size_t s = 0; s < sources_.size(); first += slots[s++]) {
    const CandidateSource& source = *sources_[s];
    const bool possible = !source.needs_pointers() || !scene.below.empty();
    const Columns columns{offer.to, first, slots[s]};
    Var own;
    if (possible && !source.scans()) own = source.offer(scene, columns);
    if (possible && selector && source.needs_pointers())
      own = spread(s, scene, *selector, first, slots[s], offer);
    withhold(s, columns);
    any |= !own.value().empty();
    logits.push_back(own.value().empty() ? Var(zeros({B, N, H, slots[s]})) : own);
  }
  if (any) offer.logits = concat(logits, 3);
  blank(offer, slots, selector != nullptr);
  return offer;
}

void Menu::blank(Offer& offer, const std::vector<size_t>& slots, bool spread) const {
  offer.scored = offer.read = offer.to;  // shared where nothing is blank
  size_t first = 0;
  for (size_t s = 0; s < sources_.size(); first += slots[s++]) {
    const auto without = [&](Index& some) {
      if (some.data() == offer.to.data()) some = offer.to.clone();
      Columns{some, first, slots[s]}.fill([](auto...) { return -1; });
    };
    const CandidateSource& source = *sources_[s];
    if (source.scores_itself() || (spread && source.needs_pointers())) without(offer.scored);
    if (source.reads_nothing()) without(offer.read);
  }
}

void Menu::scan(const Scene& scene, Offer& offer) const {
  const size_t slots = sources_.back()->slot_types(offer.to.shape()[1]).size();
  const Columns columns{offer.to, offer.to.shape()[3] - slots, slots};
  sources_.back()->offer(scene, columns);
  // A head's walk concerns no other head: what it may not use is taken away afterwards.
  withhold(sources_.size() - 1, columns);
  const size_t K = offer.to.shape()[3];
  for (Index* other : {&offer.scored, &offer.read}) {
    const bool blank = other == &offer.scored && sources_.back()->scores_itself();
    if (blank || other->data() == offer.to.data()) continue;
    for (size_t row = 0; row < offer.to.shape().rows(); ++row)
      std::copy_n(offer.to.row(row) + K - slots, slots, other->row(row) + K - slots);
  }
}

Var Menu::credit(const Scene& scene, const Offer& offer) const {
  const auto [B, N, G, K] = dims<4>(offer.to, "pointer: candidates [B,N,G,K]");
  const size_t H = scene.heads;
  constexpr size_t kStops = std::tuple_size_v<CandidateSource::Stops>;
  Index stops({B, N * H * K * kStops}, -1);
  const std::vector<size_t> slots = this->slots(N);
  size_t first = 0;
  for (size_t s = 0; s < sources_.size(); first += slots[s++])
    if (sources_[s]->needs_pointers())
      parallel_for(B * N, 64, [&, N = N, G = G, K = K](size_t begin, size_t end) {
        for (size_t row = begin; row < end; ++row)
          for (size_t h = 0; h < H; ++h)
            for (size_t k = 0; k < slots[s]; ++k) {
              if (offer.to.data()[(row * G + (G == 1 ? 0 : h)) * K + first + k] < 0) continue;
              int32_t* to = stops.data() + ((row * H + h) * K + first + k) * kStops;
              for (const Stop& stop : sources_[s]->stops(
                       scene, row / N, static_cast<int64_t>(row % N), h, static_cast<int64_t>(k)))
                *to++ =
                    stop.n < 0 ? -1 : static_cast<int32_t>(stop.n * int64_t(H) + int64_t(stop.h));
            }
      });
  const Var earlier = gather_rows(reshape(scene.below.log_probability, {B, N * H, 1}), stops);
  const Var sum = reshape(sum_last(reshape(earlier, {B, N, H, K, kStops})), {B, N, H, K});
  return gnomon::add(sum, scale(stop_gradient(sum), -1));
}

}  // namespace gnomon
