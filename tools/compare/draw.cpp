// A figure drawn: once, on a sheet that is SVG text or a cairo surface.
#include <cairo.h>

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "tools/compare/figure.hpp"
#include "tools/inspect/page.hpp"

namespace gnomon {
namespace {

struct Point {
  double x, y;
};
struct Pen {
  uint32_t colour = 0;
  double width = 1;
  std::vector<double> dashes = {};
};
enum class Anchor { start, middle, end };

constexpr double kWidth = 760, kPlot = 400, kLeft = 76, kRight = 24, kTop = 44, kRow = 20;
constexpr uint32_t kInk = 0x222222, kFaint = 0xdddddd, kGrey = 0x777777;

/// Their lightness differs, from dark to light, so that grey tells them apart; more lines than
/// these differ by their dashes.
constexpr std::array<uint32_t, 6> kColours{0x14213d, 0xc0561e, 0x1f7a6d,
                                           0x8f7fe0, 0xd9a72b, 0x9a3050};
Pen pen_of(size_t line) {
  static const std::vector<double> kDashes[]{{}, {7, 3}, {2, 2}, {9, 3, 2, 3}};
  return {kColours[line % kColours.size()], 2,
          kDashes[(line + line / kColours.size()) % std::size(kDashes)]};
}

class DrawingSheet {
 public:
  virtual ~DrawingSheet() = default;
  virtual void line(const std::vector<Point>& points, const Pen& pen) = 0;
  virtual void area(const std::vector<Point>& points, uint32_t colour) = 0;
  virtual void dot(Point at, uint32_t colour) = 0;
  virtual void text(const std::string& words, Point at, double size, Anchor anchor,
                    bool upwards) = 0;
};

class SvgSheet : public DrawingSheet {
 public:
  void line(const std::vector<Point>& points, const Pen& pen) override {
    body_ += fmt::format(R"(<polyline points="{}" fill="none" stroke="#{:06x}" stroke-width="{}")",
                         list(points), pen.colour, pen.width);
    if (!pen.dashes.empty())
      body_ += fmt::format(R"( stroke-dasharray="{}")", fmt::join(pen.dashes, " "));
    body_ += "/>\n";
  }
  void area(const std::vector<Point>& points, uint32_t colour) override {
    body_ += fmt::format(R"(<polygon points="{}" fill="#{:06x}" fill-opacity="0.18"/>)"
                         "\n",
                         list(points), colour);
  }
  void dot(Point at, uint32_t colour) override {
    body_ += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="#{:06x}"/>)"
                         "\n",
                         at.x, at.y, colour);
  }
  void text(const std::string& words, Point at, double size, Anchor anchor, bool upwards) override {
    constexpr const char* kAnchors[]{"start", "middle", "end"};
    body_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" font-size="{}" text-anchor="{}")", at.x,
                         at.y, size, kAnchors[static_cast<size_t>(anchor)]);
    if (upwards) body_ += fmt::format(R"x( transform="rotate(-90 {:.1f} {:.1f})")x", at.x, at.y);
    body_ += fmt::format(">{}</text>\n", escaped_html(words));
  }
  std::string finished(double height) const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" fill=\"#{2:06x}\">\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n{3}</svg>\n",
        kWidth, height, kInk, body_);
  }

 private:
  static std::string list(const std::vector<Point>& points) {
    std::string text;
    for (const Point& p : points)
      text += fmt::format("{}{:.1f},{:.1f}", text.empty() ? "" : " ", p.x, p.y);
    return text;
  }
  std::string body_;
};

