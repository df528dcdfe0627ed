#include "tools/sweep/ledger.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "core/base/file.hpp"
#include "tools/sweep/text.hpp"
#include "tools/training/experiment.hpp"

namespace gnomon {
namespace {

/// What the options come to, without the seed and where data lies; nor those that were tuned, where
/// it is not known any more what was chosen.
std::map<std::string, std::string> config_of(const PlanLine& line, const Record& chosen) {
  Pairs more;
  for (const auto& [name, value] : chosen.items()) more.emplace_back(name, value);
  const auto experiment = Experiment::unprepared(Arguments(line.words(more)));
  auto options = Arguments::of_text(experiment->ini, line.row).in_file();
  for (const char* name : {"seed", "file", "folder"}) options.erase(name);
  if (!line.candidates.empty())
    for (const auto& [name, value] : line.candidates[0])
      if (!chosen.contains(name)) options.erase(name);
  return options;
}

}  // namespace

Ledger::Ledger(const Plan& plan, const std::string& path) : plan_(plan) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  size_t number = 0;
  for (const std::string& line : split(read_file(path, uint64_t{1} << 28), '\n'))
    if (++number; !line.empty()) {
      const std::string where = fmt::format("{}: line {}", path, number);
      parse_json(line, where);  // strictly
      records_.push_back(Record::parse(line));
      for (const char* key : {"row", "values", "length", "chosen"})
        if (!records_.back().contains(key)) fail(Fault::data, "{}: expected '{}'", where, key);
    }
}

std::vector<Record> Ledger::of(const PlanLine& line) const {
  std::vector<Record> found;
  for (const Record& r : records_)
    if (r.at("row") == line.row && r.at("values") == spelled(line.values)) found.push_back(r);
  return found;
}

Record Ledger::judging_of(const PlanLine& line) const {
  Record judging{{"data-seed", std::to_string(plan_.data_seed)}};
  for (const auto& [name, value] : line.judging)
    if (name != "lengths") judging[name] = value;  // each record has its own
  return judging;
}

void Ledger::merge(const std::vector<Record>& records) {
  std::vector<Record> merged;
  for (const PlanLine& line : plan_.lines) {
    std::vector<Record> own;
    for (const Record& r : records)
      if (r.at("row") == line.row && r.at("values") == spelled(line.values) &&
          r.at("n") == plan_.seeds.size())
        own.push_back(r);
    if (own.empty())
      own = of(line);
    else
      own[0]["config"] = config_of(line, own[0].at("chosen")), own[0]["judging"] = judging_of(line);
    merged.insert(merged.end(), own.begin(), own.end());
  }
  records_ = std::move(merged);
}

std::vector<std::string> Ledger::foreign() const {
  std::vector<std::string> sentences;
  for (const PlanLine& line : plan_.lines) {
    const std::vector<Record> own = of(line);
    if (own.empty()) continue;
    const Record then = own[0].value("config", Record::object());
    auto now = config_of(line, own[0].at("chosen"));
    std::vector<std::string> changes;
    // An option that there was not yet has its default, and that is as it was before.
    for (const auto& [name, value] : then.items())
      if (now[name] != value.get<std::string>())
        changes.push_back(
            fmt::format("{} = {} (now {})", name, value.get<std::string>(), now[name]));
    const auto expect = [&](const char* what, const std::string& was, const std::string& is) {
      if (was != is) changes.push_back(fmt::format("{} {} (now {})", what, was, is));
    };
    std::vector<std::string> lengths;
    for (const Record& r : own) lengths.push_back(std::to_string(r.at("length").get<uint64_t>()));
    for (const auto& [name, value] : line.judging)
      if (name == "lengths" && split(value, ',') != lengths)
        expect("lengths", fmt::format("{}", fmt::join(lengths, ",")), value);
    if (own[0].contains("seeds"))
      expect("seeds",
             fmt::format("{}", fmt::join(own[0].at("seeds").get<std::vector<size_t>>(), ",")),
             fmt::format("{}", fmt::join(plan_.seeds, ",")));
    // Of records older than this, it is not known.
    if (own[0].contains("judging"))
      expect("eval", own[0].at("judging").dump(), judging_of(line).dump());
    if (changes.empty() && then.empty()) changes.push_back("an unknown configuration");
    if (!changes.empty())
      sentences.push_back(
          fmt::format("row {} was measured with {}", line.name(), fmt::join(changes, ", ")));
  }
  return sentences;
}

