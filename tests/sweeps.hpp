// Small sweeps for tests: a model of a second, the command, its table.
#pragma once

#include <nlohmann/json.hpp>

#include "core/base/fields.hpp"
#include "tests/program.hpp"

namespace gnomon {

inline const std::string kModel =
    "model = pointer\ntask = copy\npayload = 2\nlength = 9\nlayers = 1\nwidth = 8\n"
    "feed-forward = 8\nbatch = 4\nsteps = 8\ncheckpoint-every = 3\neval.lengths = 9,20\n"
    "eval.batches = 1\neval.batch = 4\n";

inline ProgramEnd sweep(const std::string& plan, const std::string& out,
                        const std::string& more = "") {
  return gnomon_run(words("sweep " + plan + " --out " + out + " --quiet " + more));
}

/// The table without what depends on time and machine.
inline std::string table(const std::string& out) {
  std::string text;
  for (const std::string& line : split(get(out + "/table.jsonl"), '\n')) {
    if (line.empty()) continue;
    auto record = nlohmann::ordered_json::parse(line);
    for (const char* key : {"seconds", "tokens_per_s", "threads", "jobs", "date", "machine"})
      record.erase(key);
    text += record.dump() + "\n";
  }
  return text;
}

inline nlohmann::json record(const std::string& out, size_t number) {
  return nlohmann::json::parse(split(get(out + "/table.jsonl"), '\n').at(number));
}

}  // namespace gnomon
