#include "tools/inspect/page.hpp"

#include <string_view>

#include "tools/embedded.hpp"
#include "tools/inspect/packed.hpp"
#include "tools/packed_engine.hpp"

GNOMON_EMBED(gnomon_report_html, "/tools/inspect/report.html");
GNOMON_EMBED(gnomon_colours_css, "/tools/inspect/colours.css");
GNOMON_EMBED(gnomon_report_css, "/tools/inspect/report.css");
GNOMON_EMBED(gnomon_view_css, "/tools/inspect/view.css");
GNOMON_EMBED(gnomon_view_data_js, "/tools/inspect/view_data.js");
GNOMON_EMBED(gnomon_view_strip_js, "/tools/inspect/view_strip.js");
GNOMON_EMBED(gnomon_view_tree_js, "/tools/inspect/view_tree.js");
GNOMON_EMBED(gnomon_view_menu_js, "/tools/inspect/view_menu.js");
GNOMON_EMBED(gnomon_view_js, "/tools/inspect/view.js");
GNOMON_EMBED(gnomon_report_charts_js, "/tools/inspect/report_charts.js");
GNOMON_EMBED(gnomon_report_map_js, "/tools/inspect/report_map.js");
GNOMON_EMBED(gnomon_report_live_js, "/tools/inspect/report_live.js");
GNOMON_EMBED(gnomon_engine_js, "/tools/lab/engine.js");
GNOMON_EMBED(gnomon_alive_js, "/tools/lab/alive.js");
GNOMON_EMBED(gnomon_tar_js, "/tools/lab/tar.js");
GNOMON_EMBED(gnomon_beside_js, "/tools/lab/beside.js");
GNOMON_EMBED(gnomon_worker_js, "/tools/lab/worker.js");
GNOMON_EMBED(gnomon_report_js, "/tools/inspect/report.js");
GNOMON_EMBED_FILE(gnomon_d3, GNOMON_D3);

namespace gnomon {

std::string escaped_html(const std::string& text) {
  constexpr std::string_view kMarkup = "&<>\"'";
  constexpr const char* kSafe[]{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  std::string safe;
  for (const char c : text) {
    const size_t at = kMarkup.find(c);
    at == kMarkup.npos ? safe += c : safe += kSafe[at];
  }
  return safe;
}

std::string escaped_script(std::string json) {
  std::string safe;
  for (const char c : json) c == '<' ? safe += "\\u003c" : safe += c;
  return safe;
}

std::string filled(std::string text,
                   const std::vector<std::pair<std::string, std::string>>& values) {
  size_t from = 0;
  for (const auto& [name, value] : values) {
    const std::string mark = "@" + name + "@";
    const size_t at = text.find(mark, from);
    expect(at != std::string::npos, "page: expected a place for '{}'", name);
    text.replace(at, mark.size(), value);
    from = at + value.size();
  }
  return text;
}

std::string page_colours() { return {GNOMON_EMBEDDED(gnomon_colours_css)}; }

std::string view_style() { return {GNOMON_EMBEDDED(gnomon_view_css)}; }

std::string view_script() {
  return std::string(GNOMON_EMBEDDED(gnomon_view_data_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_view_strip_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_view_tree_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_view_menu_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_view_js));
}

std::string engine_script() {
  return std::string(GNOMON_EMBEDDED(gnomon_engine_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_alive_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_tar_js)) +
         std::string(GNOMON_EMBEDDED(gnomon_beside_js));
}

std::string engine_worker() { return {GNOMON_EMBEDDED(gnomon_worker_js)}; }

std::string inspection_page(const Inspection& inspection) {
  auto engine = inspection.model_file.empty() ? std::nullopt : packed_engine();
  const bool alive = engine.has_value();
  if (!alive) engine.emplace();
  return filled(
      {GNOMON_EMBEDDED(gnomon_report_html)},
      {{"css", page_colours() + std::string(GNOMON_EMBEDDED(gnomon_report_css)) + view_style()},
       {"data", escaped_script(inspection_json(inspection))},
       {"run-config", alive ? base64(inspection.config) : ""},
       {"run-model", alive ? base64(inspection.model_file) : ""},
       {"engine-script", engine->script},
       {"engine-wasm", engine->wasm},
       {"worker", alive ? engine_worker() : ""},
       {"d3", {GNOMON_EMBEDDED(gnomon_d3)}},
       {"js", view_script() + engine_script() +
                  std::string(GNOMON_EMBEDDED(gnomon_report_live_js)) +
                  std::string(GNOMON_EMBEDDED(gnomon_report_charts_js)) +
                  std::string(GNOMON_EMBEDDED(gnomon_report_map_js)) +
                  std::string(GNOMON_EMBEDDED(gnomon_report_js))}});
}

}  // namespace gnomon
