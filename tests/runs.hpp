// tests/runs.hpp
// Small runs through the program, and what is in their directories.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "core/base/json.hpp"
#include "tests/program.hpp"

namespace gnomon {

// Dropout and Gumbel noise, so that a resumed run must also find its noise again.
inline const std::string kTiny =
    "--model pointer --task copy --layers 2 --width 8 --feed-forward 8 --sources "
    "window:3,match:1,run "
    "--payload 2 --symbols 4 --length 6 --batch 2 --selection gumbel --dropout 0.1 --quiet";

inline std::vector<std::string> train(const std::string& options, const std::string& out) {
  return words("train " + kTiny + " " + options + " --out", out);
}
inline std::vector<std::string> resume(const std::string& run, const std::string& threads = "1") {
  return words("train --quiet --threads " + threads + " --resume", run);
}

inline void check_ended(const ProgramEnd& e, int code) {
  CHECK(e.signal == 0);
  CHECK_MESSAGE(e.code == code, e.err);
}

inline std::vector<Json> metrics(const std::string& run) {
  std::vector<Json> lines;
  const std::string text = get(run + "/metrics.jsonl");
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    lines.push_back(parse_json(text.substr(at, text.find('\n', at) - at), run));
  return lines;
}

/// All but the clock.
inline std::string bits_of_metrics(const std::string& run) {
  std::string all;
  for (Json line : metrics(run)) {
    line.erase("seconds");
    line.erase("tokens_per_s");
    all += line.dump() + "\n";
  }
  return all;
}

inline void check_same_run(const std::string& run, const std::string& reference) {
  for (const std::string file : {"/config.ini", "/model.safetensors", "/checkpoint.safetensors"}) {
    CAPTURE(file);
    CHECK(!get(reference + file).empty());
    CHECK(get(run + file) == get(reference + file));
  }
  CHECK(bits_of_metrics(run) == bits_of_metrics(reference));
}

/// "config" or "step", as any reader of the safetensors format finds it.
inline std::string metadata(const std::string& file, const std::string& key) {
  const std::string bytes = get(file);
  uint64_t length = 0;
  REQUIRE(bytes.size() > sizeof length);
  std::memcpy(&length, bytes.data(), sizeof length);
  return parse_json(bytes.substr(sizeof length, length), file).at("__metadata__").at(key);
}

inline size_t step_of(const std::string& file) { return std::stoul(metadata(file, "step")); }

inline size_t lines_in(const std::string& file) {
  const std::string text = get(file);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// The bytes of the numbers of a safetensors file: what its metadata says is no part of them.
inline std::string numbers_of(const std::string& file) {
  const std::string bytes = get(file);
  uint64_t length = 0;
  REQUIRE(bytes.size() > sizeof length);
  std::memcpy(&length, bytes.data(), sizeof length);
  return bytes.substr(sizeof length + length);
}

}  // namespace gnomon
