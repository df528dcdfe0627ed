#include "tools/inspect/metrics.hpp"

#include <cmath>

#include "core/base/file.hpp"
#include "core/base/json.hpp"

namespace gnomon {
namespace {

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

}  // namespace

MetricLines read_metrics(const std::string& path) {
  constexpr uint64_t kMost = uint64_t{1} << 30;
  const std::string text = read_file(path, kMost);
  MetricLines lines;
  std::string first;
  size_t begin = 0, line = 1, damaged = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++line)
    try {
      lines.all.push_back(read_metric(std::string_view(text).substr(begin, end - begin),
                                      fmt::format("{}: line {}", path, line)));
    } catch (const Error& error) {
      if (damaged++ == 0) first = error.what();
    }
  if (damaged > 0)
    lines.remark = fmt::format("{}; {} damaged line{} left out of the curves", first, damaged,
                               damaged == 1 ? " is" : "s are");
  return lines;
}

}  // namespace gnomon
