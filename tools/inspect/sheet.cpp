#include "tools/inspect/sheet.hpp"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/base/error.hpp"
#include "core/base/file.hpp"

namespace gnomon {
namespace {

constexpr double kSide = 72, kAbove = 86, kBelow = 60;  // of the axes

cairo_status_t append_bytes(void* into, const unsigned char* bytes, unsigned count) {
  static_cast<std::string*>(into)->append(reinterpret_cast<const char*>(bytes), count);
  return CAIRO_STATUS_SUCCESS;
}

cairo_surface_t* surface_for(FigureKind kind, std::string& bytes, double width, double height) {
  switch (kind) {
    case FigureKind::svg:
      return cairo_svg_surface_create_for_stream(append_bytes, &bytes, width, height);
    case FigureKind::pdf:
      return cairo_pdf_surface_create_for_stream(append_bytes, &bytes, width, height);
    default:
      return cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(2 * width),
                                        static_cast<int>(2 * height));
  }
}

/// Round numbers from low to high, about five; of a logarithmic axis powers of 2.
std::vector<double> round_numbers(const FigureSheet::Axis& axis) {
  std::vector<double> all;
  if (axis.log) {
    for (double tick = std::exp2(std::ceil(std::log2(axis.low) - 1e-9));
         tick <= axis.high * (1 + 1e-9); tick *= 2)
      all.push_back(tick);
    return all;
  }
  const double rough = (axis.high - axis.low) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough))), share = rough / power;
  const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  for (double i = std::ceil(axis.low / step - 1e-9); i * step <= axis.high + 1e-9 * step; ++i)
    all.push_back(i * step + 0.0);  // no -0
  return all;
}

}  // namespace

std::string figure_file(FigureKind kind, const std::string& folder, const std::string& name) {
  constexpr std::array<const char*, 3> kEndings{".png", ".svg", ".pdf"};
  return folder + "/" + name + kEndings[static_cast<size_t>(kind)];
}

SourceStyle style_of(size_t source) {
  constexpr std::array<uint32_t, 10> kPalette{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00,
                                              0x56b4e9, 0x6b6b6b, 0xa59a00, 0x6a4fb3, 0x7d4e24};
  static const std::vector<double> kStrokes[]{{}, {7, 3}, {2, 2}, {9, 3, 2, 3}};
  return {kPalette[source % kPalette.size()],
          kStrokes[(source + source / kPalette.size()) % std::size(kStrokes)]};
}

FigureSheet::FigureSheet(FigureKind kind, double width, double height)
    : kind_(kind),
      width_(width),
      height_(height),
      surface_(surface_for(kind, bytes_, width, height)),
      cairo_(cairo_create(surface_)) {
  if (kind == FigureKind::png) cairo_scale(cairo_, 2, 2);
  cairo_set_source_rgb(cairo_, 1, 1, 1);
  cairo_paint(cairo_);
  cairo_set_line_cap(cairo_, CAIRO_LINE_CAP_BUTT);
  cairo_select_font_face(cairo_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

FigureSheet::~FigureSheet() {
  cairo_destroy(cairo_);
  cairo_surface_destroy(surface_);
}

void FigureSheet::title(const std::string& words, const std::string& below) {
  text(words, kSide, 26, 18, 0);
  text(below, kSide, 46, 13, 0, 0.35);
}

void FigureSheet::axes(const Axis& x, const Axis& y, bool y_down) {
  x_ = x, y_ = y, y_down_ = y_down;
  for (Axis* axis : {&x_, &y_})
    if (!(axis->high > axis->low)) axis->high = axis->low + 1;
  const double left = kSide, right = width_ - 24, low = height_ - kBelow;
  for (const double tick : y_.name.empty() ? std::vector<double>() : round_numbers(y_)) {
    line({x_.low, x_.high}, {tick, tick}, {0xdddddd, {}}, 1);
    text(y_.share ? fmt::format("{:.4g} %", 100 * tick) : fmt::format("{:.4g}", tick), left - 8,
         this->y(tick) + 4, 12, 1, 0.3);
  }
  for (const double tick : round_numbers(x_)) {
    const double at = this->x(tick);
    curve(at, low, at, low + 5, {0x777777, {}}, 1);
    text(fmt::format("{:.6g}", tick), at, low + 20, 12, 0.5, 0.3);
  }
  curve(left, low, right, low, {0x777777, {}}, 1);
  text(x_.name, (left + right) / 2, low + 40, 13, 0.5, 0.3);
  cairo_save(cairo_);
  cairo_translate(cairo_, 18, (kAbove + low) / 2);
  cairo_rotate(cairo_, -std::numbers::pi / 2);
  text(y_.name, 0, 0, 13, 0.5, 0.3);
  cairo_restore(cairo_);
}

double FigureSheet::placed(const Axis& axis, double v) {
  if (axis.log) return std::log(v / axis.low) / std::log(axis.high / axis.low);
  return (v - axis.low) / (axis.high - axis.low);
}

double FigureSheet::x(double v) const { return kSide + placed(x_, v) * (width_ - 24 - kSide); }

double FigureSheet::y(double v) const {
  const double up = placed(y_, v), tall = height_ - kBelow - kAbove;
  return kAbove + (y_down_ ? up : 1 - up) * tall;
}

void FigureSheet::ink(const SourceStyle& style, double alpha, double wide) {
  const uint32_t c = style.colour;
  cairo_set_source_rgba(cairo_, (c >> 16 & 255) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0,
                        alpha);
  cairo_set_line_width(cairo_, wide);
  cairo_set_dash(cairo_, style.dashes.data(), static_cast<int>(style.dashes.size()), 0);
  cairo_new_path(cairo_);
}

void FigureSheet::line(const std::vector<double>& xs, const std::vector<double>& ys,
                       const SourceStyle& style, double wide, double alpha) {
  ink(style, alpha, wide);
  bool begun = false;
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!std::isfinite(ys[i])) continue;
    begun ? cairo_line_to(cairo_, x(xs[i]), y(ys[i])) : cairo_move_to(cairo_, x(xs[i]), y(ys[i]));
    begun = true;
  }
  cairo_stroke(cairo_);
}

