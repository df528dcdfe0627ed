#include "tools/sweep/text.hpp"

#include <algorithm>
#include <cmath>

namespace gnomon {
namespace {

std::string number_text(const Record& figure, int digits) {
  if (figure.is_null()) return "-";
  const auto text = [&](const char* part) {
    return fmt::format("{:.{}f}", figure.at(part).get<double>(), digits);
  };
  if (text("low") == text("high")) return text("low");
  if (figure.at("mean").is_null()) return text("low") + " - " + text("high");
  return fmt::format("{} ({} - {})", text("mean"), text("low"), text("high"));
}

std::string share_text(const Record& figure) {
  if (figure.is_null()) return "-";
  Record percent = figure;
  for (const char* part : {"mean", "low", "high"})
    if (!figure.at(part).is_null()) percent[part] = 100 * figure.at(part).get<double>();
  const std::string text = number_text(percent, 2);
  const size_t blank = text.find(" (");
  return text.substr(0, blank) + " %" + (blank == text.npos ? "" : text.substr(blank));
}

std::string range_text(const Record& range) {
  const auto low = static_cast<uint64_t>(std::llround(range.at("low").get<double>())),
             high = static_cast<uint64_t>(std::llround(range.at("high").get<double>()));
  return low == high ? grouped(low) : fmt::format("{} - {}", grouped(low), grouped(high));
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string cell(const Record& record, const std::string& key) {
  const Record value = record.value(key, Record(nullptr));
  if (key == "exact_match" && value.is_null() &&
      !record.value("bits_per_byte", Record()).is_null()) {
    const std::string text = number_text(record.at("bits_per_byte"), 3);
    const size_t blank = text.find(' ');
    return text.substr(0, blank) + " bits" + (blank == text.npos ? "" : text.substr(blank));
  }
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (key == "token_accuracy" || key == "exact_match") return share_text(value);
  if (key == "loss" || key == "bits_per_byte") return number_text(value, 3);
  if (key == "chance") return fmt::format("{:.2f} %", 100 * value.get<double>());
  if (value.is_object() && value.contains("low")) return range_text(value);
  return value.is_number() ? grouped(value.get<uint64_t>()) : value.dump();
}

std::string markdown_line(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string as_markdown(const std::vector<Record>& records) {
  std::vector<std::vector<std::string>> rows{{"row", "options", "length", "token accuracy", "sd",
                                              "exact, or bits", "chance", "n", "steps", "seconds",
                                              "tokens/s", "parameters"}};
  std::vector<std::string> remarks;
  const auto remark = [&](const std::string& sentence) {
    if (std::find(remarks.begin(), remarks.end(), sentence) == remarks.end())
      remarks.push_back(sentence);
  };
  for (const Record& r : records) {
    const std::string row = r.at("row"), commit = r.at("commit");
    std::string n = fmt::format("{} of {}", r.at("n").get<size_t>(), r.at("wanted").get<size_t>());
    if (!r.at("failed").empty()) n += fmt::format(", {} failed", r.at("failed").size());
    if (r.contains("skipped")) n = r.at("skipped").get<std::string>();
    for (const Record& f : r.at("failed"))
      remark(fmt::format("failed: {}, seed {}: {}", row, f.at("seed").get<size_t>(),
                         f.at("sentence").get<std::string>()));
    const Record& accuracy = r.at("token_accuracy");
    const bool spread = accuracy.is_object() && accuracy.at("sd").is_number();
    const bool beside = r.at("jobs").is_object() && r.at("jobs").at("high") > 1;
    if (beside) remark("* several runs side by side: seconds say little");
    std::string options = r.at("values");
    for (const auto& [name, value] : r.at("chosen").items())
      options += (options.empty() ? "" : " ") + name + "=" + value.get<std::string>();
    rows.push_back({row, options, cell(r, "length"), cell(r, "token_accuracy"),
                    spread ? fmt::format("{:.2f}", 100 * accuracy.at("sd").get<double>()) : "-",
                    cell(r, "exact_match"), cell(r, "chance"), n, cell(r, "steps"),
                    cell(r, "seconds") + (beside ? "*" : ""), cell(r, "tokens_per_s"),
                    cell(r, "parameters") + (r.contains("over_budget") ? " !" : "")});
    if (r.contains("over_budget"))
      remark(fmt::format("! {}: over the budget: {}", row, r.at("over_budget").get<std::string>()));
    if (commit.find(", ") != commit.npos)
      remark(fmt::format("{}: runs of several builds: {}", row, commit));
  }
  for (size_t c = rows[0].size(); c-- > 0;)  // columns that say nothing here
    if (std::all_of(rows.begin() + 1, rows.end(),
                    [c](const auto& row) { return row[c].empty() || row[c] == "-"; }))
      for (auto& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  rows.insert(rows.begin() + 1, std::vector<std::string>());
  for (const size_t width : widths) rows[1].push_back(std::string(width, '-'));
  std::string text;
  for (auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) row[c].resize(widths[c], ' ');
    text += markdown_line(row);
  }
  for (const std::string& sentence : remarks) text += "\n" + sentence + "\n";
  return text;
}

}  // namespace gnomon
