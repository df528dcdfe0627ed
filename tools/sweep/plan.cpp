#include "tools/sweep/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "core/base/file.hpp"
#include "tools/training/digest.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestPlan = uint64_t{1} << 20;

template <class Lines>
auto find(Lines& lines, const std::string& name) {
  return std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.name == name; });
}

/// Lines over others: what both have is the later's.
template <class Lines>
Lines over(Lines below, const Lines& above) {
  for (const auto& line : above)
    if (const auto at = find(below, line.name); at != below.end())
      *at = line;
    else
      below.push_back(line);
  return below;
}

bool among(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<size_t> parse_seeds(const std::string& text, const std::string& what) {
  std::vector<size_t> seeds;
  for (const std::string& part : split(text, ',')) {
    seeds.push_back(parse_integer(part, 0, std::numeric_limits<size_t>::max(), what));
    if (std::count(seeds.begin(), seeds.end(), seeds.back()) > 1)
      fail_option(what, "seed {} stands twice", seeds.back());
  }
  return seeds;
}

}  // namespace

std::string spelled(const Pairs& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) text += (text.empty() ? "" : " ") + name + "=" + value;
  return text;
}

std::string folder_name(const std::string& text) {
  constexpr size_t kLongest = 48;
  std::string name;
  for (const char c : text)
    name += std::isalnum(static_cast<unsigned char>(c)) ||
                    std::string(".=,+:-").find(c) != std::string::npos
                ? c
                : '_';
  if (name.size() > kLongest) name.resize(kLongest);
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c != '_'; });
  std::string blanks = text;
  std::replace(blanks.begin(), blanks.end(), ' ', '_');
  return name == blanks && plain ? name : name + "-" + sha256(text).substr(0, 8);
}

std::vector<std::string> PlanLine::words(const Pairs& more) const {
  std::vector<std::string> all;
  if (!recipe.empty()) all = {"--config", recipe};
  const auto overridden = [&](const std::string& name) {
    return std::any_of(more.begin(), more.end(), [&](const auto& m) { return m.first == name; });
  };
  for (const auto& [name, value] : options)
    if (!overridden(name)) all.insert(all.end(), {"--" + name, value});
  for (const auto& [name, value] : more) all.insert(all.end(), {"--" + name, value});
  return all;
}

std::string PlanLine::name() const { return values.empty() ? row : row + " " + spelled(values); }

const std::vector<std::string>& Plan::own_words() {
  static const std::vector<std::string> words{"recipe", "label",    "note",
                                              "like",   "together", "seeds"};
  return words;
}

Plan::Plan(const std::string& file, const std::vector<std::string>& sets,
           const std::string& seeds_given)
    : path(file), name(fs::path(file).stem().string()), text(read_file(file, kLargestPlan)) {
  const std::vector<Section> all = sections();
  read_top(all[0], seeds_given);
  top_ = all[0].lines;
  Lines names, common, set;
  for (const std::string& given : sets) {
    const size_t at = given.find('=');
    if (at == given.npos || at == 0)
      fail_option("set", "expected option=value, got '{}'", shortened(given));
    set.push_back({std::string(trimmed(given.substr(0, at))),
                   std::string(trimmed(given.substr(at + 1))), kFromSet});
  }
  for (const Section& s : all)
    if (s.kind == "names") names = s.lines;
  for (const Section& s : all)
    if (s.kind == "all") common = s.lines;
  std::set<std::string> folders;
  for (const Section& s : all) {
    if (s.kind == "command") {
      const auto words = find(s.lines, "words"), result = find(s.lines, "result");
      if (words == s.lines.end() || result == s.lines.end() || s.lines.size() != 2)
        fail_at(s.number, "[command {}]: expected the lines words and result, and no others",
                s.name);
      commands.push_back({s.name, words->value, result->value, words->number});
    }
    if (s.kind != "row") continue;
    Lines own = s.lines;
    if (const auto like = find(own, "like"); like != own.end()) {
      const auto from = std::find_if(rows_.begin(), rows_.end(),
                                     [&](const auto& r) { return r.first == like->value; });
      if (from == rows_.end())
        fail_at(like->number, "like: expected the name of a row above, got '{}'", like->value);
      Lines taken = from->second;
      std::erase_if(taken, [](const Line& l) { return l.name == "label" || l.name == "note"; });
      own.erase(like);
      own = over(taken, own);
    }
    rows_.emplace_back(s.name, own);
    Lines lines = over(over(common, own), set);
    for (const Line& given : set)  // what is set is not chosen among candidates any more
      if (const auto tuned = find(lines, "tune." + given.name); tuned != lines.end())
        lines.erase(tuned);
    substitute(lines, names);
    if (!folders.insert(folder_name(s.name)).second)
      fail_at(s.number, "[row {}]: another row has the same name for a folder", s.name);
    expand(s, lines);
  }
  if (lines.empty() && commands.empty()) fail(Fault::option, "{}: expected a [row NAME]", path);
}

