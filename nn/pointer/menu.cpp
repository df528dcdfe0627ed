#include "nn/pointer/menu.hpp"

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

Menu::Menu(const std::string& sources, size_t layer, size_t layers) {
  const std::vector<std::string> menus = split(sources, '/');
  if (menus.size() != 1 && menus.size() != layers)
    fail(Exit::usage, "--sources: expected one menu for all layers or {} menus, got {} in '{}'",
         layers, menus.size(), sources);
  std::vector<std::string> seen;
  for (const std::string& written : split(menus[menus.size() == 1 ? 0 : layer], ',')) {
    const std::string name = written.substr(0, written.find(':'));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      fail(Exit::usage, "--sources: expected each source once in a menu, got '{}' twice", name);
    seen.push_back(name);
    auto source = make_source(written);
    if (layer > 0 || !source->needs_pointers()) sources_.push_back(std::move(source));
  }
  if (sources_.empty())
    fail(Exit::usage,
         "--sources: expected at least one source in layer {} that needs no pointers below, "
         "got '{}'",
         layer, sources);
  std::stable_partition(sources_.begin(), sources_.end(),
                        [](const auto& s) { return !s->scans(); });
  for (const auto& s : sources_)
    for (const std::string& type : s->types()) types_.push_back(type);
}

Index Menu::slot_types(size_t N) const {
  std::vector<int32_t> types;
  int32_t first = 0;
  for (const auto& s : sources_) {
    const size_t kinds = s->types().size(), slots = s->slots(N);
    for (size_t k = 0; k < slots; ++k)
      types.push_back(first + (slots == kinds ? static_cast<int32_t>(k) : 0));
    first += static_cast<int32_t>(kinds);
  }
  return Index({types.size()}, types);
}

Index Menu::offer(const Scene& scene) const {
  const auto [B, N] = dims<2>(scene.tokens, "pointer: tokens [B,N]");
  size_t K = 0;
  bool per_head = false;
  for (const auto& s : sources_) K += s->slots(N), per_head |= s->per_head();
  Index to({B, N, per_head ? scene.heads : 1, K}, -1);
  size_t first = 0;
  for (const auto& s : sources_) {
    const size_t slots = s->slots(N);
    const bool possible = !s->needs_pointers() || !scene.below.empty();
    if (possible && !s->scans()) s->offer(scene, Columns{to, first, slots});
    first += slots;
  }
  return to;
}

void Menu::scan(const Scene& scene, Index& to) const {
  const size_t slots = sources_.back()->slots(to.shape()[1]);
  sources_.back()->offer(scene, Columns{to, to.shape()[3] - slots, slots});
}

}  // namespace gnomon
