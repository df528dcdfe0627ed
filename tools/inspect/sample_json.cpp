#include "tools/inspect/packed.hpp"
#include "tools/inspect/sample.hpp"

namespace gnomon {
namespace {

using PackedJson = NumberPack::Json;

/// Every `kept`-th number from the i-th: one rank, or one slot, of all tokens.
template <class T>
std::vector<T> column(const std::vector<T>& all, size_t i, size_t kept) {
  std::vector<T> one;
  for (size_t at = i; at < all.size(); at += kept) one.push_back(all[at]);
  return one;
}

PackedJson hops_json(const HopStatistics& hops) {
  return {{"pointing", hops.pointing},      {"mean", rounded(hops.mean)},
          {"median", rounded(hops.median)}, {"longest", hops.longest},
          {"self", rounded(hops.self)},     {"local", rounded(hops.local)},
          {"far", rounded(hops.far)},       {"distinct", hops.distinct}};
}

PackedJson recall_json(const Recall::Head& recall) {
  return {{"tokens", recall.tokens},
          {"recalled", recall.recalled},
          {"chosen", recall.chosen},
          {"scored", recall.scored},
          {"scored_recalled", recall.scored_recalled},
          {"scored_chosen", recall.scored_chosen}};
}

PackedJson menu_json(const HeadMenu& menu, NumberPack& pack) {
  PackedJson columns = PackedJson::array();
  for (size_t i = 0; i < menu.kept; ++i) {
    PackedJson one{{"slot", pack.integers(column(menu.slot, i, menu.kept))},
                   {"to", pack.integers(column(menu.to, i, menu.kept))},
                   {"match", pack.numbers(column(menu.match, i, menu.kept))},
                   {"type", pack.numbers(column(menu.type, i, menu.kept))}};
    if (!menu.own.empty()) one["own"] = pack.numbers(column(menu.own, i, menu.kept));
    columns.push_back(std::move(one));
  }
  return {{"kept", menu.kept}, {"slots", menu.slots}, {"columns", columns}};
}

PackedJson head_json(const HeadMap& head, NumberPack& pack) {
  PackedJson json{{"to", pack.integers(head.to)},
                  {"type", pack.integers(head.type)},
                  {"score", pack.numbers(head.score)},
                  {"margin", pack.numbers(head.margin)}};
  if (!head.slot.empty()) {
    json["slot"] = pack.integers(head.slot);
    json["probability"] = pack.numbers(head.probability);
    json["entropy"] = pack.numbers(head.entropy);
    json["menu"] = menu_json(head.menu, pack);
  }
  json["hops"] = hops_json(head.hops);
  if (head.recall) json["recall"] = recall_json(*head.recall);
  return json;
}

PackedJson weights_json(const HeadWeights& head, NumberPack& pack) {
  PackedJson columns = PackedJson::array();
  for (size_t i = 0; i < head.kept; ++i)
    columns.push_back({{"to", pack.integers(column(head.to, i, head.kept))},
                       {"weight", pack.numbers(column(head.weight, i, head.kept))}});
  return {{"kept", head.kept}, {"sum", pack.numbers(head.sum)}, {"columns", columns}};
}

PackedJson layer_json(const LayerMap& layer, NumberPack& pack) {
  PackedJson json{{"layer", layer.layer}};
  if (!layer.heads.empty()) {
    json["types"] = layer.types;
    if (!layer.gate.empty()) {
      json["slots"] = layer.slots, json["scored"] = layer.scored, json["read"] = layer.read;
      json["gate"] = pack.numbers(layer.gate);
    }
    for (const HeadMap& head : layer.heads) json["heads"].push_back(head_json(head, pack));
  }
  for (const HeadWeights& head : layer.weights) json["weights"].push_back(weights_json(head, pack));
  return json;
}

PackedJson answers_json(const Answers& answers, NumberPack& pack) {
  PackedJson columns = PackedJson::array();
  for (size_t i = 0; i < answers.kept; ++i)
    columns.push_back(
        {{"token", pack.integers(column(answers.token, i, answers.kept))},
         {"probability", pack.numbers(column(answers.probability, i, answers.kept))}});
  return {{"M", answers.at.size()},
          {"at", pack.integers(answers.at)},
          {"asked", pack.numbers(answers.asked)},
          {"columns", columns}};
}

}  // namespace

std::string sample_json(const InspectedSample& sample) {
  NumberPack pack;
  PackedJson json{{"N", sample.tokens.size()},
                  {"temperature", rounded(sample.temperature)},
                  {"tokens", pack.integers(sample.tokens)},
                  {"target", pack.integers(sample.target)},
                  {"predicted", pack.integers(sample.predicted)},
                  {"words", PackedJson::object()},
                  {"answers", answers_json(sample.answers, pack)},
                  {"layers", PackedJson::array()}};
  for (const auto& [token, symbol, spelling] : sample.words)
    json["words"][fmt::format("{}", token)] = {symbol, spelling};
  for (const LayerMap& layer : sample.layers) json["layers"].push_back(layer_json(layer, pack));
  json["pool"] = pack.pool();
  return json.dump(-1, ' ', false, PackedJson::error_handler_t::replace);
}

}  // namespace gnomon