/// The sections in their order; the first has no name and holds the lines before the others.
std::vector<Plan::Section> Plan::sections() const {
  std::vector<Section> all{{"", "", 0, {}}};
  std::istringstream in(text);
  std::string raw;
  for (size_t number = 1; std::getline(in, raw); ++number) {
    const std::string line(trimmed(raw.substr(0, raw.find('#'))));
    if (line.empty()) continue;
    if (line.front() == '[') {
      if (line.back() != ']') fail_at(number, "expected a ']' at the end of '{}'", shortened(line));
      const std::string inside(trimmed(line.substr(1, line.size() - 2)));
      const size_t blank = inside.find(' ');
      Section section{inside.substr(0, blank),
                      blank == inside.npos ? "" : std::string(trimmed(inside.substr(blank))),
                      number,
                      {}};
      const bool named = section.kind == "row" || section.kind == "command";
      if ((!named && section.kind != "names" && section.kind != "all") ||
          named == section.name.empty())
        fail_at(number, "expected [names], [all], [row NAME] or [command NAME], got '[{}]'",
                shortened(inside));
      if (named && (section.name.find_first_of("./") != section.name.npos))
        fail_at(number, "[{}]: expected a name without '.' and '/'", inside);
      for (const Section& s : all)
        if (s.kind == section.kind && s.name == section.name)
          fail_at(number, "[{}] stands twice, first in line {}", inside, s.number);
      all.push_back(section);
      continue;
    }
    const size_t at = line.find('=');
    if (at == line.npos || at == 0)
      fail_at(number, "expected name = value, got '{}'", shortened(line));
    const Line made{std::string(trimmed(line.substr(0, at))),
                    std::string(trimmed(line.substr(at + 1))), number};
    Lines& lines = all.back().lines;
    if (const auto twice = find(lines, made.name); twice != lines.end())
      fail_at(number, "{} stands twice in its section, first in line {}", made.name, twice->number);
    lines.push_back(made);
  }
  return all;
}

