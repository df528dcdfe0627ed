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
  const Array gate = pointing.gate();
  const size_t D = gate.shape().last();
  for (size_t n = 0; n < N; ++n)
    seen.gate.push_back(std::accumulate(gate.row(n), gate.row(n) + D, 0.0) /
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

/// A line of metrics.jsonl. Throws Error(Fault::data).
Metric read_metric(std::string_view line, const std::string& where) {
  constexpr uint64_t kSteps = 1'000'000'000;
  const auto number = [&](const Json& json, const char* name) {
    const Json& x = json_at(json, name, where);
    return x.is_null() ? NAN : json_number(x, fmt::format("{}: {}", where, name));
  };
  const auto count = [&](const Json& json, const char* name) {
    return json_integer(json_at(json, name, where), 0, kSteps, fmt::format("{}: {}", where, name));
  };
  const Json json = parse_json(line, where);
  Metric metric{.step = count(json, "step"),
                .loss = number(json, "loss"),
                .accuracy = number(json, "accuracy"),
                .tau = number(json, "tau"),
                .tokens_per_s = number(json, "tokens_per_s")};
  if ((metric.validated = json.contains("validation_loss"))) {
    metric.validation_loss = number(json, "validation_loss");
    metric.validation_accuracy = number(json, "validation_accuracy");
  }
  if (const auto found = json.find("pointers"); found != json.end())
    for (const Json& p : *found)
      metric.pointers.push_back({count(p, "layer"), number(p, "mean_hop"), number(p, "self"),
                                 number(p, "long"), number(p, "soft_hard")});
  return metric;
}

/// What the validations and the pointers of the lines make as curves.
void add_watched(Ordered& json, const std::vector<Metric>& metrics) {
  std::vector<size_t> steps;
  std::vector<double> loss, accuracy;
  struct Curves {
    std::vector<size_t> step;
    std::vector<double> mean_hop, self, far, soft_hard;
  };
  std::map<size_t, Curves> layers;
  for (const Metric& m : metrics) {
    if (m.validated) {
      steps.push_back(m.step);
      loss.push_back(m.validation_loss), accuracy.push_back(m.validation_accuracy);
    }
    for (const PointerSummary& p : m.pointers) {
      Curves& of = layers[p.layer];
      of.step.push_back(m.step), of.mean_hop.push_back(p.mean_hop), of.self.push_back(p.self);
      of.far.push_back(p.far), of.soft_hard.push_back(p.soft_hard);
    }
  }
  json["validation"] = {{"step", steps}, {"loss", rounded(loss)}, {"accuracy", rounded(accuracy)}};
  json["pointers"] = Ordered::array();
  for (const auto& [layer, of] : layers)
    json["pointers"].push_back({{"layer", layer},
                                {"step", of.step},
                                {"mean_hop", rounded(of.mean_hop)},
                                {"self", rounded(of.self)},
                                {"long", rounded(of.far)},
                                {"soft_hard", rounded(of.soft_hard)}});
}

}  // namespace

std::vector<Metric> read_metrics(const std::string& path) {
  constexpr uint64_t kMost = uint64_t{1} << 30;
  const std::string text = read_file(path, kMost);
  std::vector<Metric> all;
  std::string first;
  size_t begin = 0, line = 1, damaged = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++line)
    try {
      all.push_back(read_metric(std::string_view(text).substr(begin, end - begin),
                                fmt::format("{}: line {}", path, line)));
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
  s.local = (below(int64_t{kFarHop}) - below(1)) / count;
  s.far = 1 - below(int64_t{kFarHop}) / count;
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
  add_watched(json["metrics"], inspection.metrics);
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
