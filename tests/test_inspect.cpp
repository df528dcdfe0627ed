// gnomon inspect: what the page, the figures and the JSON hold, and what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/program.hpp"
#include "tools/inspect/packed.hpp"

using namespace gnomon;

namespace {

/// The names of directories that a page must survive.
const std::string kHostile = "it's \"</script><b>&";

/// A folder with a run on numbers and one on text.
const Folder& fixture() {
  static const Folder folder;
  static const bool made = [] {
    const std::string tiny = " --feed-forward 8 --batch 2 --threads 1 --quiet --steps 3 ";
    const ProgramEnd copy = gnomon_run(
        words("train --model pointer --task copy --payload 3 --length 9 --layers 2 --width 8 "
              "--heads 2 --sources window:4,sinks:2,match:2,previous:2,run" +
                  tiny + "--out",
              folder / kHostile));
    REQUIRE_MESSAGE(copy.code == 0, copy.err);
    put(folder / "words", std::string(400, 'a') + std::string(400, 'b'));
    const ProgramEnd text = gnomon_run(
        words("train --model pointer --task text --length 16 --layers 1 --width 8 --heads 1 "
              "--sources window:4,sinks:2,match:2,run" +
                  tiny + "--file",
              folder / "words", "--out", folder / "text"));
    REQUIRE_MESSAGE(text.code == 0, text.err);
    return true;
  }();
  REQUIRE(made);
  return folder;
}

nlohmann::json inspected(const std::string& run, const std::vector<std::string>& more = {}) {
  const Folder folder;
  auto all = words("inspect --batches 1 --run", run, "--json", folder / "all.json");
  all.insert(all.end(), more.begin(), more.end());
  const ProgramEnd e = gnomon_run(all);
  CHECK_MESSAGE(e.code == 0, e.err);
  CHECK(e.err == "");
  return nlohmann::json::parse(get(folder / "all.json"));
}

/// The words of a list of tokens, "" where there is none.
std::vector<std::string> spelled(const nlohmann::json& sample, const char* list) {
  std::vector<std::string> all;
  for (const double token : unpacked(sample.at("pool"), sample.at(list), sample.at("N")))
    all.push_back(token < 0 ? "" : sample.at("words").at(fmt::format("{}", token)).at(1));
  return all;
}

void check_refused(const std::vector<std::string>& more, int code, const std::string& says) {
  auto all = words("inspect --batches 1");
  all.insert(all.end(), more.begin(), more.end());
  const ProgramEnd e = gnomon_run(all);
  CHECK(e.code == code);
  CHECK(e.out == "");
  CHECK_MESSAGE(e.err.find(says) != std::string::npos, e.err);
}

/// A copy of the run with one of its files changed by `change`.
template <class Change>
std::string changed(const Folder& folder, const std::string& file, Change&& change) {
  const std::string run = folder / "run";
  std::filesystem::copy(fixture() / kHostile, run);
  put(run + "/" + file, change(get(run + "/" + file)));
  return run;
}

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++times;
  return times;
}

}  // namespace