std::string Ledger::table(const std::string& columns, const std::string& rows) const {
  std::vector<std::string> keys, heads;
  for (const std::string& column : split(columns, '|')) {
    const size_t at = column.find(':');
    keys.push_back(column.substr(0, at));
    heads.push_back(at == column.npos ? keys.back() : column.substr(at + 1));
  }
  const bool by_line = columns.find('@') != columns.npos;
  std::string text = markdown_line(heads) + "|";
  for (size_t i = 0; i < heads.size(); ++i) text += "---|";
  text += "\n";
  for (const PlanLine& line : plan_.lines) {
    if (!is_among(line.row, rows)) continue;
    const std::vector<Record> own = of(line);
    if (own.empty()) {
      text += markdown_line({line.label, "not run"});
      continue;
    }
    std::vector<std::pair<std::vector<uint64_t>, std::vector<std::string>>> groups;
    for (const Record& r : own) {
      if (by_line && &r != &own[0]) break;
      std::vector<std::string> cells;
      for (const std::string& key : keys) {
        const size_t at = key.find('@');
        const Record* from = at == key.npos ? &r : nullptr;
        for (const Record& other : own)
          if (at != key.npos &&
              std::to_string(other.at("length").get<uint64_t>()) == key.substr(at + 1))
            from = &other;
        if (key == "label")
          cells.push_back(line.label);
        else if (key == "note")
          cells.push_back(line.note);
        else
          cells.push_back(key == "length" ? "" : from ? cell(*from, key.substr(0, at)) : "-");
      }
      const auto length = r.at("length").get<uint64_t>();
      if (!groups.empty() && groups.back().second == cells)
        groups.back().first.push_back(length);
      else
        groups.push_back({{length}, cells});
    }
    for (auto& [lengths, cells] : groups) {
      std::string named;
      for (const uint64_t length : lengths) named += (named.empty() ? "" : ", ") + grouped(length);
      if (lengths.size() > 3)
        named = fmt::format("{} to {} ({} lengths)", grouped(lengths[0]), grouped(lengths.back()),
                            lengths.size());
      for (size_t i = 0; i < keys.size(); ++i)
        if (keys[i] == "length") cells[i] = named;
      text += markdown_line(cells);
    }
  }
  return text;
}

std::string Ledger::rendered(const std::string& page, const std::string& path) const {
  const std::string begin = "<!-- sweep " + plan_.name + " ", end = "<!-- end -->";
  std::string made;
  size_t at = 0;
  for (size_t found; (found = page.find(begin, at)) != page.npos;) {
    const size_t close = page.find("-->", found), stop = page.find(end, found);
    if (close == page.npos || stop == page.npos || stop < close)
      fail(Fault::data, "{}: '{}' has no '{}' after it", path, begin, end);
    std::string words = page.substr(found + begin.size(), close - found - begin.size());
    std::replace(words.begin(), words.end(), '\n', ' ');
    const size_t at_rows = words.find("rows=");
    std::string rows;
    if (at_rows != words.npos) {
      rows = trimmed(words.substr(at_rows + 5));
      words.resize(at_rows);
    }
    if (!words.starts_with("columns="))
      fail(Fault::data, "{}: expected '{}columns=...'", path, begin);
    made +=
        page.substr(at, close + 3 - at) + "\n" + table(std::string(trimmed(words.substr(8))), rows);
    at = stop;
  }
  made += page.substr(at);
  const std::string number = "-?[0-9](?:[0-9,]*[0-9])?(?:\\.[0-9]+)?";
  const std::regex figure("(<!-- = ([^/ ]+)/([^/]+)/([0-9]+)/([a-z_]+) -->)(?:not run|" + number +
                          "(?: - " + number + ")?|-)(?: %| bits)?");
  std::string out;
  auto from = made.cbegin();
  for (std::sregex_iterator m(made.cbegin(), made.cend(), figure), none; m != none; ++m) {
    if ((*m)[2] != plan_.name) continue;
    std::string text = "not run";
    const Record* found = nullptr;
    for (const Record& r : records_) {
      const auto row = r.at("row").get<std::string>(), values = r.at("values").get<std::string>();
      if (std::to_string(r.at("length").get<uint64_t>()) != (*m)[4].str() ||
          ((*m)[3] != row && (*m)[3] != row + " " + values))
        continue;
      if (found)
        fail(Fault::data, "{}: '{}': row {} has alternatives: write {} {} for the last of them",
             path, (*m)[1].str(), row, row, values);
      found = &r;
      text = cell(r, (*m)[5]);
    }
    if (const size_t spread = text.find(" ("); spread != text.npos) text.resize(spread);
    out.append(from, (*m)[0].first);
    out += (*m)[1].str() + text;
    from = (*m)[0].second;
  }
  out.append(from, made.cend());
  return out;
}

}  // namespace gnomon
