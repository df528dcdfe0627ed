#include "tools/inspect/inspection.hpp"

#include <cmath>
#include <map>
#include <set>

#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "nn/pointer/pointing.hpp"
#include "tools/output.hpp"

namespace gnomon {
namespace {

constexpr int64_t kLocal = 16;  // the paper counts hops shorter than this as local

/// The numbers of one head.
template <class To, class T>
std::vector<To> of_head(const Tensor<T>& x, size_t head, size_t heads) {
  std::vector<To> all(x.size() / heads);
  for (size_t n = 0; n < all.size(); ++n) all[n] = To{x.data()[n * heads + head]};
  return all;
}

/// What is known of a layer only while it chooses.
struct Glimpse {
  std::vector<std::vector<double>> probability, entropy;  // [head][token]
  std::vector<double> gate;
};

/// softmax(logits / temperature) over the candidates, those that read the same added up. To read
/// nothing (-1) is an outcome as any other.
Glimpse glimpse(const Pointing& pointing, double temperature) {
  const auto [B, N, H] = dims<3>(pointing.to, "inspect: to [B,N,H]");
  const size_t G = pointing.candidates.shape()[2], K = pointing.candidates.shape()[3];
  Glimpse seen;
  seen.probability.assign(H, std::vector<double>(N));
  seen.entropy.assign(H, std::vector<double>(N));
  for (size_t n = 0; n < N; ++n)
    for (size_t h = 0; h < H; ++h) {
      const size_t row = n * G + (G == 1 ? 0 : h);
      const int32_t* to = pointing.candidates.row(row);
      const int32_t* read = pointing.read.row(row);
      const real* logit = pointing.logits.row(n * H + h);
      double top = -std::numeric_limits<double>::infinity(), sum = 0;
      for (size_t k = 0; k < K; ++k)
        if (to[k] >= 0) top = std::max(top, double{logit[k]});
      std::map<int32_t, double> share;  // of each target
      for (size_t k = 0; k < K; ++k)
        if (to[k] >= 0) share[read[k]] += std::exp((double{logit[k]} - top) / temperature);
      for (const auto& [target, mass] : share) sum += mass;
      for (const auto& [target, mass] : share)
        if (mass > 0) seen.entropy[h][n] -= mass / sum * std::log2(mass / sum);
      const auto chosen = share.find(pointing.to.row(n)[h]);
      if (chosen != share.end()) seen.probability[h][n] = chosen->second / sum;
    }
  const size_t D = pointing.gate.shape().last();
  for (size_t n = 0; n < N; ++n)
    seen.gate.push_back(std::accumulate(pointing.gate.row(n), pointing.gate.row(n) + D, 0.0) /
                        static_cast<double>(D));
  return seen;
}

using Ordered = nlohmann::ordered_json;  // keys as written

/// Four significant digits: more make the file large and tell nobody anything.
Ordered rounded(double x) {
  if (!std::isfinite(x)) return nullptr;
  if (x == 0) return 0;
  const double unit = std::pow(10, 3 - std::floor(std::log10(std::abs(x))));
  return std::round(x * unit) / unit;
}

Ordered rounded(const std::vector<double>& all) {
  Ordered list = Ordered::array();
  for (const double x : all) list.push_back(rounded(x));
  return list;
}

Ordered as_json(const HeadMap& map) {
  const HopStatistics& hops = map.hops;
  Ordered json{{"to", map.to},
               {"type", map.type},
               {"score", rounded(map.score)},
               {"margin", rounded(map.margin)},
               {"probability", rounded(map.probability)},
               {"entropy", rounded(map.entropy)},
               {"hops",
                {{"pointing", hops.pointing},
                 {"mean", rounded(hops.mean)},
                 {"median", rounded(hops.median)},
                 {"longest", hops.longest},
                 {"self", rounded(hops.self)},
                 {"local", rounded(hops.local)},
                 {"far", rounded(hops.far)},
                 {"distinct", hops.distinct}}}};
  if (map.recall)
    json["recall"] = {{"tokens", map.recall->tokens},
                      {"recalled", map.recall->recalled},
                      {"chosen", map.recall->chosen},
                      {"scored", map.recall->scored},
                      {"scored_recalled", map.recall->scored_recalled},
                      {"scored_chosen", map.recall->scored_chosen}};
  return json;
}

}  // namespace

std::vector<Metric> read_metrics(const std::string& path) {
  constexpr uint64_t kMost = uint64_t{1} << 30, kSteps = 1'000'000'000;
  const std::string text = read_file(path, kMost);
  std::vector<Metric> all;
  std::string first;
  size_t begin = 0, line = 1, damaged = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++line)
    try {
      const std::string where = fmt::format("{}: line {}", path, line);
      const Json json = parse_json(std::string_view(text).substr(begin, end - begin), where);
      const auto number = [&](const char* name) {
        return json_number(json_at(json, name, where), fmt::format("{}: {}", where, name));
      };
      all.push_back({json_integer(json_at(json, "step", where), 0, kSteps, where + ": step"),
                     number("loss"), number("accuracy"), number("tau"), number("tokens_per_s")});
    } catch (const Error& error) {
      if (damaged++ == 0) first = error.what();
    }
  if (damaged > 0)
    complain(fmt::format("{}; {} damaged line{} left out of the curves", first, damaged,
                         damaged == 1 ? " is" : "s are"));
  return all;
}

