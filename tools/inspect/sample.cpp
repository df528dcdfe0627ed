#include "tools/inspect/sample.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "core/ops/gather_rows.hpp"
#include "core/ops/reshape.hpp"
#include "nn/mixers/weighing.hpp"
#include "tools/training/pointer_watch.hpp"

namespace gnomon {
namespace {

/// The numbers of one head.
template <class To, class T>
std::vector<To> of_head(const Tensor<T>& x, size_t head, size_t heads) {
  std::vector<To> all(x.size() / heads);
  for (size_t n = 0; n < all.size(); ++n) all[n] = To{x.data()[n * heads + head]};
  return all;
}

/// How many of `all` for each token and head, so that a sample has at most `most`.
size_t kept_of(size_t all, size_t most, size_t tokens_and_heads) {
  return std::min(all, std::max(kFewestKept, most / std::max<size_t>(1, tokens_and_heads)));
}

/// softmax(logits / temperature) over the candidates, those that read the same added up: how
/// probable the chosen target is, and the entropy in bits. To read nothing (-1) is an outcome.
std::pair<double, double> soft_choice(const real* logit, const int32_t* to, const int32_t* read,
                                      size_t K, int32_t chosen, double temperature) {
  double top = -std::numeric_limits<double>::infinity(), sum = 0, entropy = 0;
  for (size_t k = 0; k < K; ++k)
    if (to[k] >= 0) top = std::max(top, double{logit[k]});
  std::map<int32_t, double> share;  // of each target
  for (size_t k = 0; k < K; ++k)
    if (to[k] >= 0) share[read[k]] += std::exp((double{logit[k]} - top) / temperature);
  for (const auto& [target, mass] : share) sum += mass;
  for (const auto& [target, mass] : share)
    if (mass > 0) entropy -= mass / sum * std::log2(mass / sum);
  const auto found = share.find(chosen);
  return {found == share.end() ? 0 : found->second / sum, entropy};
}

/// The candidates of one head, with the parts of their logits.
HeadMenu menu_of(const Pointing& seen, const LogitParts& parts, size_t h, size_t layers) {
  const size_t N = seen.to.shape()[1], H = seen.to.shape()[2], K = seen.types.size();
  const size_t G = seen.candidates.shape()[2];
  std::vector<size_t> offered;
  for (size_t k = 0; k < K; ++k)
    for (size_t n = 0; n < N; ++n)
      if (seen.candidates.row(n * G + (G == 1 ? 0 : h))[k] >= 0) {
        offered.push_back(k);
        break;
      }
  const size_t kept = kept_of(offered.size(), kMenusKept, N * H * layers);
  HeadMenu menu{.kept = kept,
                .slots = offered.size(),
                .slot = std::vector<int32_t>(N * kept, -1),
                .to = std::vector<int32_t>(N * kept, -1),
                .match = std::vector<double>(N * kept),
                .type = std::vector<double>(N * kept),
                .own = std::vector<double>(parts.own.empty() ? 0 : N * kept)};
  std::vector<size_t> order;
  for (size_t n = 0; n < N; ++n) {
    const size_t row = n * H + h;
    const int32_t* const to = seen.candidates.row(n * G + (G == 1 ? 0 : h));
    const real* const logit = seen.logits.row(row);
    order = offered;
    if (kept < offered.size()) {
      const auto won = static_cast<size_t>(seen.slot.data()[row]);
      std::erase_if(order, [&](size_t k) { return to[k] < 0; });
      const size_t shown = std::min(kept, order.size());
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown),
                        order.end(), [&](size_t a, size_t b) {
                          if (a == won || b == won) return a == won && b != won;
                          return logit[a] != logit[b] ? logit[a] > logit[b] : a < b;
                        });
      order.resize(shown);
    }
    for (size_t i = 0; i < order.size(); ++i) {
      const size_t k = order[i], at = n * kept + i;
      menu.slot[at] = static_cast<int32_t>(k);
      if (to[k] < 0) continue;
      menu.to[at] = to[k];
      menu.match[at] = double{parts.match.row(row)[k]};
      menu.type[at] = double{parts.type.row(row)[k]};
      if (!parts.own.empty()) menu.own[at] = double{parts.own.row(row)[k]};
    }
  }
  return menu;
}

