#include "tools/inspect/chain.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace gnomon {
namespace {

constexpr double kLeastWeight = 0.04;  // of an edge of attention
constexpr size_t kMostWeights = 3;     // edges of a head of attention

/// What token n reads in a layer.
std::vector<ChainEdge> edges_of(const LayerMap& layer, size_t row, int32_t n) {
  using Kind = ChainEdge::Kind;
  const auto at = static_cast<size_t>(n);
  std::vector<ChainEdge> edges{{.kind = Kind::itself, .row = row, .from = n, .to = n}};
  for (size_t h = 0; h < layer.heads.size(); ++h)
    if (const HeadMap& head = layer.heads[h]; head.to[at] >= 0)
      edges.push_back({Kind::pointer, row, n, head.to[at], h, head.type[at],
                       layer.gate.empty() ? 1 : layer.gate[at]});
  for (size_t h = 0; h < layer.weights.size(); ++h) {
    const HeadWeights& head = layer.weights[h];
    for (size_t i = 0; i < std::min(kMostWeights, head.kept); ++i)
      if (const double w = head.weight[at * head.kept + i]; w >= kLeastWeight)
        edges.push_back(
            {Kind::weight, row, n, head.to[at * head.kept + i], h, -1, std::min(w, 1.0)});
  }
  return edges;
}

}  // namespace

Chain chain_of(const InspectedSample& sample, size_t n, size_t most) {
  const size_t L = sample.layers.size();
  const auto chosen = static_cast<int32_t>(n);
  Chain chain;
  std::vector<std::map<int32_t, double>> rows(L + 1);  // how much each token counts
  rows[0][chosen] = 1;
  for (size_t r = 0; r < L; ++r)
    for (const auto& [token, counts] : rows[r])
      for (const ChainEdge& e : edges_of(sample.layers[L - 1 - r], r, token)) {
        double& below = rows[r + 1][e.to];
        below = std::max(below, counts * e.strength);
        chain.edges.push_back(e);
      }
  std::map<int32_t, double> counts;  // of each position
  const int32_t answer = sample.predicted[n];
  for (const auto& row : rows)
    for (const auto& [token, share] : row) counts[token] = std::max(counts[token], share);
  for (auto& [token, share] : counts)
    share += (token == chosen ? 2 : 0) + (sample.tokens[static_cast<size_t>(token)] == answer);
  std::vector<int32_t> order;
  for (const auto& [token, share] : counts) order.push_back(token);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return counts[a] > counts[b]; });
  chain.left_out = order.size() > most ? order.size() - most : 0;
  order.resize(order.size() - chain.left_out);
  const std::set<int32_t> kept(order.begin(), order.end());
  std::erase_if(chain.edges,
                [&](const ChainEdge& e) { return !kept.contains(e.from) || !kept.contains(e.to); });
  // Whom nobody reads any more is no part of it.
  chain.rows.resize(L + 1);
  std::vector<std::set<int32_t>> reached(L + 1);
  reached[0].insert(chosen);
  std::erase_if(chain.edges, [&](const ChainEdge& e) {
    if (!reached[e.row].contains(e.from)) return true;
    reached[e.row + 1].insert(e.to);
    return false;
  });
  std::set<int32_t> positions;
  for (size_t r = 0; r <= L; ++r) {
    chain.rows[r].assign(reached[r].begin(), reached[r].end());
    positions.insert(reached[r].begin(), reached[r].end());
  }
  chain.positions.assign(positions.begin(), positions.end());
  return chain;
}

std::string symbol_of(const InspectedSample& sample, int32_t token) {
  for (const auto& word : sample.words)
    if (word.token == token) return word.symbol;
  return "";
}

}  // namespace gnomon