HopStatistics hop_statistics(const std::vector<int32_t>& to) {
  HopStatistics s;
  std::vector<int64_t> hops;
  for (size_t n = 0; n < to.size(); ++n)
    if (to[n] >= 0) hops.push_back(static_cast<int64_t>(n) - to[n]);
  s.pointing = hops.size();
  if (hops.empty()) return s;
  std::set<int32_t> targets(to.begin(), to.end());
  targets.erase(-1);
  s.distinct = targets.size();
  std::sort(hops.begin(), hops.end());
  const auto count = static_cast<double>(hops.size());
  s.mean = static_cast<double>(std::accumulate(hops.begin(), hops.end(), int64_t{0})) / count;
  const size_t middle = hops.size() / 2;
  s.median = static_cast<double>(hops[middle]);
  if (hops.size() % 2 == 0) s.median = (s.median + static_cast<double>(hops[middle - 1])) / 2;
  s.longest = static_cast<size_t>(hops.back());
  const auto below = [&](int64_t hop) {
    return static_cast<double>(std::lower_bound(hops.begin(), hops.end(), hop) - hops.begin());
  };
  s.self = below(1) / count;
  s.local = (below(kLocal) - below(1)) / count;
  s.far = 1 - below(kLocal) / count;
  return s;
}

void inspect_sample(const SequenceModel& model, const Task& task, const Batch& sample,
                    Inspection& inspection) {
  const auto [B, N] = dims<2>(sample.tokens, "inspect: sample [1,N]");
  expect(B == 1, "inspect: sample [1,N]: expected one sequence, got {}", B);
  Context context;
  context.tokens = sample.tokens;
  Recall recall;
  const bool recalled = N <= kLongestRecalled;
  if (recalled) recall.watch(context, sample.targets);
  std::vector<Glimpse> glimpses;
  context.watch = [&, count = context.watch](const Pointing& pointing) {
    if (count) count(pointing);
    glimpses.push_back(glimpse(pointing, inspection.temperature));
  };
  const auto scored = model.score(sample, context);

  inspection.target.assign(N, "");
  inspection.predicted.assign(N, "");
  for (size_t n = 0; n < N; ++n) {
    inspection.tokens.push_back(task.spell(sample.tokens.data()[n]));
    if (const int32_t target = sample.targets.data()[n]; target >= 0)
      inspection.target[n] = task.spell(target);
  }
  for (size_t m = 0; m < scored.positions.size(); ++m)
    inspection.predicted[static_cast<size_t>(scored.positions.data()[m])] =
        task.spell(scored.predicted.data()[m]);

  for (size_t l = 0; l < scored.pointers.size(); ++l) {
    const Pointers& pointers = scored.pointers[l];
    if (pointers.empty()) continue;
    const size_t seen = inspection.layers.size(), H = pointers.to.shape()[2];
    LayerMap layer{.layer = l + 1, .types = model.encoder().mixer(l).candidate_types()};
    const bool watched = seen < glimpses.size();
    if (watched) layer.gate = glimpses[seen].gate;
    for (size_t h = 0; h < H; ++h) {
      HeadMap head{.to = of_head<int32_t>(pointers.to, h, H),
                   .type = of_head<int32_t>(pointers.type, h, H),
                   .score = of_head<double>(pointers.score, h, H),
                   .margin = of_head<double>(pointers.margin, h, H)};
      if (watched) {
        head.probability = glimpses[seen].probability[h];
        head.entropy = glimpses[seen].entropy[h];
      }
      head.hops = hop_statistics(head.to);
      if (recalled && seen < recall.heads().size()) head.recall = recall.heads()[seen][h];
      layer.heads.push_back(std::move(head));
    }
    inspection.layers.push_back(std::move(layer));
  }
}

std::string inspection_json(const Inspection& inspection) {
  Ordered json{{"run", inspection.run},       {"model", inspection.model},
               {"task", inspection.task},     {"parameters", inspection.parameters},
               {"length", inspection.length}, {"temperature", inspection.temperature},
               {"config", inspection.config}};
  std::vector<size_t> steps;  // counted, so not rounded
  std::map<std::string, std::vector<double>> curves;
  for (const Metric& m : inspection.metrics) {
    steps.push_back(m.step);
    curves["loss"].push_back(m.loss);
    curves["accuracy"].push_back(m.accuracy);
    curves["tau"].push_back(m.tau);
    curves["tokens_per_s"].push_back(m.tokens_per_s);
  }
  json["metrics"]["step"] = steps;
  for (const char* name : {"loss", "accuracy", "tau", "tokens_per_s"})
    json["metrics"][name] = rounded(curves[name]);
  json["accuracy"] = Ordered::array();
  for (const Evaluation& e : inspection.accuracy)
    json["accuracy"].push_back(
        {{"length", e.length},
         {"token_accuracy", rounded(e.token_accuracy)},
         {"exact_match", inspection.exact ? rounded(e.exact_match) : Ordered()},
         {"loss", rounded(e.loss)},
         {"tokens", e.tokens},
         {"chance", rounded(e.chance)}});
  json["tokens"] = inspection.tokens;
  json["target"] = inspection.target;
  json["predicted"] = inspection.predicted;
  json["layers"] = Ordered::array();
  for (const LayerMap& layer : inspection.layers) {
    Ordered heads = Ordered::array();
    for (const HeadMap& head : layer.heads) heads.push_back(as_json(head));
    json["layers"].push_back({{"layer", layer.layer},
                              {"types", layer.types},
                              {"gate", rounded(layer.gate)},
                              {"heads", heads}});
  }
  // A path may hold bytes that are no text.
  return json.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

}  // namespace gnomon
