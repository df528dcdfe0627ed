#include "tools/inspect/inspection.hpp"

#include <cmath>
#include <map>

#include "tools/inspect/packed.hpp"

namespace gnomon {
namespace {

using Ordered = NumberPack::Json;

Ordered rounded_list(const std::vector<double>& all) {
  Ordered list = Ordered::array();
  for (const double x : all) list.push_back(rounded(x));
  return list;
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
  json["validation"] = {
      {"step", steps}, {"loss", rounded_list(loss)}, {"accuracy", rounded_list(accuracy)}};
  json["pointers"] = Ordered::array();
  for (const auto& [layer, of] : layers)
    json["pointers"].push_back({{"layer", layer},
                                {"step", of.step},
                                {"mean_hop", rounded_list(of.mean_hop)},
                                {"self", rounded_list(of.self)},
                                {"long", rounded_list(of.far)},
                                {"soft_hard", rounded_list(of.soft_hard)}});
}

}  // namespace

std::string inspection_json(const Inspection& inspection) {
  Ordered json{{"run", inspection.run},       {"model", inspection.model},
               {"task", inspection.task},     {"parameters", inspection.parameters},
               {"length", inspection.length}, {"remarks", inspection.remarks},
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
    json["metrics"][name] = rounded_list(curves[name]);
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
  // A path may hold bytes that are no text.
  std::string text = json.dump(-1, ' ', false, Ordered::error_handler_t::replace);
  text.pop_back();
  text += ",\"sample\":" + sample_json(inspection.sample) + ",\"snapshots\":[";
  for (const auto& [step, sample] : inspection.snapshots)
    text += fmt::format("{}{{\"step\":{},\"sample\":{}}}",
                        step == inspection.snapshots.front().first ? "" : ",", step,
                        sample_json(sample));
  return text + "]}";
}

}  // namespace gnomon