TEST_CASE("inspect: every token, head and layer is there, and the hops are those of the pointers") {
  const auto json = inspected(fixture() / kHostile, {"--length", "9"});
  const auto& sample = json.at("sample");
  const size_t N = sample.at("N");
  const auto list = [&](const nlohmann::json& packed) {
    return unpacked(sample.at("pool"), packed, N);
  };
  CHECK(N == 11);  // payload 3, gap 5, delimiter left out of 9 = 3 + g + 1: 2 * 3 + 5
  CHECK(spelled(sample, "tokens").at(8) == "|");
  CHECK(sample.at("words").at("0") == nlohmann::json({"a", "0"}));
  CHECK(json.at("metrics").at("step").size() == 3);
  CHECK(json.at("accuracy").size() == 3);
  CHECK(json.at("accuracy").at(1).at("length") == 36);
  CHECK(json.at("accuracy").at(0).at("chance") == doctest::Approx(0.05));
  for (size_t n = 0; n < N; ++n) {
    CHECK((spelled(sample, "target").at(n) == "") == (n < 8));
    CHECK((spelled(sample, "predicted").at(n) == "") == (n < 8));
  }
  REQUIRE(sample.at("layers").size() == 2);
  for (const auto& layer : sample.at("layers")) {
    REQUIRE(layer.at("heads").size() == 2);
    for (const double gate : list(layer.at("gate"))) CHECK((gate > 0 && gate < 1));
    for (const auto& head : layer.at("heads")) {
      std::vector<double> hops;
      std::set<int> targets;
      const auto tos = list(head.at("to")), types = list(head.at("type"));
      const auto probability = list(head.at("probability")), entropy = list(head.at("entropy"));
      for (size_t n = 0; n < N; ++n) {
        const int to = static_cast<int>(tos[n]), type = static_cast<int>(types[n]);
        CHECK(to >= 0);
        CHECK(to <= static_cast<int>(n));
        CHECK(type < static_cast<int>(layer.at("types").size()));
        CHECK(probability[n] > 0);
        CHECK(probability[n] <= 1 + 1e-9);
        CHECK(entropy[n] >= 0);
        hops.push_back(static_cast<double>(n) - to), targets.insert(to);
      }
      CHECK(entropy[0] == 0);  // token 0 has itself only
      std::sort(hops.begin(), hops.end());
      const auto& found = head.at("hops");
      const auto share = [&](double low, double high) {
        return static_cast<double>(
                   std::count_if(hops.begin(), hops.end(),
                                 [&](double hop) { return hop >= low && hop <= high; })) /
               static_cast<double>(N);
      };
      CHECK(found.at("median") == doctest::Approx(hops[N / 2]));
      CHECK(found.at("longest") == hops.back());
      CHECK(found.at("self") == doctest::Approx(share(0, 0)).epsilon(1e-3));
      CHECK(found.at("local") == doctest::Approx(share(1, 15)).epsilon(1e-3));
      CHECK(found.at("distinct") == targets.size());
      double sum = 0;
      for (const double hop : hops) sum += hop;
      CHECK(found.at("mean") == doctest::Approx(sum / static_cast<double>(N)).epsilon(1e-3));
      CHECK(head.at("recall").at("tokens") == N);
    }
  }
}

TEST_CASE("inspect: a page is complete in itself, whatever the run is called") {
  const Folder folder;
  const std::string run = fixture() / kHostile;
  const ProgramEnd e =
      gnomon_run(words("inspect --batches 1 --run", run, "--out", folder / "page.html", "--png",
                       folder / "png", "--svg", folder / "svg", "--pdf", folder / "pdf"));
  REQUIRE_MESSAGE(e.code == 0, e.err);
  const std::string page = get(folder / "page.html");
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(count(page, "</script>") == 8);  // the data, d3, ours and the engine's: none of the name's
  CHECK(page.find("it's \\\"\\u003c/script>\\u003cb>&") != std::string::npos);
  for (const char* outside : {"src=\"http", "href=\"http", "@import", "url("})
    CHECK(page.find(outside) == std::string::npos);
  for (const auto& [kind, begin] : {std::pair<std::string, std::string>{"png", "\x89PNG\r\n"},
                                    {"svg", "<?xml"},
                                    {"pdf", "%PDF-"}}) {
    size_t figures = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder / kind)) {
      CHECK(file.path().extension() == "." + kind);
      CHECK(get(file.path()).starts_with(begin));
      ++figures;
    }
    // Two curves, the chain; arcs and map of two heads in two layers.
    CHECK(figures == 3 + 2 * 2 * 2);
  }
}

TEST_CASE("inspect: the chain that is drawn is that of --token, or of the last scored one") {
  const std::string run = fixture() / kHostile;
  const auto chain = [&](const std::vector<std::string>& more) {
    const Folder folder;
    auto all = words("inspect --batches 1 --run", run, "--svg", folder / "svg");
    all.insert(all.end(), more.begin(), more.end());
    const ProgramEnd e = gnomon_run(all);
    REQUIRE_MESSAGE(e.code == 0, e.err);
    return get(folder / "svg/chain.svg");
  };
  CHECK(chain({}) == chain({"--token", "10"}));
  CHECK(chain({}) != chain({"--token", "9"}));
  check_refused({"--run", run, "--svg", "/tmp/none", "--token", "11"}, 2, "--token");
  check_refused({"--run", run, "--json", "x", "--token", "1"}, 2, "--token: belongs to --png");
}

