// gnomon bench: what it measures, for people, scripts and plots.
#include <doctest/doctest.h>

#include "core/base/json.hpp"
#include "core/gemm_bf16.hpp"
#include "tests/program.hpp"

using namespace gnomon;

namespace {

void check_ended(const ProgramEnd& e, int code) {
  CHECK(e.signal == 0);
  CHECK_MESSAGE(e.code == code, e.err);
}

}  // namespace

TEST_CASE("bench: measures every model at every length, for people, scripts and plots") {
  const Folder folder;
  const std::string json = folder / "bench.json", csv = folder / "bench.csv";
  const std::string small =
      "bench --layers 1 --width 16 --heads 2 --feed-forward 64 --repeats 2 --threads 1 --quiet ";
  const ProgramEnd e = gnomon_run(words(
      small + "--models transformer,pointer --lengths 8,16 --profile --csv " + csv + " --json",
      json));
  check_ended(e, 0);
  CHECK(e.out.find("GFLOP/s") != std::string::npos);
  CHECK(e.out.find("gathered_attention") != std::string::npos);
  const Json all = parse_json(get(json), json);
  CHECK(all.at("machine").at("gemm_gflops_f32") > 0);
  CHECK(all.at("machine").at("threads") == 1);
  REQUIRE(all.at("results").size() == 4);
  for (const Json& row : all.at("results")) {
    CHECK(row.at("precision") == "f32");
    for (const std::string key : {"forward_s", "step_s", "tokens_per_s", "model_gflop_per_step",
                                  "gemm_share", "against_first", "peak_mb", "parameters"})
      CHECK(row.at(key) > 0);
    CHECK(row.at("step_low_s") <= row.at("step_s"));
    CHECK(row.at("step_s") <= row.at("step_high_s"));
    CHECK(row.at("system_blocks_per_step") == 0);
    // Equal parameters: within half a column of the feed-forward network.
    CHECK(std::abs(row.at("parameters").get<double>() -
                   all.at("results")[0].at("parameters").get<double>()) <= 17);
  }
  CHECK(all.at("results")[0].at("model") == "transformer");
  CHECK(all.at("results")[3].at("model") == "pointer");
  CHECK(all.at("results")[0].at("against_first") == 1);
  CHECK(all.at("results")[3].at("length") == 16);

  const std::string table = get(csv);
  CHECK(table.starts_with("model,length,batch,precision,forward_s"));
  CHECK(std::count(table.begin(), table.end(), '\n') == 5);
  check_ended(
      gnomon_run(words(small + "--models pointer --lengths 8 --equal-to none --json", json)), 0);
  CHECK(parse_json(get(json), json).at("results")[0].at("parameters") !=
        all.at("results")[1].at("parameters"));
}

TEST_CASE("bench: times PyTorch in turn with ours, or says what is missing") {
  const Folder folder;
  const std::string json = folder / "bench.json";
  const ProgramEnd e =
      gnomon_run(words("bench --models transformer,pointer --lengths 16 --repeats 1 --threads 1 "
                       "--quiet --peer --json",
                       json));
  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0) {
    check_ended(e, 2);
    CHECK(e.err.find("python3-torch") != std::string::npos);
    return;
  }
  check_ended(e, 0);
  const Json rows = parse_json(get(json), json).at("results");
  REQUIRE(rows.size() == 4);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(rows[i + 2].at("model") == "pytorch " + rows[i].at("model").get<std::string>());
    CHECK(rows[i + 2].at("step_s") > 0);
    // Equal within 3 %, or the comparison is none.
    const double ours = rows[i].at("parameters"), theirs = rows[i + 2].at("parameters");
    CHECK(std::abs(theirs / ours - 1) < 0.03);
  }
}
