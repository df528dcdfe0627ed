#include "tools/bench/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/parallel.hpp"
#include "tools/output.hpp"

namespace gnomon {
namespace {

using Words = std::vector<std::string>;

/// "!" behind what cannot be trusted.
std::string marked(const Spread& figure, const std::string& text) {
  return figure.noisy() ? text + " !" : text;
}

std::string spread(const Spread& times) {
  return marked(times, fmt::format("{:.4f} ({:.4f}-{:.4f})", times.median, times.low, times.high));
}

nlohmann::ordered_json as_row(const BenchResult& r, const BenchReport& report) {
  return {{"model", r.model},
          {"length", r.length},
          {"batch", report.batch},
          {"precision", r.gflop > 0 ? report.precision : "f32"},
          {"forward_s", r.forward.median},
          {"forward_low_s", r.forward.low},
          {"forward_high_s", r.forward.high},
          {"step_s", r.step.median},
          {"step_low_s", r.step.low},
          {"step_high_s", r.step.high},
          {"tokens_per_s", r.tokens_per_s},
          {"model_gflop_per_step", r.gflop},
          {"gemm_share", r.gemm_share},
          {"against_first", r.against.median},
          {"noisy", r.noisy()},
          {"peak_mb", r.peak_mb},
          {"state_numbers", r.state_numbers},
          {"page_faults_per_step", r.faults},
          {"system_blocks_per_step", r.system_blocks},
          {"parameters", r.parameters}};
}

}  // namespace

std::string bench_table(const BenchReport& report) {
  std::vector<Words> cells{{"model", "length", "forward s", "step s (quartiles)", "tokens/s",
                            "first / this", "GFLOP/step", "GEMM share", "peak MB", "faults/step",
                            "parameters"}};
  for (const BenchResult& r : report.results) {
    const bool ours = r.gflop > 0;
    const auto of_ours = [&](std::string text) { return ours ? text : std::string("-"); };
    cells.push_back({r.model, fmt::format("{}", r.length),
                     of_ours(marked(r.forward, fmt::format("{:.4f}", r.forward.median))),
                     spread(r.step), fmt::format("{:.0f}", r.tokens_per_s),
                     marked(r.against, fmt::format("{:.2f}", r.against.median)),
                     of_ours(fmt::format("{:.2f}", r.gflop)),
                     of_ours(fmt::format("{:.0f} %", 100 * r.gemm_share)),
                     of_ours(fmt::format("{:.0f}", r.peak_mb)),
                     of_ours(fmt::format("{:.0f}", r.faults)), fmt::format("{}", r.parameters)});
  }
  std::string text = table(cells);
  if (std::any_of(report.results.begin(), report.results.end(),
                  [](const BenchResult& r) { return r.noisy(); }))
    text +=
        "!: quartiles further apart than a fifth of the median, timed three times: something else "
        "ran;\n   no figure to go by\n";
  const Machine& m = report.machine;
  text += fmt::format(
      "this machine, {} threads: {:.0f} GFLOP/s in float32 products, copies {:.0f} GB/s\n",
      threads(), m.gemm_gflops, m.copy_gb_s);
  if (m.gemm_gflops_bf16 > 0)
    text += fmt::format("and {:.0f} GFLOP/s in bf16 products\n", m.gemm_gflops_bf16);
  if (m.gather_share > 0)
    text += fmt::format(
        "random rows of 256 numbers: gathered at {:.2f}, scatter-added at {:.2f} of a copy's "
        "speed\n",
        m.gather_share, m.scatter_share);
  return text;
}

std::string bench_profile(const BenchResult& result, size_t repeats) {
  struct Op {
    double seconds[3] = {};
    size_t calls = 0, bytes = 0;
    double sum() const { return seconds[0] + seconds[1] + seconds[2]; }
  };
  std::map<std::string, Op> ops;
  double whole = 0;
  for (const auto& [key, line] : result.profile) {
    Op& op = ops[key.first];
    op.seconds[static_cast<size_t>(key.second)] += line.seconds;
    op.calls += key.second == Profile::Phase::backward ? 0 : line.calls;
    op.bytes += line.bytes;
    whole += line.seconds;
  }
  std::vector<std::pair<std::string, Op>> sorted(ops.begin(), ops.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.sum() > b.second.sum(); });
  std::vector<Words> cells{{"op", "calls", "forward ms", "backward ms", "share", "MB"}};
  const double each = 1 / static_cast<double>(repeats);
  for (const auto& [name, op] : sorted)
    cells.push_back({name, fmt::format("{}", op.calls / repeats),
                     fmt::format("{:.3f}", 1e3 * each * (op.seconds[0] + op.seconds[2])),
                     fmt::format("{:.3f}", 1e3 * each * op.seconds[1]),
                     fmt::format("{:.1f} %", 100 * op.sum() / whole),
                     fmt::format("{:.2f}", 1e-6 * each * static_cast<double>(op.bytes))});
  return fmt::format("{}, length {}: a training step of {:.4f} s\n", result.model, result.length,
                     each * whole) +
         table(cells);
}

std::string bench_json(const BenchReport& report) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const BenchResult& r : report.results) rows.push_back(as_row(r, report));
  const Machine& m = report.machine;
  nlohmann::ordered_json machine{
      {"gemm_gflops_f32", m.gemm_gflops}, {"copy_gb_s", m.copy_gb_s}, {"threads", threads()}};
  if (m.gemm_gflops_bf16 > 0) machine["gemm_gflops_bf16"] = m.gemm_gflops_bf16;
  if (m.gather_share > 0)
    machine["gather_share"] = m.gather_share, machine["scatter_share"] = m.scatter_share;
  return nlohmann::ordered_json{{"machine", machine}, {"results", rows}}.dump(2) + "\n";
}

std::string bench_csv(const BenchReport& report) {
  std::string text;
  for (const BenchResult& r : report.results) {
    const nlohmann::ordered_json row = as_row(r, report);
    std::vector<std::string> names, values;
    for (const auto& [name, value] : row.items()) {
      names.push_back(name);
      values.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
    if (text.empty()) text = fmt::format("{}\n", fmt::join(names, ","));
    text += fmt::format("{}\n", fmt::join(values, ","));
  }
  return text;
}

}  // namespace gnomon