TEST_CASE("inspect: text may hold anything, and is shown byte by byte") {
  const auto json = inspected(fixture() / "text", {"--text=\x01\t<\xf0\x9f\x98\x80\n</script>"});
  const auto tokens = spelled(json.at("sample"), "tokens");
  const auto target = spelled(json.at("sample"), "target");
  CHECK(tokens.size() == 17);
  CHECK(tokens.at(0) == "x01");
  CHECK(tokens.at(2) == "<");
  CHECK(tokens.at(3) == "xF0");
  CHECK(tokens.at(7) == "\\n");
  CHECK(target.at(0) == "x09");
  CHECK(target.at(16) == "");
}

TEST_CASE("inspect: a torn last line is left out, a damaged one too, with a remark") {
  const auto damaged = [](const std::function<std::string(const std::string&)>& change) {
    const Folder folder;
    const std::string run = changed(folder, "metrics.jsonl", change);
    const ProgramEnd e =
        gnomon_run(words("inspect --batches 1 --run", run, "--json", folder / "x"));
    CHECK_MESSAGE(e.code == 0, e.err);
    const auto json = nlohmann::json::parse(get(folder / "x"));
    CHECK(json.at("remarks").empty() == e.err.empty());  // the page says it too
    return std::pair(json.at("metrics").at("step").size(), e.err);
  };
  const auto torn = damaged([](const std::string& text) { return text + "{\"step\":4,\"lo"; });
  CHECK(torn == std::pair(size_t{3}, std::string()));
  // Steps are counted, and kept to the last digit, unlike what is computed.
  const Folder folder;
  const std::string late = changed(folder, "metrics.jsonl", [](std::string text) {
    const auto at = text.rfind("\"step\":") + 7;
    return text.replace(at, text.find(',', at) - at, "123457");
  });
  CHECK(inspected(late, {}).at("metrics").at("step").back() == 123457);
  const auto foreign = damaged([](const std::string& text) { return text + "{\"step\":4}\n"; });
  CHECK(foreign.first == 3);
  CHECK(foreign.second.find("metrics.jsonl: line 4") != std::string::npos);
  CHECK(foreign.second.find("1 damaged line is left out") != std::string::npos);
  const auto middle = damaged([](std::string text) {
    text[text.find('\n') + 5] = '\0';
    return text + std::string(3, '\xff') + "\n";
  });
  CHECK(middle.first == 2);
  CHECK(middle.second.find("metrics.jsonl: line 2") != std::string::npos);
  CHECK(middle.second.find("2 damaged lines are left out") != std::string::npos);
}

TEST_CASE("inspect: a run without metrics is shown without curves, with a sentence") {
  const Folder folder;
  const std::string run = changed(folder, "metrics.jsonl", [](const std::string&) { return ""; });
  for (const bool there : {true, false}) {
    if (!there) std::filesystem::remove(run + "/metrics.jsonl");
    const ProgramEnd e = gnomon_run(words("inspect --batches 1 --run", run, "--json", folder / "x",
                                          "--out", folder / "page.html", "--svg", folder / "svg"));
    CHECK_MESSAGE(e.code == 0, e.err);
    CHECK(e.err.find("metrics.jsonl") != std::string::npos);
    const auto json = nlohmann::json::parse(get(folder / "x"));
    CHECK(json.at("remarks").size() == 1);
    CHECK(json.at("metrics").at("step").empty());
    CHECK(json.at("sample").at("N") == 11);
    CHECK(!std::filesystem::exists(folder / "svg/loss.svg"));
  }
}