/// What is known of a pointer layer only while it chooses.
LayerMap layer_that_points(const Pointing& seen, double temperature, size_t layers) {
  const auto [B, N, H] = dims<3>(seen.to, "inspect: to [B,N,H]");
  const size_t G = seen.candidates.shape()[2], K = seen.types.size();
  LayerMap map;
  map.slots.assign(seen.types.begin(), seen.types.end());
  map.scored.resize(K), map.read.resize(K);
  const LogitParts parts = seen.parts();
  for (size_t h = 0; h < H; ++h) {
    HeadMap head{.to = {}, .type = {}, .score = {}, .margin = {}};
    head.slot = of_head<int32_t>(seen.slot, h, H);
    for (size_t n = 0; n < N; ++n) {
      const size_t row = n * G + (G == 1 ? 0 : h);
      const auto [probability, entropy] =
          soft_choice(seen.logits.row(n * H + h), seen.candidates.row(row), seen.read.row(row), K,
                      seen.to.row(n)[h], temperature);
      head.probability.push_back(probability), head.entropy.push_back(entropy);
      for (size_t k = 0; k < K; ++k) {
        if (parts.scored.row(row)[k] >= 0) map.scored[k] = true;
        if (seen.read.row(row)[k] >= 0) map.read[k] = true;
      }
    }
    head.menu = menu_of(seen, parts, h, layers);
    map.heads.push_back(std::move(head));
  }
  const Array gate = seen.gate();
  const size_t D = gate.shape().last();
  for (size_t n = 0; n < N; ++n)
    map.gate.push_back(std::accumulate(gate.row(n), gate.row(n) + D, 0.0) / static_cast<double>(D));
  return map;
}

LayerMap layer_that_weighs(const Weighing& seen, size_t layers) {
  const size_t N = seen.value.shape()[1], H = seen.heads;
  const size_t kept = kept_of(N, kWeightsKept, N * H * layers);
  LayerMap map;
  std::vector<real> w(N);
  std::vector<size_t> order;
  for (size_t h = 0; h < H; ++h) {
    HeadWeights head{.kept = kept,
                     .to = std::vector<int32_t>(N * kept, -1),
                     .weight = std::vector<double>(N * kept),
                     .sum = {}};
    for (size_t n = 0; n < N; ++n) {
      seen.row(0, h, n, w.data());
      order.clear();
      double sum = 0;
      for (size_t j = 0; j <= n; ++j) {
        sum += double{w[j]};
        if (w[j] != 0) order.push_back(j);
      }
      const size_t shown = std::min(kept, order.size());
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown),
                        order.end(), [&](size_t a, size_t b) {
                          return w[a] != w[b] ? w[a] > w[b] : a > b;  // of equal ones the nearer
                        });
      for (size_t i = 0; i < shown; ++i) {
        head.to[n * kept + i] = static_cast<int32_t>(order[i]);
        head.weight[n * kept + i] = double{w[order[i]]};
      }
      head.sum.push_back(sum);
    }
    map.weights.push_back(std::move(head));
  }
  return map;
}

/// The likeliest tokens at the scored positions; logits [M,V].
Answers answers_of(const Array& logits, const std::vector<int32_t>& positions,
                   const std::vector<int32_t>& target) {
  const auto [M, V] = dims<2>(logits, "inspect: logits [M,V]");
  Answers answers{.at = positions, .kept = std::min(kAnswersKept, V)};
  std::vector<int32_t> order(V);
  for (size_t m = 0; m < M; ++m) {
    const real* const logit = logits.row(m);
    const double top = double{*std::max_element(logit, logit + V)};
    double sum = 0;
    for (size_t v = 0; v < V; ++v) sum += std::exp(double{logit[v]} - top);
    const auto probability = [&](int32_t v) { return std::exp(double{logit[v]} - top) / sum; };
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(
        order.begin(), order.begin() + static_cast<std::ptrdiff_t>(answers.kept), order.end(),
        [&](int32_t a, int32_t b) { return logit[a] != logit[b] ? logit[a] > logit[b] : a < b; });
    for (size_t i = 0; i < answers.kept; ++i) {
      answers.token.push_back(order[i]);
      answers.probability.push_back(probability(order[i]));
    }
    const int32_t right = target[static_cast<size_t>(positions[m])];
    answers.asked.push_back(right < 0 ? NAN : probability(right));
  }
  return answers;
}