void Plan::read_top(const Section& top, const std::string& given) {
  std::string seed_list = "1", tuned = "", parameters, seconds;
  Fields f;
  f.text("seeds", seed_list, "");
  f.integer("data-seed", data_seed, 0, std::numeric_limits<size_t>::max(), "");
  f.text("tune.seeds", tuned, "");
  f.integer("tune.data-seed", tune_data_seed, 0, std::numeric_limits<size_t>::max(), "");
  f.choice("tune.by", tune_by, {"token-accuracy", "exact-match", "loss", "bits-per-byte"}, "");
  f.text("tune.lengths", tune_lengths, "");
  f.integer("tune.steps", tune_steps, 0, 1'000'000'000, "");
  f.text("budget.parameters", parameters, "");
  f.text("budget.seconds", seconds, "");
  const auto share = [](const std::string& text, const std::string& what) {
    if (text.empty()) return 0.0;
    if (text.back() != '%') fail_option(what, "expected a percentage, such as 5 %, got '{}'", text);
    return parse_number(std::string(trimmed(text.substr(0, text.size() - 1))), 0, 1e6, what) / 100;
  };
  for (const Line& line : top.lines) try {
      f.set(line.name, line.value);
      budget_parameters = share(parameters, "budget.parameters");
      budget_seconds = share(seconds, "budget.seconds");
      seeds = parse_seeds(seed_list, "seeds");
      tune_seeds = parse_seeds(tuned, "tune.seeds");
      if (line.name == "tune.lengths" && line.value != "trained" && line.value != "row")
        for (const std::string& part : split(line.value, ','))
          parse_integer(part, 1, size_t{1} << 30, "tune.lengths");
    } catch (const Error& error) {
      fail_at(line.number, "{}", error.what());
    }
  seeds = parse_seeds(given.empty() ? seed_list : given, "seeds");
  if (seeds.empty()) fail(Fault::option, "{}: seeds: expected numbers such as 1,2,3", path);
  for (const size_t seed : tune_seeds)
    if (std::count(seeds.begin(), seeds.end(), seed))
      fail(Fault::option,
           "{}: seed {} is in seeds and in tune.seeds: what is chosen on it cannot be reported on "
           "it",
           path, seed);
  if (!tune_seeds.empty() && data_seed == tune_data_seed)
    fail(Fault::option,
         "{}: data-seed and tune.data-seed are both {}: what is chosen on this data cannot be "
         "reported on it",
         path, data_seed);
}

void Plan::substitute(Lines& lines, const Lines& names) const {
  for (Line& line : lines) {
    std::string made;
    for (size_t at = 0; at < line.value.size();) {
      const size_t open = line.value.find('{', at), close = line.value.find('}', open);
      made += line.value.substr(at, open - at);
      if (open == std::string::npos || close == std::string::npos) {
        if (open != std::string::npos) made += line.value.substr(open);
        break;
      }
      const std::string word = line.value.substr(open + 1, close - open - 1);
      const auto found = find(names, word);
      if (found == names.end()) fail_at(line.number, "there is no '{}' in [names]", word);
      made += found->value;
      at = close + 1;
    }
    line.value = made;
  }
}

std::string Plan::recipe_file(const Line& line) const {
  const fs::path here = fs::path(path).parent_path(), given = line.value;
  const std::vector<fs::path> places =
      line.value.ends_with(".ini")
          ? std::vector<fs::path>{given, here / given}
          : std::vector<fs::path>{here / "../recipes" / (line.value + ".ini"),
                                  fs::path("tools/recipes") / (line.value + ".ini")};
  std::error_code error;
  for (const fs::path& place : places)
    if (fs::exists(place, error)) return place.lexically_normal().string();
  fail_at(line.number, "recipe: there is no '{}' nor '{}'", places[0].lexically_normal().string(),
          places[1].lexically_normal().string());
}

/// All combinations of the lines' alternatives; those that go together as one.
std::vector<Pairs> Plan::product(const Lines& lines,
                                 const std::vector<std::string>& together) const {
  std::vector<Pairs> made{{}};
  bool stepped = false;
  for (const Line& line : lines) {
    std::vector<std::vector<std::pair<std::string, std::string>>> choices;
    if (among(line.name, together)) {
      if (std::exchange(stepped, true)) continue;
      for (const Line& member : lines) {
        if (!among(member.name, together)) continue;
        const auto values = split(member.value, ';');
        if (choices.empty()) choices.resize(values.size());
        if (values.size() != choices.size())
          fail_at(member.number, "{}: expected {} values, as the others that go together, got {}",
                  member.name, choices.size(), values.size());
        for (size_t i = 0; i < values.size(); ++i) choices[i].emplace_back(member.name, values[i]);
      }
    } else {
      for (const std::string& value : split(line.value, ';'))
        choices.push_back({{line.name, value}});
      if (choices.empty()) choices.push_back({{line.name, ""}});
    }
    std::vector<Pairs> more;
    for (const Pairs& before : made)
      for (const auto& choice : choices) {
        more.push_back(before);
        more.back().insert(more.back().end(), choice.begin(), choice.end());
      }
    made = std::move(more);
  }
  return made;
}

void Plan::expand(const Section& row, const Lines& all) {
  PlanLine line;
  line.row = line.label = row.name;
  line.number = row.number;
  Lines varied, tuned;
  std::vector<std::string> together;
  for (const Line& l : all) {
    if (l.name == "label")
      line.label = l.value;
    else if (l.name == "note")
      line.note = l.value;
    else if (l.name == "recipe")
      line.recipe = recipe_file(l);
    else if (l.name == "together")
      together = split(l.value, ' ');
    else if (l.name == "seeds" || l.name == "like" || l.name == "tune.by" ||
             l.name == "tune.seeds" || l.name == "tune.lengths" || l.name == "tune.data-seed")
      fail_at(l.number, "{} belongs to the top of the plan", l.name);
    else if (among(l.name, {"seed", "out", "resume", "config", "threads", "quiet", "eval.seed",
                            "eval.run", "eval.json", "eval.threads", "eval.quiet"}))
      fail_at(l.number, "{} is set by the sweep itself", l.name);
    else if (l.name.starts_with("tune."))
      tuned.push_back({l.name.substr(5), l.value, l.number});
    else
      varied.push_back(l);
  }
  std::erase(together, "");
  for (const std::string& name : together)
    if (find(varied, name) == varied.end())
      fail_at(find(all, "together")->number, "together: the row has no line '{}'", name);
  const auto lengths = find(varied, "eval.lengths");
  if (lengths == varied.end())
    fail_at(row.number, "[row {}]: eval.lengths is missing: the lengths it is judged at", row.name);
  for (const Line& l : varied)
    if (l.name.starts_with("eval.") && !among(l.name, together) && split(l.value, ';').size() > 1)
      fail_at(l.number, "{}: expected one value; alternatives must go together with others",
              l.name);
  if (!tuned.empty()) {
    if (tune_seeds.empty())
      fail_at(tuned[0].number, "tune.{}: expected tune.seeds at the top of the plan",
              tuned[0].name);
    line.candidates = product(tuned, {});
  }
  const auto alternatives = [&](const std::string& name) {
    return split(find(varied, name)->value, ';').size() > 1;
  };
  for (const Pairs& pairs : product(varied, together)) {
    PlanLine made = line;
    for (const auto& [name, value] : pairs)
      if (name.starts_with("eval."))
        made.judging.emplace_back(name.substr(5), value);
      else {
        made.options.emplace_back(name, value);
        if (alternatives(name)) made.values.emplace_back(name, value);
      }
    lines.push_back(made);
  }
}

bool is_among(const std::string& row, std::string rows) {
  if (rows.empty()) return true;
  const bool all_but = rows[0] == '!';
  if (all_but) rows.erase(0, 1);
  for (const std::string& name : split(rows, ';'))
    if (name == row || (name.ends_with("*") && row.starts_with(name.substr(0, name.size() - 1))))
      return !all_but;
  return all_but;
}

size_t Plan::line_of(const std::string& name) const {
  const auto at = find(top_, name);
  return at == top_.end() ? 1 : at->number;
}

size_t Plan::line_of(const PlanLine& line, const std::string& option) const {
  for (const auto& [row, own] : rows_)
    if (row == line.row)
      for (const Line& l : own)
        if (l.name == option || l.name == "tune." + option) return l.number;
  return line.number;
}

}  // namespace gnomon
