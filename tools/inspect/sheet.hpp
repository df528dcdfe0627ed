// A white sheet to draw a figure on, with axes; what is drawn once becomes PNG, SVG or PDF.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

typedef struct _cairo cairo_t;
typedef struct _cairo_surface cairo_surface_t;

namespace gnomon {

enum class FigureKind { png, svg, pdf };

/// The path of a figure: folder/name.png and so on.
std::string figure_file(FigureKind kind, const std::string& folder, const std::string& name);

/// Okabe and Ito's colours, which are told apart without red and green too; more differ by dashes.
struct SourceStyle {
  uint32_t colour;
  std::vector<double> dashes;
};
SourceStyle style_of(size_t source);

class FigureSheet {
 public:
  /// Throws Error when cairo cannot make one.
  FigureSheet(FigureKind kind, double width, double height);
  ~FigureSheet();
  FigureSheet(const FigureSheet&) = delete;
  FigureSheet& operator=(const FigureSheet&) = delete;

  void title(const std::string& words, const std::string& below);
  /// Axes with ticks between their ends; y goes up, or down. One without a name is not drawn.
  struct Axis {
    double low, high;
    std::string name = {};
    bool log = false, share = false;
  };
  void axes(const Axis& x, const Axis& y, bool y_down = false);
  double x(double v) const;
  double y(double v) const;

  void line(const std::vector<double>& xs, const std::vector<double>& ys, const SourceStyle& style,
            double wide = 2.5, double alpha = 1);
  void dot(double at_x, double at_y, const SourceStyle& style);
  /// A half ellipse from a to b on the lower axis; `reach`: the longest there is.
  void arc(double a, double b, double reach, const SourceStyle& style, double alpha);
  void cell(double at_x, double at_y, const SourceStyle& style, double alpha);
  /// In points of the sheet: a curve down from one place to another; a box with words in it.
  void curve(double x0, double y0, double x1, double y1, const SourceStyle& style, double wide);
  void box(double at_x, double at_y, const std::string& words, bool marked);
  /// `before`: the share of its width that stands before at_x.
  void text(const std::string& words, double at_x, double at_y, double size, double before,
            double grey = 0.1);
  struct Entry {
    std::string name;
    SourceStyle style;
  };
  void legend(const std::vector<Entry>& entries);

  /// Writes it. Throws Error(Fault::io).
  void save(const std::string& path);
  double width() const { return width_; }
  double height() const { return height_; }

 private:
  void ink(const SourceStyle& style, double alpha, double wide);
  static double placed(const Axis& axis, double v);
  FigureKind kind_;
  double width_, height_;
  Axis x_{0, 1}, y_{0, 1};
  bool y_down_ = false;
  std::string bytes_;
  cairo_surface_t* surface_;
  cairo_t* cairo_;
};

}  // namespace gnomon
