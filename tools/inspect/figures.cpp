#include "tools/inspect/figures.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "tools/inspect/chain.hpp"

namespace gnomon {
namespace {

const SourceStyle kFirstLine = style_of(0), kSecondLine = style_of(1);
const SourceStyle kChanceLine{0x777777, {5, 4}};
constexpr double kFigureWidth = 960;

std::string source(const std::string& type) { return type.substr(0, type.find(' ')); }

/// All figures of one kind.
class Figures {
 public:
  Figures(const Inspection& inspection, FigureKind kind, const std::string& folder)
      : inspection_(inspection), sample_(inspection.sample), kind_(kind), folder_(folder) {
    // The sources of all layers, "match" of "match 1": what colours stand for, in all figures.
    for (const LayerMap& layer : sample_.layers)
      for (const std::string& type : layer.types)
        if (std::ranges::find(sources_, source(type)) == sources_.end())
          sources_.push_back(source(type));
    about_ = fmt::format("{}: {} on {}", inspection.run, inspection.model, inspection.task);
  }

  void loss() {
    FigureSheet sheet(kind_, kFigureWidth, 560);
    sheet.title("loss by step", about_);
    std::vector<double> steps, losses, at, validated;
    double top = 0;
    for (const Metric& m : inspection_.metrics) {
      steps.push_back(static_cast<double>(m.step)), losses.push_back(m.loss);
      if (std::isfinite(m.loss)) top = std::max(top, m.loss);
      if (!m.validated) continue;
      at.push_back(static_cast<double>(m.step)), validated.push_back(m.validation_loss);
      if (std::isfinite(m.validation_loss)) top = std::max(top, m.validation_loss);
    }
    sheet.axes({0, steps.back(), "step"}, {0, top, "nats"});
    sheet.line(steps, losses, kFirstLine);
    std::vector<FigureSheet::Entry> entries{{"training", kFirstLine}};
    if (!at.empty()) {
      sheet.line(at, validated, kSecondLine);
      for (size_t i = 0; i < at.size(); ++i)
        if (std::isfinite(validated[i])) sheet.dot(at[i], validated[i], kSecondLine);
      entries.push_back({"validation", kSecondLine});
    }
    sheet.legend(entries);
    save(sheet, "loss");
  }

  void accuracy() {
    FigureSheet sheet(kind_, kFigureWidth, 560);
    sheet.title("tokens right by length", about_);
    std::vector<double> lengths, right, chance;
    for (const Evaluation& e : inspection_.accuracy) {
      lengths.push_back(static_cast<double>(e.length));
      right.push_back(e.token_accuracy), chance.push_back(e.chance);
    }
    const auto [low, high] = std::minmax_element(lengths.begin(), lengths.end());
    sheet.axes({*low, *high, "length", true}, {0, 1, "tokens right", false, true});
    sheet.line(lengths, chance, kChanceLine);
    sheet.line(lengths, right, kFirstLine);
    for (size_t i = 0; i < lengths.size(); ++i) sheet.dot(lengths[i], right[i], kFirstLine);
    sheet.legend({{"this model", kFirstLine}, {"chance", kChanceLine}});
    save(sheet, "accuracy");
  }

  /// The tokens as columns, the layers as rows, the newest on top.
  void chain(size_t token) {
    constexpr double kColumn = 44, kRowTall = 92, kTopRow = 116, kLeftColumn = 120;
    const Chain tree = chain_of(sample_, token, 20);
    const size_t L = sample_.layers.size();
    const double width =
        std::max(kFigureWidth * 0.6, kLeftColumn + kColumn * (0.6 + double(tree.positions.size())));
    FigureSheet sheet(kind_, width, kTopRow + kRowTall * static_cast<double>(L) + 74);
    const int32_t asked = sample_.target[token];
    sheet.title(fmt::format("the chain of token {}, “{}”{}", token,
                            symbol_of(sample_, sample_.tokens[token]),
                            asked < 0 ? std::string()
                                      : fmt::format(": answers “{}”, asked “{}”",
                                                    symbol_of(sample_, sample_.predicted[token]),
                                                    symbol_of(sample_, asked))),
                about_);
    const auto x = [&](int32_t n) {
      const auto at = std::ranges::lower_bound(tree.positions, n) - tree.positions.begin();
      return kLeftColumn + kColumn * (static_cast<double>(at) + 0.5);
    };
    const auto y = [](size_t row) { return kTopRow + kRowTall * static_cast<double>(row); };
    std::set<std::string> there;
    for (const ChainEdge& e : tree.edges) {
      const SourceStyle style = style_of_edge(e, sample_.layers[L - 1 - e.row]);
      const bool itself = e.kind == ChainEdge::Kind::itself;
      if (e.type >= 0)
        there.insert(source(sample_.layers[L - 1 - e.row].types[static_cast<size_t>(e.type)]));
      sheet.curve(x(e.from), y(e.row) + 11, x(e.to), y(e.row + 1) - 11, style,
                  itself ? 1 : 1 + 4 * e.strength);
    }
    for (size_t row = 0; row <= L; ++row) {
      sheet.text(row == L ? "embedding" : fmt::format("layer {}", L - row), 20, y(row) + 5, 13, 0);
      for (const int32_t n : tree.rows[row]) {
        const int32_t shown = sample_.tokens[static_cast<size_t>(n)];
        sheet.box(x(n), y(row), symbol_of(sample_, shown),
                  n == static_cast<int32_t>(token) || shown == sample_.predicted[token]);
      }
    }
    for (const int32_t n : tree.positions)
      sheet.text(fmt::format("{}", n), x(n), y(L) + 30, 11, 0.5, 0.35);
    sheet.text(
        fmt::format("thick frame: the token, and its answer; thickness of a line: gate or "
                    "weight{}",
                    tree.left_out ? fmt::format("; {} positions left out", tree.left_out) : ""),
        20, y(L) + 54, 11, 0, 0.35);
    legend(sheet, there, {{"itself", {0xbbbbbb, {}}}});
    save(sheet, "chain");
  }

