// A report that is written once and read twice: as Markdown, and as one HTML file.
#pragma once

#include <string>
#include <vector>

namespace gnomon {

class Document {
 public:
  explicit Document(std::string title) : title_(std::move(title)) {}
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  /// The first row is the head; the first column is aligned to the left, the others to the right.
  void table(const std::vector<std::vector<std::string>>& rows);
  /// Lines for a shell.
  void commands(const std::vector<std::string>& lines);
  /// An SVG picture; Markdown has its caption alone, with a reference to the page.
  void figure(const std::string& svg, const std::string& caption);

  std::string markdown() const;
  std::string html() const;

 private:
  struct Block {
    std::string markdown, html;
  };
  std::string title_;
  std::vector<Block> blocks_;
};

/// Curves over a common axis, as SVG: the points of each, its name, its colour (0, 1, ...).
struct LineOfPlot {
  std::string name;
  std::vector<double> x, y;
};
std::string curves_svg(const std::vector<LineOfPlot>& curves);

/// Where every token points, token down, target across, as SVG; -1: nothing.
std::string map_svg(const std::vector<int>& to, const std::string& title);

}  // namespace gnomon