class PngSheet : public DrawingSheet {
 public:
  explicit PngSheet(double height)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(2 * kWidth),
                                            static_cast<int>(2 * height))),
        cairo_(cairo_create(surface_)) {
    cairo_scale(cairo_, 2, 2);
    cairo_set_source_rgb(cairo_, 1, 1, 1);
    cairo_paint(cairo_);
    cairo_select_font_face(cairo_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  }
  ~PngSheet() override {
    cairo_destroy(cairo_);
    cairo_surface_destroy(surface_);
  }
  PngSheet(const PngSheet&) = delete;
  PngSheet& operator=(const PngSheet&) = delete;

  void line(const std::vector<Point>& points, const Pen& pen) override {
    ink(pen.colour, 1);
    path(points);
    cairo_set_line_width(cairo_, pen.width);
    cairo_set_dash(cairo_, pen.dashes.data(), static_cast<int>(pen.dashes.size()), 0);
    cairo_stroke(cairo_);
  }
  void area(const std::vector<Point>& points, uint32_t colour) override {
    ink(colour, 0.18);
    path(points);
    cairo_fill(cairo_);
  }
  void dot(Point at, uint32_t colour) override {
    ink(colour, 1);
    cairo_new_path(cairo_);
    cairo_arc(cairo_, at.x, at.y, 4, 0, 6.3);
    cairo_fill(cairo_);
  }
  void text(const std::string& words, Point at, double size, Anchor anchor, bool upwards) override {
    ink(kInk, 1);
    cairo_save(cairo_);
    cairo_translate(cairo_, at.x, at.y);
    if (upwards) cairo_rotate(cairo_, -1.5707963267948966);
    cairo_set_font_size(cairo_, size);
    cairo_text_extents_t extents;
    cairo_text_extents(cairo_, words.c_str(), &extents);
    cairo_move_to(cairo_, -extents.x_advance * static_cast<double>(anchor) / 2, 0);
    cairo_show_text(cairo_, words.c_str());
    cairo_restore(cairo_);
  }
  std::string finished() const {
    std::string png;
    const auto append = [](void* into, const unsigned char* bytes, unsigned count) {
      static_cast<std::string*>(into)->append(reinterpret_cast<const char*>(bytes), count);
      return CAIRO_STATUS_SUCCESS;
    };
    const auto status = cairo_surface_write_to_png_stream(surface_, append, &png);
    if (status != CAIRO_STATUS_SUCCESS)
      fail(Fault::io, "--png: {}", cairo_status_to_string(status));
    return png;
  }

 private:
  void ink(uint32_t c, double alpha) {
    cairo_set_source_rgba(cairo_, (c >> 16) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0,
                          alpha);
  }
  void path(const std::vector<Point>& points) {
    cairo_new_path(cairo_);
    for (const Point& p : points) cairo_line_to(cairo_, p.x, p.y);
  }
  cairo_surface_t* surface_;
  cairo_t* cairo_;
};

/// An axis from data to the sheet.
struct Axis {
  double low, high, from, to;
  bool log;
  double operator()(double v) const {
    const double share = log ? std::log(v / low) / std::log(high / low) : (v - low) / (high - low);
    return from + share * (to - from);
  }
  /// Round numbers inside it.
  std::vector<double> ticks() const {
    std::vector<double> all;
    if (log) {
      const double base = high / low > 1e4 ? 10 : 2;
      double tick = std::pow(base, std::ceil(std::log(low) / std::log(base) - 1e-9));
      for (; tick <= high * (1 + 1e-9); tick *= base) all.push_back(tick);
      return all;
    }
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    const double share = rough / power;
    const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
      all.push_back(i * step + 0.0);  // no -0
    return all;
  }
};

bool is_share(const std::string& name) {
  for (const char* word : {"accuracy", "exact", "chance", "self:", "long:", "soft_hard:"})
    if (name.find(word) != name.npos) return true;
  return false;
}

std::string tick_label(double value, bool share) {
  if (share) return fmt::format("{:.4g} %", 100 * value);
  if (value >= 1e4 && value == std::floor(value) && value < 1e6)
    return fmt::format("{:.0f}", value);
  for (const auto& [unit, letter] : {std::pair{1e9, 'G'}, {1e6, 'M'}, {1e3, 'k'}})
    if (std::abs(value) >= 10 * unit) return fmt::format("{:.4g}{}", value / unit, letter);
  return fmt::format("{:.4g}", value);
}

Axis axis_over(double low, double high, double from, double to, bool log, bool share) {
  if (share) return {0, 1, from, to, false};
  if (!log && low > 0 && low < 0.3 * high) low = 0;
  if (low == high) log ? (low /= 2, high *= 2) : (low -= 0.5, high += 0.5);
  return {low, high, from, to, log};
}

void frame(DrawingSheet& sheet, const Figure& figure, const Axis& x, const Axis& y) {
  for (const double tick : y.ticks()) {
    sheet.line({{x.from, y(tick)}, {x.to, y(tick)}}, {kFaint, 1});
    sheet.text(tick_label(tick, is_share(figure.y)), {x.from - 6, y(tick) + 4}, 12, Anchor::end,
               false);
  }
  for (const double tick : x.ticks()) {
    sheet.line({{x(tick), y.from}, {x(tick), y.from + 5}}, {kGrey, 1});
    sheet.text(tick_label(tick, false), {x(tick), y.from + 19}, 12, Anchor::middle, false);
  }
  sheet.line({{x.from, y.from}, {x.to, y.from}}, {kGrey, 1});
  for (const double length : figure.trained)
    if (length >= x.low && length <= x.high) {
      sheet.line({{x(length), y.from}, {x(length), y.to}}, {kGrey, 1, {2, 3}});
      sheet.text("trained", {x(length) + 4, y.to + 12}, 11, Anchor::start, false);
    }
  sheet.text(figure.title, {kLeft, 24}, 16, Anchor::start, false);
  sheet.text(figure.x, {(x.from + x.to) / 2, y.from + 38}, 13, Anchor::middle, false);
  sheet.text(figure.y, {18, (y.from + y.to) / 2}, 13, Anchor::middle, true);
}

