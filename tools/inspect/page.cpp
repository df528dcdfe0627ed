#include "tools/inspect/page.hpp"

#include <string_view>

// The files of the page, as bytes of the program.
#define GNOMON_EMBED(name, path)     \
  asm(".pushsection .rodata\n" #name \
      "_begin:\n"                    \
      ".incbin \"" path "\"\n" #name \
      "_end:\n"                      \
      ".byte 0\n.popsection\n");     \
  extern "C" const char name##_begin[], name##_end[]

GNOMON_EMBED(gnomon_report_html, GNOMON_SOURCE_DIR "/tools/inspect/report.html");
GNOMON_EMBED(gnomon_report_css, GNOMON_SOURCE_DIR "/tools/inspect/report.css");
GNOMON_EMBED(gnomon_report_js, GNOMON_SOURCE_DIR "/tools/inspect/report.js");
GNOMON_EMBED(gnomon_d3, GNOMON_D3);

namespace gnomon {

std::string escaped_html(const std::string& text) {
  std::string safe;
  for (const char c : text) switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
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

std::string inspection_page(const Inspection& inspection) {
  return filled({gnomon_report_html_begin, gnomon_report_html_end},
                {{"css", {gnomon_report_css_begin, gnomon_report_css_end}},
                 {"data", escaped_script(inspection_json(inspection))},
                 {"d3", {gnomon_d3_begin, gnomon_d3_end}},
                 {"js", {gnomon_report_js_begin, gnomon_report_js_end}}});
}

}  // namespace gnomon
