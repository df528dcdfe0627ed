#include "nn/pointer/menu.hpp"

#include <algorithm>
#include <numeric>

#include "core/ops/concat.hpp"

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
    fail(Exit::usage, "--sources: {}: {}", written, e.what());
  }
  return source;
}

}  // namespace

Menu::Menu(const std::string& sources, const MixerPlace& place) {
  const std::vector<std::string> menus = split(sources, '/');
  if (menus.size() != 1 && menus.size() != place.layers)
    fail(Exit::usage, "--sources: expected one menu for all layers or {} menus, got {} in '{}'",
         place.layers, menus.size(), sources);
  std::vector<std::pair<std::string, std::unique_ptr<CandidateSource>>> chosen;
  std::vector<std::string> seen;
  bool begins = false;  // does any source offer something without pointers below?
  for (const std::string& written : split(menus[menus.size() == 1 ? 0 : place.layer], ',')) {
    const std::string name = written.substr(0, written.find(':'));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      fail(Exit::usage, "--sources: expected each source once in a menu, got '{}' twice", name);
    seen.push_back(name);
    auto source = make_source(written);
    begins |= !source->needs_pointers();
    if (place.pointers_below() || !source->needs_pointers())
      chosen.emplace_back(name, std::move(source));
  }
  if (chosen.empty() || (place.layer == 0 && !begins))
    fail(Exit::usage,
         "--sources: expected at least one source in layer {} that needs no pointers below, "
         "got '{}'",
         place.layer, sources);
  std::stable_partition(chosen.begin(), chosen.end(),
                        [](const auto& s) { return !s.second->scans(); });
  if (chosen.size() > 1 && chosen[chosen.size() - 2].second->scans())
    fail(Exit::usage,
         "--sources: expected at most one source that chains within the layer, got '{}' and '{}'",
         chosen[chosen.size() - 2].first, chosen.back().first);
  for (auto& [name, source] : chosen) {
    source->build(place);
    for (const std::string& type : source->types()) types_.push_back(type);
    sources_.push_back(source.get());
    adopt(name, std::move(source));
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

Menu::Offer Menu::offer(const Scene& scene) const {
  const auto [B, N] = dims<2>(scene.pass.tokens, "pointer: tokens [B,N]");
  const size_t H = scene.heads;
  std::vector<size_t> slots;
  bool per_head = false, unscored = false;
  for (const CandidateSource* s : sources_) {
    slots.push_back(s->slot_types(N).size());
    per_head |= s->per_head();
    unscored |= s->scores_itself();
  }
  const size_t K = std::accumulate(slots.begin(), slots.end(), size_t{0}), G = per_head ? H : 1;
  Offer offer{Index({B, N, G, K}, -1), {}, {}};
  std::vector<Var> logits;
  bool any = false;
  size_t first = 0;
  for (size_t s = 0; s < sources_.size(); first += slots[s++]) {
    const bool possible = !sources_[s]->needs_pointers() || !scene.below.empty();
    Var own;
    if (possible && !sources_[s]->scans())
      own = sources_[s]->offer(scene, Columns{offer.to, first, slots[s]});
    any |= !own.value().empty();
    logits.push_back(own.value().empty() ? Var(zeros({B, N, H, slots[s]})) : own);
  }
  if (any) offer.logits = concat(logits, 3);
  offer.scored = offer.to;
  if (unscored) {
    offer.scored = offer.to.clone();
    first = 0;
    for (size_t s = 0; s < sources_.size(); first += slots[s++])
      if (sources_[s]->scores_itself())
        Columns{offer.scored, first, slots[s]}.fill([](auto...) { return -1; });
  }
  return offer;
}

void Menu::scan(const Scene& scene, Offer& offer) const {
  const size_t slots = sources_.back()->slot_types(offer.to.shape()[1]).size();
  const Columns columns{offer.to, offer.to.shape()[3] - slots, slots};
  sources_.back()->offer(scene, columns);
  if (offer.scored.data() == offer.to.data() || sources_.back()->scores_itself()) return;
  const size_t K = offer.to.shape()[3];
  for (size_t row = 0; row < offer.to.shape().rows(); ++row)
    std::copy_n(offer.to.row(row) + K - slots, slots, offer.scored.row(row) + K - slots);
}

}  // namespace gnomon
