// What `gnomon bench` found, for people (a table), for scripts (JSON) and for plots (CSV).
#pragma once

#include "tools/bench/machine.hpp"
#include "tools/bench/runner.hpp"

namespace gnomon {

struct BenchReport {
  Machine machine;
  size_t batch = 1;
  std::string precision = "f32";  ///< of our models; the peer's are float32
  std::vector<BenchResult> results = {};
};

std::string bench_table(const BenchReport& report);
/// One line an op, the dearest first: where the time of a training step goes.
std::string bench_profile(const BenchResult& result, size_t repeats);
std::string bench_json(const BenchReport& report);
std::string bench_csv(const BenchReport& report);

}  // namespace gnomon