void FigureSheet::dot(double at_x, double at_y, const SourceStyle& style) {
  ink(style, 1, 1);
  cairo_arc(cairo_, x(at_x), y(at_y), 3.5, 0, 2 * std::numbers::pi);
  cairo_fill(cairo_);
}

void FigureSheet::arc(double a, double b, double reach, const SourceStyle& style, double alpha) {
  ink(style, alpha, 1.5);
  const double radius = std::abs(x(a) - x(b)) / 2, base = height_ - kBelow;
  cairo_save(cairo_);
  cairo_translate(cairo_, (x(a) + x(b)) / 2, base);
  if (radius < 0.5) {
    cairo_arc(cairo_, 0, -4, 4, 0, 2 * std::numbers::pi);
  } else {
    cairo_scale(cairo_, radius,
                (base - kAbove) * std::sqrt(std::abs(a - b) / std::max(1.0, reach)));
    cairo_arc(cairo_, 0, 0, 1, std::numbers::pi, 2 * std::numbers::pi);
  }
  cairo_restore(cairo_);
  cairo_stroke(cairo_);
}

void FigureSheet::cell(double at_x, double at_y, const SourceStyle& style, double alpha) {
  ink(style, alpha, 1);
  const double wide = std::max(2.0, x(at_x + 1) - x(at_x));
  const double tall = std::max(2.0, std::abs(y(at_y + 1) - y(at_y)));
  cairo_rectangle(cairo_, x(at_x), y(at_y), wide, tall);
  cairo_fill(cairo_);
}

void FigureSheet::curve(double x0, double y0, double x1, double y1, const SourceStyle& style,
                        double wide) {
  ink(style, 1, wide);
  const double middle = (y0 + y1) / 2;
  cairo_move_to(cairo_, x0, y0);
  cairo_curve_to(cairo_, x0, middle, x1, middle, x1, y1);
  cairo_stroke(cairo_);
}

void FigureSheet::box(double at_x, double at_y, const std::string& words, bool marked) {
  cairo_set_font_size(cairo_, 14);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_, words.c_str(), &extents);
  const double wide = std::max(20.0, extents.x_advance + 8), tall = 22;
  ink({0xffffff, {}}, 1, 1);
  cairo_rectangle(cairo_, at_x - wide / 2, at_y - tall / 2, wide, tall);
  cairo_fill_preserve(cairo_);
  cairo_set_source_rgb(cairo_, 0.2, 0.2, 0.2);
  cairo_set_line_width(cairo_, marked ? 3 : 1);
  cairo_stroke(cairo_);
  text(words, at_x, at_y + 5, 14, 0.5);
}

void FigureSheet::text(const std::string& words, double at_x, double at_y, double size,
                       double before, double grey) {
  cairo_set_source_rgb(cairo_, grey, grey, grey);
  cairo_set_font_size(cairo_, size);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_, words.c_str(), &extents);
  cairo_move_to(cairo_, at_x - before * extents.x_advance, at_y);
  cairo_show_text(cairo_, words.c_str());
}

void FigureSheet::legend(const std::vector<Entry>& entries) {
  double at = kSide;
  for (const auto& [name, style] : entries) {
    curve(at, 62, at + 26, 62, style, 3);
    text(name, at + 31, 66, 12, 0, 0.25);
    cairo_text_extents_t extents;
    cairo_text_extents(cairo_, name.c_str(), &extents);
    at += 31 + extents.x_advance + 16;
  }
}

void FigureSheet::save(const std::string& path) {
  if (kind_ == FigureKind::png) cairo_surface_write_to_png_stream(surface_, append_bytes, &bytes_);
  cairo_surface_finish(surface_);
  const auto status = cairo_surface_status(surface_);
  expect(status == CAIRO_STATUS_SUCCESS, "figures: {}", cairo_status_to_string(status));
  atomic_write(path, {bytes_});
}

}  // namespace gnomon
