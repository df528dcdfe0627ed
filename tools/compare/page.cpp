#include "tools/compare/page.hpp"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "tools/embedded.hpp"
#include "tools/inspect/page.hpp"

GNOMON_EMBED(gnomon_compare_html, "/tools/compare/compare.html");
GNOMON_EMBED(gnomon_compare_css, "/tools/compare/compare.css");
GNOMON_EMBED(gnomon_compare_data_js, "/tools/compare/compare_data.js");
GNOMON_EMBED(gnomon_compare_table_js, "/tools/compare/compare_table.js");
GNOMON_EMBED(gnomon_compare_curves_js, "/tools/compare/compare_curves.js");
GNOMON_EMBED(gnomon_compare_lengths_js, "/tools/compare/compare_lengths.js");
GNOMON_EMBED(gnomon_compare_js, "/tools/compare/compare.js");
GNOMON_EMBED(gnomon_compare_report_css, "/tools/inspect/report.css");
GNOMON_EMBED_FILE(gnomon_compare_d3, GNOMON_D3);

namespace gnomon {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t kMostPoints = 200, kFewestPoints = 10;
constexpr size_t kMostNumbers = 7'500'000;  // bytes of the pool: the page stays below 10 MB

/// Lists of numbers, each once: runs share their steps, rates and temperatures. Four digits, whole
/// numbers in full; null: not finite.
class NumberPool {
 public:
  size_t place(const std::vector<double>& numbers) {
    std::string list;
    for (const double x : numbers) {
      list += list.empty() ? '[' : ',';
      if (!std::isfinite(x))
        list += "null";
      else if (x == std::floor(x) && std::abs(x) < 1e15)
        fmt::format_to(std::back_inserter(list), "{:.0f}", x);
      else
        fmt::format_to(std::back_inserter(list), "{:.4g}", x);
    }
    list += list.empty() ? "[]" : "]";
    const auto [at, is_new] = places_.emplace(std::move(list), lists_.size());
    if (is_new) lists_.push_back(&at->first), bytes_ += at->first.size();
    return at->second;
  }
  size_t bytes() const { return bytes_; }
  std::string json() const {
    std::string all = "[";
    for (const std::string* list : lists_) all += (all.size() > 1 ? ",\n" : "") + *list;
    return all + "]";
  }

 private:
  std::unordered_map<std::string, size_t> places_;
  std::vector<const std::string*> lists_;
  size_t bytes_ = 0;
};

OrderedJson known(double x) { return std::isfinite(x) ? OrderedJson(x) : OrderedJson(); }

OrderedJson summary_of(const ComparedRun& run) {
  OrderedJson all{{"path", run.path},
                  {"seed", run.seed},
                  {"status", name_of(run.status)},
                  {"step", known(run.step)},
                  {"steps", known(run.steps)},
                  {"parameters", known(run.parameters)}};
  for (const std::string& remark : run.remarks) all["remarks"].push_back(remark);
  if (!run.stop.empty()) all["stop"] = run.stop;
  if (!run.machine.empty()) all["machine"] = run.machine;
  if (run.checkpoint != "last") all["checkpoint"] = run.checkpoint;
  all["last"] = OrderedJson::object();
  for (const auto& [name, curve] : run.curves)
    if (name.find(':') == name.npos) all["last"][name] = known(run.last(name));
  for (const Judged& j : run.judged) {
    all["judged"].push_back({{"length", j.length}});
    for (const auto& [name, number] : j.numbers)
      all["judged"].back()[name] = known(std::stod(fmt::format("{:.6g}", number)));
  }
  return all;
}

OrderedJson curves_of(const ComparedRun& run, size_t most, NumberPool& pool) {
  OrderedJson all = OrderedJson::object();
  for (const auto& [name, curve] : run.curves) {
    const bool rises = name == "tokens" || name == "seconds";
    const Curve few = rises ? thinned(curve, most) : reduced(curve, most);
    all[name] = {pool.place(few.step), pool.place(few.value)};
  }
  return all;
}

std::string data_of(const Comparison& comparison) {
  OrderedJson all{{"different", comparison.different}, {"equal", OrderedJson::object()}};
  for (const auto& [name, text] : comparison.equal) all["equal"][name] = text;
  for (const ComparedGroup& group : comparison.groups) {
    OrderedJson one{{"label", group.label}, {"runs", group.runs}, {"values", OrderedJson::array()}};
    for (const std::string& text : group.different)
      one["values"].push_back(text == "\n" ? OrderedJson() : OrderedJson(text));
    all["groups"].push_back(std::move(one));
  }
  for (const ComparedRun& run : comparison.runs) all["runs"].push_back(summary_of(run));
  for (size_t most = kMostPoints;; most = most * 3 / 4) {
    NumberPool pool;
    all["points"] = most;
    for (size_t i = 0; i < comparison.runs.size(); ++i)
      all["runs"][i]["curves"] = curves_of(comparison.runs[i], most, pool);
    if (pool.bytes() > kMostNumbers && most > kFewestPoints) continue;
    // What users named need not be UTF-8.
    std::string text = all.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    text.pop_back();
    return text + ",\n\"pool\":" + pool.json() + "}";
  }
}

/// The script's parts, in the order in which they use each other.
std::string script() {
  return std::string(GNOMON_EMBEDDED(gnomon_compare_data_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_compare_table_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_compare_curves_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_compare_lengths_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_compare_js));
}

}  // namespace

std::string comparison_page(const Comparison& comparison) {
  return filled({GNOMON_EMBEDDED(gnomon_compare_html)},
                {{"css", page_colours() + std::string(GNOMON_EMBEDDED(gnomon_compare_report_css)) +
                             std::string(GNOMON_EMBEDDED(gnomon_compare_css))},
                 {"data", escaped_script(data_of(comparison))},
                 {"d3", {GNOMON_EMBEDDED(gnomon_compare_d3)}},
                 {"js", script()}});
}

}  // namespace gnomon