  void pointers(const LayerMap& layer, size_t h) {
    const HeadMap& head = layer.heads[h];
    const auto N = static_cast<double>(head.to.size());
    const double alpha = N > 512 ? 0.3 : 0.7;
    std::set<std::string> there;
    for (const int32_t type : head.type)
      if (type >= 0) there.insert(source(layer.types[static_cast<size_t>(type)]));
    FigureSheet arcs(kind_, kFigureWidth, 430), map(kind_, kFigureWidth, 960);
    begin(arcs, layer, h, "each token to its target", N, there, false);
    begin(map, layer, h, "token (down), target (across)", N, there, true);
    for (size_t n = 0; n < head.to.size(); ++n) {
      if (head.to[n] < 0) continue;
      const SourceStyle style = style_of_type(layer, head.type[n]);
      const auto from = static_cast<double>(n), to = static_cast<double>(head.to[n]);
      arcs.arc(from, to, static_cast<double>(head.hops.longest), style, alpha);
      map.cell(to, from, style, 1);
    }
    save(arcs, fmt::format("arcs-{}-{}", layer.layer, h + 1));
    save(map, fmt::format("map-{}-{}", layer.layer, h + 1));
  }

  void weights(const LayerMap& layer, size_t h) {
    const HeadWeights& head = layer.weights[h];
    const auto N = static_cast<double>(head.sum.size());
    FigureSheet map(kind_, kFigureWidth, 960);
    begin(map, layer, h, "token (down), what it reads (across); darker: more weight", N, {}, true);
    for (size_t n = 0; n < head.sum.size(); ++n)
      for (size_t i = 0; i < head.kept; ++i)
        if (const int32_t to = head.to[n * head.kept + i]; to >= 0)
          map.cell(static_cast<double>(to), static_cast<double>(n), style_of(h),
                   std::clamp(head.weight[n * head.kept + i], 0.0, 1.0));
    save(map, fmt::format("map-{}-{}", layer.layer, h + 1));
  }

  size_t count() const { return count_; }

 private:
  SourceStyle style_of_source(const std::string& name) const {
    return style_of(static_cast<size_t>(std::ranges::find(sources_, name) - sources_.begin()));
  }
  SourceStyle style_of_type(const LayerMap& layer, int32_t type) const {
    return style_of_source(source(layer.types[static_cast<size_t>(type)]));
  }
  SourceStyle style_of_edge(const ChainEdge& e, const LayerMap& layer) const {
    if (e.kind == ChainEdge::Kind::itself) return {0xbbbbbb, {}};
    return e.kind == ChainEdge::Kind::weight ? style_of(e.head) : style_of_type(layer, e.type);
  }
  /// Of the sources that are there, in their order.
  void legend(FigureSheet& sheet, const std::set<std::string>& there,
              std::vector<FigureSheet::Entry> more = {}) const {
    std::vector<FigureSheet::Entry> entries;
    for (const std::string& name : sources_)
      if (there.contains(name)) entries.push_back({name, style_of_source(name)});
    entries.insert(entries.end(), more.begin(), more.end());
    sheet.legend(entries);
  }
  void begin(FigureSheet& sheet, const LayerMap& layer, size_t h, const std::string& what, double N,
             const std::set<std::string>& there, bool map) const {
    sheet.title(fmt::format("layer {}, head {}: {}", layer.layer, h + 1, what), about_);
    legend(sheet, there);
    if (map)
      sheet.axes({0, N, "position that is read"}, {0, N, "position of the token"}, true);
    else
      sheet.axes({0, N, "position"}, {0, 1});
  }
  void save(FigureSheet& sheet, const std::string& name) {
    sheet.save(figure_file(kind_, folder_, name));
    ++count_;
  }

  const Inspection& inspection_;
  const InspectedSample& sample_;
  FigureKind kind_;
  std::string folder_, about_;
  std::vector<std::string> sources_;
  size_t count_ = 0;
};

}  // namespace

size_t write_figures(const Inspection& inspection, size_t token, FigureKind kind,
                     const std::string& folder) {
  Figures figures(inspection, kind, folder);
  if (!inspection.metrics.empty()) figures.loss();
  if (inspection.accuracy.size() > 1) figures.accuracy();
  bool reads = false;
  for (const LayerMap& layer : inspection.sample.layers) {
    for (size_t h = 0; h < layer.heads.size(); ++h) figures.pointers(layer, h);
    for (size_t h = 0; h < layer.weights.size(); ++h) figures.weights(layer, h);
    reads |= !layer.heads.empty() || !layer.weights.empty();
  }
  if (reads) figures.chain(token);
  return figures.count();
}

}  // namespace gnomon