TEST_CASE("inspect: to read nothing is an outcome with its probability") {
  const Folder folder;
  const ProgramEnd train = gnomon_run(
      words("train --model pointer --task copy --payload 2 --length 5 --width 8 --heads 1 "
            "--feed-forward 8 --layers 2 --steps 1 --batch 2 --threads 1 --quiet --learning-rate 0 "
            "--final-temperature 1 --sources null,match:1/previous:1,jump,null --out",
            folder / "run"));
  REQUIRE_MESSAGE(train.code == 0, train.err);
  const auto json = inspected(folder / "run", {"--text", "0 1"}).at("sample");
  const auto& first = json.at("layers").at(0).at("heads").at(0);
  for (size_t n = 0; n < 2; ++n) {  // no token occurs twice: nothing is all there is
    CHECK(unpacked(json.at("pool"), first.at("to"), 2)[n] == -1);
    CHECK(unpacked(json.at("pool"), first.at("probability"), 2)[n] == 1);
    CHECK(unpacked(json.at("pool"), first.at("entropy"), 2)[n] == 0);
  }
  CHECK(json.at("layers").at(0).at("read").at(0) == false);
  CHECK(first.at("recall").at("recalled") == 0);
  // The second 0 finds the first: in the layer above it is that or nothing.
  const auto above = inspected(folder / "run", {"--text", "0 0"}).at("sample");
  const auto& second = above.at("layers").at(1).at("heads").at(0);
  CHECK(unpacked(above.at("pool"), second.at("to"), 2)[0] == -1);
  CHECK(unpacked(above.at("pool"), second.at("probability"), 2)[0] == 1);
  const double p = unpacked(above.at("pool"), second.at("probability"), 2)[1],
               entropy = unpacked(above.at("pool"), second.at("entropy"), 2)[1];
  CHECK(p < 1);
  CHECK(entropy == doctest::Approx(-p * std::log2(p) - (1 - p) * std::log2(1 - p)).epsilon(1e-3));
}

TEST_CASE("inspect: a run of another version is refused with a sentence") {
  const Folder folder;
  const std::string run =
      changed(folder, "config.ini", [](const std::string& ini) { return ini + "widht = 3\n"; });
  check_refused({"--run", run, "--json", folder / "x"}, 2, "width");
}

TEST_CASE("inspect: attention has its weights instead, a model that keeps a state neither") {
  const Folder folder;
  for (const std::string model : {"transformer", "mamba"}) {
    const std::string heads = model == "mamba" ? "" : " --heads 1";
    const ProgramEnd train =
        gnomon_run(words("train --task copy --payload 2 --length 5 --width 8 --feed-forward 8 "
                         "--layers 1 --steps 2 --batch 2 --threads 1 --quiet --model " +
                             model + heads + " --out",
                         folder / model));
    REQUIRE_MESSAGE(train.code == 0, train.err);
    const ProgramEnd e = gnomon_run(words("inspect --batches 1 --run", folder / model, "--out",
                                          folder / "page.html", "--png", folder / model + "-png"));
    CHECK(e.code == 0);
    const bool weighs = model == "transformer";
    CHECK((e.out.find("neither pointers nor weights") == std::string::npos) == weighs);
    const auto sample = inspected(folder / model).at("sample");
    CHECK(sample.at("layers").at(0).contains("weights") == weighs);
    CHECK(std::filesystem::exists(folder / model + "-png/map-1-1.png") == weighs);
    CHECK(std::filesystem::exists(folder / model + "-png/chain.png") == weighs);
  }
}

TEST_CASE("inspect: what does not go together, and what is missing") {
  const std::string run = fixture() / kHostile;
  check_refused({"--run", run}, 2, "--out is missing");
  check_refused({"--out", "x.html"}, 2, "--run is missing");
  check_refused({"--run", run, "--json", "x", "--text", "1 2", "--length", "9"}, 2, "--length");
  check_refused({"--run", run, "--json", "x", "--text", "1"}, 2, "at least 2 tokens");
  check_refused({"--run", run, "--json", "x", "--text", "1 99"}, 2, "--text");
  check_refused({"--run", run, "--json", "x", "--length", "20000"}, 2, "at most 16384");
  check_refused({"--run", run + "/none", "--json", "x"}, 3, "config.ini");
  check_refused({"--run", run, "--batches", "0", "--json", "x"}, 2, "batches");
}
