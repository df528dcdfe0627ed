#include "nn/pointer/menu.hpp"

#include <algorithm>

#include "core/ops/concat.hpp"

namespace gnomon {
namespace {

/// A source as the text of a layer has it, and which heads get it.
struct Written {
  std::string name, text;
  std::vector<bool> heads;
};

std::vector<Written> as_written(const std::string& layer, size_t heads) {
  std::vector<std::string> menus = split(layer, '|');
  if (menus.size() > heads)
    fail_option("sources",
                "expected at most a menu for each head, {}, got {} in '{}'; give more "
                "--heads, or fewer menus",
                heads, menus.size(), layer);
  if (menus.empty()) menus.emplace_back();
  menus.insert(menus.begin(), heads - menus.size(), std::string(menus.at(0)));
  std::vector<Written> all;
  for (size_t m = 0; m < menus.size(); ++m)
    for (const std::string& text : split(menus[m], ',')) {
      const std::string name = text.substr(0, text.find(':'));
      auto found =
          std::find_if(all.begin(), all.end(), [&](const Written& w) { return w.name == name; });
      if (found == all.end())
        found = all.insert(all.end(), {name, text, std::vector<bool>(heads, false)});
      else if (found->heads[m])
        fail_option("sources", "expected each source once in a menu, got '{}' twice", name);
      if (found->text != text)
        fail_option("sources",
                    "expected the same number for all heads of a layer, got '{}' and '{}'",
                    found->text, text);
      found->heads[m] = true;
    }
  return all;
}

std::unique_ptr<CandidateSource> make_source(const Written& written) {
  auto source = make_registered<CandidateSource>(written.name, "candidate source");
  const auto colon = written.text.find(':');
  if (colon == written.text.npos) return source;
  try {
    source->set(parse_integer(written.text.substr(colon + 1), 0, 1 << 20, "number"));
  } catch (const Error& e) {
    fail_option("sources", "{}: {}", written.text, e.what());
  }
  return source;
}

}  // namespace

Menu::Menu(const std::string& sources, const MixerPlace& place) {
  const std::vector<std::string> menus = split(sources, '/');
  if (menus.size() != 1 && menus.size() != place.layers)
    fail_option("sources", "expected one menu for all layers or {} menus, got {} in '{}'",
                place.layers, menus.size(), sources);
  struct Chosen {
    Written written;
    std::unique_ptr<CandidateSource> source;
    bool chains, needs_previous;
  };
  std::vector<Chosen> chosen;
  for (const Written& w : as_written(menus[menus.size() == 1 ? 0 : place.layer], place.heads)) {
    auto source = make_source(w);
    const SourceForm form = source->form();
    chosen.push_back(
        {w, std::move(source), form.meaning == SourceForm::Meaning::chain, form.needs_previous});
  }
  const bool begins = std::ranges::any_of(chosen, [](auto& c) { return !c.needs_previous; });
  if (!place.pointers_below()) std::erase_if(chosen, [](auto& c) { return c.needs_previous; });
  if (chosen.empty() || (place.layer == 0 && !begins))
    fail_option("sources",
                "expected at least one source in layer {} that needs no pointers below, got '{}'",
                place.layer, sources);
  std::stable_partition(chosen.begin(), chosen.end(), [](auto& c) { return !c.chains; });
  if (chosen.size() > 1 && chosen[chosen.size() - 2].chains)
    fail_option("sources",
                "expected at most one source that chains within the layer, got '{}' and '{}'",
                chosen[chosen.size() - 2].written.name, chosen.back().written.name);
  for (auto& [written, source, chains, needs_previous] : chosen) {
    std::vector<size_t> heads;
    for (size_t h = 0; h < place.heads; ++h)
      if (written.heads[h]) heads.push_back(h);
    source->build(place, heads);
    MenuEntry entry{written.name, source.get(), source->form(), written.heads, {}};
    if (!entry.form.grows) entry.of_slot = source->slot_types(0);
    if (std::ranges::find(entry.heads, false) == entry.heads.end()) entry.heads.clear();
    types_.insert(types_.end(), entry.form.types.begin(), entry.form.types.end());
    per_head_ |= entry.form.per_head || !entry.heads.empty();
    entries_.push_back(std::move(entry));
    adopt(written.name, std::move(source));
  }
}

Index Menu::slot_types(size_t M) const {
  std::vector<int32_t> types;
  size_t first = 0;
  for (const MenuEntry& e : entries_) {
    for (const size_t type : e.slot_types(M)) types.push_back(static_cast<int32_t>(first + type));
    first += e.form.types.size();
  }
  return Index({types.size()}, types);
}

Children Menu::state(size_t sequences) const {
  Children states;
  for (const MenuEntry& e : entries_) states.push_back(e.source->state(sequences));
  return states;
}

CandidateSet Menu::offer(const SourceInput& input, Children* states) const {
  const size_t B = input.sequences(), N = input.tokens(), H = input.heads, G = per_head_ ? H : 1;
  const size_t M = input.context.first + N;
  CandidateSet set;
  set.types = slot_types(M);
  const auto is_off = [&](const MenuEntry& entry) {
    return input.context.off.sources.contains({input.context.layer, entry.name});
  };
  if (entries_.back().form.meaning == SourceForm::Meaning::chain && !is_off(entries_.back()))
    set.chain = &entries_.back();
  const size_t K = set.types.size();

  std::vector<Offer> offers;
  std::vector<size_t> slots;
  std::vector<Var> logits;
  bool any_logits = false, all_scored = true, all_read = true;
  for (size_t s = 0; s < entries_.size(); ++s) {
    const auto& [name, source, form, heads, of_slot] = entries_[s];
    slots.push_back(form.grows ? source->slot_types(M).size() : of_slot.size());
    SourceInput own = input;
    own.slots = slots.back(), own.of = &heads;
    const bool possible = (!form.needs_previous || !input.previous.empty()) && !is_off(entries_[s]);
    offers.push_back(possible ? source->offer(own, states ? (*states)[s].get() : nullptr)
                              : Offer{});
    const bool has = !offers.back().logits.value().empty();
    logits.push_back(has ? offers.back().logits : Var(zeros({B, N, H, slots.back()})));
    any_logits |= has;
    all_scored &= form.scored == SourceForm::Scored::by_key;
    all_read &= form.meaning != SourceForm::Meaning::nothing;
  }
  if (any_logits) set.logits = concat(logits, 3);

  Index &to = set.index.to, &scored = set.index.scored, &read = set.index.read;
  to = Index({B, N, G, K}, -1);
  scored = all_scored ? to : Index(to.shape());
  read = all_read ? to : Index(to.shape());
  parallel_for(B * N, simd::row_grain(G * K), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row)
      for (size_t g = 0; g < G; ++g) {
        int32_t* const of_head = to.row(row * G + g);
        size_t first = 0;
        for (size_t s = 0; s < entries_.size(); first += slots[s++])
          if (offers[s].place && entries_[s].offered(g))
            offers[s].place(row / N, static_cast<int64_t>(input.context.first + row % N), g,
                            of_head + first);
        // What is not scored by key, or not read, is blank there.
        if (!all_scored) std::copy_n(of_head, K, scored.row(row * G + g));
        if (!all_read) std::copy_n(of_head, K, read.row(row * G + g));
        first = 0;
        for (size_t s = 0; s < entries_.size(); first += slots[s++]) {
          if (entries_[s].form.scored == SourceForm::Scored::by_itself)
            std::fill_n(scored.row(row * G + g) + first, slots[s], -1);
          if (entries_[s].form.meaning == SourceForm::Meaning::nothing)
            std::fill_n(read.row(row * G + g) + first, slots[s], -1);
        }
      }
  });
  return set;
}

}  // namespace gnomon