/// The words of all tokens, or of those that occur.
std::vector<InspectedSample::Word> words_of(const Task& task, const InspectedSample& sample) {
  std::set<int32_t> tokens;
  if (task.vocabulary() <= InspectedSample::kMostWords)
    for (size_t v = 0; v < task.vocabulary(); ++v) tokens.insert(static_cast<int32_t>(v));
  for (const auto* list :
       {&sample.tokens, &sample.target, &sample.predicted, &sample.answers.token})
    tokens.insert(list->begin(), list->end());
  tokens.erase(-1);
  std::vector<InspectedSample::Word> words;
  for (const int32_t token : tokens)
    words.push_back({token, task.symbol(token), task.spell(token)});
  return words;
}

}  // namespace

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

InspectedSample inspect_sample(const SequenceModel& model, const Task& task, const Batch& sample,
                               double temperature, const Reading& reading) {
  const auto [B, N] = dims<2>(sample.tokens, "inspect: sample [1,N]");
  expect(B == 1, "inspect: sample [1,N]: expected one sequence, got {}", B);
  expect_shape(sample.targets, sample.tokens.shape(), "inspect: targets [1,N]");
  InspectedSample seen{.temperature = temperature};
  seen.tokens.assign(sample.tokens.begin(), sample.tokens.end());
  seen.target.assign(sample.targets.begin(), sample.targets.end());
  seen.predicted.assign(N, -1);

  Context context;
  context.tokens = sample.tokens;
  context.selection = reading.selection, context.off = reading.off;
  context.temperature = temperature;
  Recall recall;
  const bool recalled = reading.recall && N <= kLongestRecalled;
  if (recalled) recall.watch(context, sample.targets);
  std::map<size_t, LayerMap> layers;
  std::map<size_t, size_t> recall_of;  // layer -> its place in recall.heads()
  const size_t L = model.encoder().layers();
  context.watch = [&, count = context.watch](const Pointing& pointing) {
    if (count) count(pointing), recall_of.emplace(context.layer, recall_of.size());
    layers[context.layer] = layer_that_points(pointing, temperature, L);
  };
  context.watch_weights = [&](const Weighing& weighing) {
    layers[context.layer] = layer_that_weighs(weighing, L);
  };
  const Encoded encoded = model.encode(context);

  std::vector<int32_t> positions;
  std::vector<bool> answered(N, false);
  for (const size_t n : reading.answered) answered.at(n) = true;
  for (size_t n = 0; n < N; ++n)
    if (seen.target[n] >= 0 || answered[n]) positions.push_back(static_cast<int32_t>(n));
  const size_t M = positions.size();
  expect(M > 0, "inspect: targets [1,N]: expected at least one scored position, got none");
  const Var rows = gather_rows(encoded.features, Index({1, M}, positions));
  seen.answers = answers_of(model.logits(reshape(rows, {M, rows.shape().last()})).value(),
                            positions, seen.target);
  for (size_t m = 0; m < M; ++m)
    seen.predicted[static_cast<size_t>(positions[m])] = seen.answers.token[m * seen.answers.kept];
  seen.words = words_of(task, seen);

  for (size_t l = 0; l < encoded.pointers.size(); ++l) {
    LayerMap layer = std::move(layers[l]);
    layer.layer = l + 1;
    const Pointers& pointers = encoded.pointers[l];
    if (!pointers.empty()) {
      const size_t H = pointers.to.shape()[2];
      layer.types = model.encoder().mixer(l).candidate_types();
      layer.heads.resize(H);
      for (size_t h = 0; h < H; ++h) {
        HeadMap& head = layer.heads[h];
        head.to = of_head<int32_t>(pointers.to, h, H);
        head.type = of_head<int32_t>(pointers.type, h, H);
        head.score = of_head<double>(pointers.score, h, H);
        head.margin = of_head<double>(pointers.margin, h, H);
        head.hops = hop_statistics(head.to);
        if (const auto at = recall_of.find(l); at != recall_of.end())
          head.recall = recall.heads()[at->second][h];
      }
    }
    seen.layers.push_back(std::move(layer));
  }
  return seen;
}

}  // namespace gnomon
