#include "tools/reproduce/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/inspect/page.hpp"

namespace gnomon {
namespace {

constexpr std::array<const char*, 4> kPlotColours{"#3b78c2", "#d0622a", "#2e9b6b", "#b04a9c"};

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --line: #b9b5aa; --quiet: #6a7078; }
body {
  max-width: 1240px; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  font: 16px/1.55 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; }
h2 { margin-top: 2.2rem; border-top: 1px solid var(--line); padding-top: .8rem; }
p, figcaption { max-width: 78ch; }
figcaption { color: var(--quiet); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td { white-space: nowrap; }
td:first-child { white-space: normal; min-width: 11rem; }
pre {
  overflow-x: auto; padding: .7rem; border: 1px solid var(--line); border-radius: 6px;
  font-size: .85rem;
}
figure { margin: 1rem 0; }
svg { max-width: 100%; height: auto; }
svg text { fill: currentColor; }
)";

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string line = "<tr>";
  for (const std::string& cell : cells)
    line += fmt::format("<{0}>{1}</{0}>", tag, escaped_html(cell));
  return line + "</tr>\n";
}

}  // namespace

void Document::heading(const std::string& text) {
  blocks_.push_back({"## " + text, fmt::format("<h2>{}</h2>", escaped_html(text))});
}

void Document::paragraph(const std::string& text) {
  blocks_.push_back({text, fmt::format("<p>{}</p>", escaped_html(text))});
}

void Document::table(const std::vector<std::vector<std::string>>& rows) {
  Block block{"", "<div class=\"scroll\"><table>\n"};
  for (size_t i = 0; i < rows.size(); ++i) {
    block.markdown += fmt::format("| {} |\n", fmt::join(rows[i], " | "));
    if (i == 0) {
      block.markdown += "|---";
      for (size_t c = 1; c < rows[0].size(); ++c) block.markdown += "|---:";
      block.markdown += "|\n";
    }
    block.html += row(rows[i], i == 0 ? "th" : "td");
  }
  block.markdown.pop_back();
  block.html += "</table></div>";
  blocks_.push_back(block);
}

void Document::commands(const std::vector<std::string>& lines) {
  const std::string text = fmt::format("{}", fmt::join(lines, "\n"));
  blocks_.push_back(
      {fmt::format("```bash\n{}\n```", text), fmt::format("<pre>{}</pre>", escaped_html(text))});
}

void Document::figure(const std::string& svg, const std::string& caption) {
  blocks_.push_back(
      {fmt::format("*{}* (the picture is in reproduction.html)", caption),
       fmt::format("<figure>{}<figcaption>{}</figcaption></figure>", svg, escaped_html(caption))});
}

std::string Document::markdown() const {
  std::string text = "# " + title_ + "\n";
  for (const Block& block : blocks_) text += "\n" + block.markdown + "\n";
  return text;
}

std::string Document::html() const {
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" "
      "href=\"data:,\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n"
      "<h1>{0}</h1>\n",
      escaped_html(title_), kStyle);
  for (const Block& block : blocks_) text += block.html + "\n";
  return text + "</body>\n</html>\n";
}

std::string curves_svg(const std::vector<LineOfPlot>& curves) {
  constexpr double kWidth = 720, kHeight = 320, kLeft = 48, kBelow = 28, kAbove = 28;
  double x_top = 1, y_top = 0;
  for (const LineOfPlot& c : curves) {
    for (const double x : c.x) x_top = std::max(x_top, x);
    for (const double y : c.y) y_top = std::max(y_top, y);
  }
  const auto x = [&](double v) { return kLeft + v / x_top * (kWidth - kLeft - 10); };
  const auto y = [&](double v) {
    return kHeight - kBelow - v / y_top * (kHeight - kBelow - kAbove);
  };
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" role=\"img\" font-size=\"12\">", kWidth, kHeight);
  svg += fmt::format(
      "<path d=\"M{0} {1}V{2}H{3}\" fill=\"none\" stroke=\"currentColor\" opacity=\".5\"/>", kLeft,
      kAbove, y(0), kWidth - 10);
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>", kLeft - 6, y(0));
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.3g}</text>", kLeft - 6,
                     y(y_top) + 4, y_top);
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0f}</text>", kWidth - 10,
                     kHeight - 8, x_top);
  for (size_t i = 0; i < curves.size(); ++i) {
    const LineOfPlot& c = curves[i];
    std::string points;
    for (size_t p = 0; p < c.x.size(); ++p)
      points += fmt::format("{:.1f},{:.1f} ", x(c.x[p]), y(c.y[p]));
    const char* colour = kPlotColours[i % kPlotColours.size()];
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"/>",
                       points, colour);
    svg += fmt::format("<text x=\"{}\" y=\"16\" style=\"fill:{}\">{}</text>",
                       kLeft + 170 * static_cast<double>(i), colour, escaped_html(c.name));
  }
  return svg + "</svg>";
}

std::string map_svg(const std::vector<int>& to, const std::string& title) {
  constexpr double kSize = 200, kTitle = 22;
  const double cell = kSize / static_cast<double>(std::max<size_t>(to.size(), 1));
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" role=\"img\" font-size=\"12\"><text x=\"0\" "
      "y=\"14\">{2}</text><rect x=\".5\" y=\"{3}\" width=\"{4}\" height=\"{4}\" fill=\"none\" "
      "stroke=\"currentColor\" opacity=\".5\"/>",
      kSize + 12, kSize + kTitle + 2, escaped_html(title), kTitle, kSize);
  for (size_t n = 0; n < to.size(); ++n)
    if (to[n] >= 0)
      svg += fmt::format(
          "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\"/>",
          cell * to[n], kTitle + cell * static_cast<double>(n), std::max(1.5, cell),
          std::max(1.5, cell), kPlotColours[0]);
  return svg + "</svg>";
}

}  // namespace gnomon