/// The mean over the band; where some curves have ended, dotted, and with how many go on.
void band(DrawingSheet& sheet, const Band& b, const Pen& pen, const Axis& x, const Axis& y) {
  std::vector<Point> edge;
  for (size_t i = 0; i < b.x.size(); ++i) edge.push_back({x(b.x[i]), y(b.high[i])});
  for (size_t i = b.x.size(); i-- > 0;) edge.push_back({x(b.x[i]), y(b.low[i])});
  if (b.low != b.high) sheet.area(edge, pen.colour);
  const size_t most = *std::max_element(b.n.begin(), b.n.end());
  for (size_t i = 0; i < b.x.size();) {
    std::vector<Point> part;
    if (i > 0) part.push_back({x(b.x[i - 1]), y(b.mean[i - 1])});
    const size_t n = b.n[i], begin = i;
    for (; i < b.x.size() && b.n[i] == n; ++i) part.push_back({x(b.x[i]), y(b.mean[i])});
    Pen own = pen;
    if (n < most) own.width = 1.2, own.dashes = {1, 3};
    sheet.line(part, own);
    if (begin > 0)
      sheet.text(fmt::format("n = {}", n), {part[0].x, part[0].y - 6}, 10, Anchor::middle, false);
  }
  if (b.x.size() <= 20)
    for (size_t i = 0; i < b.x.size(); ++i) sheet.dot({x(b.x[i]), y(b.mean[i])}, pen.colour);
}

double height_of(const Figure& figure) {
  const auto rows = static_cast<double>(figure.lines.size() + !figure.chance.x.empty());
  return kTop + kPlot + 62 + kRow * rows;
}

void draw(DrawingSheet& sheet, const Figure& figure) {
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (const FigureLine& line : figure.lines)
    for (size_t i = 0; i < line.band.x.size(); ++i) {
      x0 = std::min(x0, line.band.x[i]), x1 = std::max(x1, line.band.x[i]);
      y0 = std::min(y0, line.band.low[i]), y1 = std::max(y1, line.band.high[i]);
    }
  const Axis x = axis_over(x0, x1, kLeft, kWidth - kRight, figure.log_x, false);
  const Axis y = axis_over(y0, y1, kTop + kPlot, kTop, false, is_share(figure.y));
  frame(sheet, figure, x, y);
  double row = kTop + kPlot + 62;
  const auto legend = [&](const std::string& label, const Pen& pen) {
    sheet.line({{kLeft, row}, {kLeft + 34, row}}, pen);
    sheet.text(label, {kLeft + 42, row + 4}, 12, Anchor::start, false);
    row += kRow;
  };
  for (size_t i = 0; i < figure.lines.size(); ++i) {
    const auto& [label, b] = figure.lines[i];
    band(sheet, b, pen_of(i), x, y);
    if (figure.points) sheet.line({{x(b.x[0]), y(b.low[0])}, {x(b.x[0]), y(b.high[0])}}, pen_of(i));
    const size_t most = *std::max_element(b.n.begin(), b.n.end());
    legend(fmt::format("{} (n = {}{})", label, most, most > 1 ? "; mean, lowest to highest" : ""),
           pen_of(i));
  }
  if (figure.chance.x.empty()) return;
  const Pen dashed{kGrey, 1.5, {5, 4}};
  std::vector<Point> points;
  for (size_t i = 0; i < figure.chance.x.size(); ++i)
    points.push_back({x(figure.chance.x[i]), y(figure.chance.mean[i])});
  sheet.line(points, dashed);
  legend("chance", dashed);
}

}  // namespace

std::string svg_of(const Figure& figure) {
  SvgSheet sheet;
  draw(sheet, figure);
  return sheet.finished(height_of(figure));
}

std::string png_of(const Figure& figure) {
  PngSheet sheet(height_of(figure));
  draw(sheet, figure);
  return sheet.finished();
}

}  // namespace gnomon
