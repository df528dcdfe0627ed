#include "tools/inspect/figures.hpp"

#include <cairo.h>

#include <array>
#include <cmath>
#include <numbers>

#include "core/base/file.hpp"

namespace gnomon {
namespace {

constexpr double kMargin = 64;

/// A white sheet with axes; x and y are in the units of the data.
class Sheet {
 public:
  Sheet(int width, int height, const std::string& title)
      : width_(width),
        height_(height),
        surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
        cairo_(cairo_create(surface_)) {
    cairo_set_source_rgb(cairo_, 1, 1, 1);
    cairo_paint(cairo_);
    cairo_set_line_cap(cairo_, CAIRO_LINE_CAP_ROUND);
    cairo_select_font_face(cairo_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    ink(0.1);
    text(title, width / 2.0, 28, 20, 0.5);
  }
  ~Sheet() {
    cairo_destroy(cairo_);
    cairo_surface_destroy(surface_);
  }
  Sheet(const Sheet&) = delete;
  Sheet& operator=(const Sheet&) = delete;

  void axes(double x0, double x1, double y0, double y1) {
    x0_ = x0, x1_ = std::max(x1, x0 + 1e-9), y0_ = y0, y1_ = y1 == y0 ? y0 + 1 : y1;
    ink(0.35);
    cairo_set_line_width(cairo_, 1);
    cairo_rectangle(cairo_, kMargin, kMargin, width_ - 2 * kMargin, height_ - 2 * kMargin);
    cairo_stroke(cairo_);
  }
  double x(double v) const { return kMargin + (v - x0_) / (x1_ - x0_) * (width_ - 2 * kMargin); }
  double y(double v) const {
    return height_ - kMargin - (v - y0_) / (y1_ - y0_) * (height_ - 2 * kMargin);
  }
  void x_label(double at, const std::string& label) {
    ink(0.25);
    text(label, x(at), height_ - kMargin + 22, 14, 0.5);
  }
  void y_label(double at, const std::string& label) {
    ink(0.25);
    text(label, kMargin - 8, y(at) + 5, 14, 1);
  }
  void line(const std::vector<double>& xs, const std::vector<double>& ys, size_t colour,
            bool dashed = false) {
    const double dash = 8;
    cairo_set_dash(cairo_, &dash, dashed ? 1 : 0, 0);
    ink_of(colour, 1);
    cairo_set_line_width(cairo_, 2.5);
    for (size_t i = 0; i < xs.size(); ++i)
      i == 0 ? cairo_move_to(cairo_, x(xs[i]), y(ys[i]))
             : cairo_line_to(cairo_, x(xs[i]), y(ys[i]));
    cairo_stroke(cairo_);
    cairo_set_dash(cairo_, nullptr, 0, 0);
  }
  /// A half ellipse from a to b standing on the lower axis; `reach`: the longest there is.
  void arc(double a, double b, double reach, size_t colour, double alpha) {
    ink_of(colour, alpha);
    cairo_set_line_width(cairo_, 1.5);
    cairo_new_path(cairo_);
    const double radius = std::abs(x(a) - x(b)) / 2;
    cairo_save(cairo_);
    cairo_translate(cairo_, (x(a) + x(b)) / 2, height_ - kMargin);
    if (radius < 0.5) {
      cairo_arc(cairo_, 0, -4, 4, 0, 2 * std::numbers::pi);
    } else {
      const double tall =
          (height_ - 2 * kMargin) * std::sqrt(std::abs(a - b) / std::max(1.0, reach));
      cairo_scale(cairo_, radius, tall);
      cairo_arc(cairo_, 0, 0, 1, std::numbers::pi, 2 * std::numbers::pi);
    }
    cairo_restore(cairo_);
    cairo_stroke(cairo_);
  }
  void cell(double at_x, double at_y, size_t colour) {
    ink_of(colour, 1);
    const double wide = std::max(2.0, x(1) - x(0)), tall = std::max(2.0, y(0) - y(1));
    cairo_rectangle(cairo_, x(at_x), height_ - y(at_y), wide, tall);
    cairo_fill(cairo_);
  }
  /// A name beside its colour, the i-th below the title.
  void legend(size_t i, const std::string& name, size_t colour) {
    ink_of(colour, 1);
    const double at = kMargin + 105 * static_cast<double>(i);
    cairo_rectangle(cairo_, at, 40, 12, 12);
    cairo_fill(cairo_);
    ink(0.25);
    text(name, at + 17, 51, 13, 0);
  }

  void save(const std::string& path) {
    std::string png;
    const auto append = [](void* into, const unsigned char* bytes, unsigned count) {
      static_cast<std::string*>(into)->append(reinterpret_cast<const char*>(bytes), count);
      return CAIRO_STATUS_SUCCESS;
    };
    const auto status = cairo_surface_write_to_png_stream(surface_, append, &png);
    expect(status == CAIRO_STATUS_SUCCESS, "figures: {}", cairo_status_to_string(status));
    atomic_write(path, {png});
  }

 private:
  void ink(double grey) { cairo_set_source_rgb(cairo_, grey, grey, grey); }
  void ink_of(size_t colour, double alpha) {
    // As in report.js.
    constexpr std::array<uint32_t, 10> kColours{0x3b78c2, 0xd0622a, 0x2e9b6b, 0xb04a9c, 0xc99a1c,
                                                0x6a5fc7, 0xc23f54, 0x3a9ca8, 0x8a7a5c, 0x7f8c3a};
    const uint32_t c = kColours[colour % kColours.size()];
    cairo_set_source_rgba(cairo_, (c >> 16) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0,
                          alpha);
  }
  /// `before`: the share of its width that stands before `at_x`.
  void text(const std::string& words, double at_x, double at_y, double size, double before) {
    cairo_set_font_size(cairo_, size);
    cairo_text_extents_t extents;
    cairo_text_extents(cairo_, words.c_str(), &extents);
    cairo_move_to(cairo_, at_x - before * extents.x_advance, at_y);
    cairo_show_text(cairo_, words.c_str());
  }

  double width_, height_, x0_ = 0, x1_ = 1, y0_ = 0, y1_ = 1;
  cairo_surface_t* surface_;
  cairo_t* cairo_;
};

void loss_figure(const std::vector<Metric>& metrics, const std::string& path) {
  Sheet sheet(960, 640, "loss by step (nats)");
  std::vector<double> steps, losses;
  for (const Metric& m : metrics)
    steps.push_back(static_cast<double>(m.step)), losses.push_back(m.loss);
  const double top = *std::max_element(losses.begin(), losses.end());
  sheet.axes(0, steps.back(), 0, top);
  sheet.line(steps, losses, 0);
  sheet.x_label(0, "0"), sheet.x_label(steps.back(), fmt::format("{:.0f}", steps.back()));
  sheet.y_label(0, "0"), sheet.y_label(top, fmt::format("{:.3g}", top));
  sheet.save(path);
}

void accuracy_figure(const Inspection& inspection, const std::string& path) {
  Sheet sheet(960, 640, "tokens right by length; dashed: chance");
  std::vector<double> lengths, right, chance;
  for (const Evaluation& e : inspection.accuracy) {
    lengths.push_back(std::log2(static_cast<double>(e.length)));
    right.push_back(e.token_accuracy), chance.push_back(e.chance);
  }
  const auto [low, high] = std::minmax_element(lengths.begin(), lengths.end());
  sheet.axes(*low, *high, 0, 1);
  sheet.line(lengths, chance, 8, true);
  sheet.line(lengths, right, 0);
  for (size_t i = 0; i < lengths.size(); ++i)
    sheet.x_label(lengths[i], fmt::format("{}", inspection.accuracy[i].length));
  sheet.y_label(0, "0 %"), sheet.y_label(1, "100 %");
  sheet.save(path);
}

std::string source(const std::string& type) { return type.substr(0, type.find(' ')); }

/// The sources of all layers, "match" of "match 1": what colours stand for, in all figures alike.
std::vector<std::string> sources(const Inspection& inspection) {
  std::vector<std::string> all;
  for (const LayerMap& layer : inspection.layers)
    for (const std::string& type : layer.types)
      if (std::find(all.begin(), all.end(), source(type)) == all.end()) all.push_back(source(type));
  return all;
}

template <class Draw>
void pointer_figure(const Inspection& inspection, const LayerMap& layer, size_t h, int height,
                    const std::string& what, const std::string& path, Draw&& draw) {
  const HeadMap& head = layer.heads[h];
  const size_t N = inspection.tokens.size();
  const std::vector<std::string> names = sources(inspection);
  Sheet sheet(1080, height, fmt::format("layer {}, head {}: {}", layer.layer, h + 1, what));
  for (size_t i = 0; i < names.size(); ++i) sheet.legend(i, names[i], i);
  sheet.axes(0, static_cast<double>(N), 0, static_cast<double>(N));
  sheet.x_label(0, "0"), sheet.x_label(static_cast<double>(N), fmt::format("{}", N));
  for (size_t n = 0; n < N; ++n) {
    if (head.to[n] < 0) continue;
    const auto colour = std::find(names.begin(), names.end(),
                                  source(layer.types[static_cast<size_t>(head.type[n])]));
    draw(sheet, static_cast<double>(n), static_cast<double>(head.to[n]),
         static_cast<size_t>(colour - names.begin()));
  }
  sheet.save(path);
}

}  // namespace

size_t write_figures(const Inspection& inspection, const std::string& folder) {
  size_t count = 0;
  const auto file = [&](const std::string& name) { return ++count, folder + "/" + name + ".png"; };
  if (!inspection.metrics.empty()) loss_figure(inspection.metrics, file("loss"));
  if (inspection.accuracy.size() > 1) accuracy_figure(inspection, file("accuracy"));
  const size_t N = inspection.tokens.size();
  const double alpha = N > 512 ? 0.3 : 0.7;
  for (const LayerMap& layer : inspection.layers)
    for (size_t h = 0; h < layer.heads.size(); ++h) {
      const std::string which = fmt::format("-{}-{}", layer.layer, h + 1);
      const auto reach = static_cast<double>(layer.heads[h].hops.longest);
      pointer_figure(inspection, layer, h, 480, "each token to its target", file("arcs" + which),
                     [&](Sheet& sheet, double n, double to, size_t colour) {
                       sheet.arc(n + 0.5, to + 0.5, reach, colour, alpha);
                     });
      pointer_figure(
          inspection, layer, h, 1080, "token (down), target (across)", file("map" + which),
          [&](Sheet& sheet, double n, double to, size_t colour) { sheet.cell(to, n, colour); });
    }
  return count;
}

}  // namespace gnomon
