// The sampler beside a brute-force twin; where texts end.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tests/sentence.hpp"
#include "tools/training/sampler.hpp"
#include "tools/training/stops.hpp"

using namespace gnomon;

namespace {

/// What each token is drawn with, by the definitions in sampler.hpp, token by token.
std::vector<double> shares(const SamplerConfig& c, const std::vector<real>& logits,
                           const std::vector<int32_t>& text) {
  const size_t V = logits.size();
  std::vector<double> l(logits.begin(), logits.end());
  const std::set<int32_t> latest(text.size() < 64 ? text.begin() : text.end() - 64, text.end());
  for (const int32_t t : latest) {
    double& x = l[static_cast<size_t>(t)];
    x = x > 0 ? x / c.repetition_penalty : x * c.repetition_penalty;
  }
  const auto ahead = [&](size_t a, size_t b) { return l[a] > l[b] || (l[a] == l[b] && a < b); };
  std::vector<size_t> rank(V, 0);
  for (size_t v = 0; v < V; ++v)
    for (size_t w = 0; w < V; ++w) rank[v] += ahead(w, v);
  std::vector<bool> stays(V);
  double all = 0, most = 0;
  for (size_t v = 0; v < V; ++v)
    if ((stays[v] = c.top_k == 0 || rank[v] < c.top_k)) {
      all += std::exp(l[v]);
      most = std::max(most, std::exp(l[v]));
    }
  std::vector<bool> last(V);
  for (size_t v = 0; v < V; ++v) {
    double likelier = 0;
    for (size_t w = 0; w < V; ++w)
      if (stays[w] && ahead(w, v)) likelier += std::exp(l[w]);
    const bool reached = rank[v] > 0 && likelier >= c.top_p * all * (1 - 1e-12);
    last[v] =
        stays[v] && !(c.top_p < 1 && reached) && !(std::exp(l[v]) < c.min_p * most * (1 - 1e-12));
  }
  std::vector<double> share(V, 0);
  double sum = 0;
  for (size_t v = 0; v < V; ++v) {
    if (!last[v]) continue;
    share[v] = c.temperature > 0 ? std::exp(l[v] / c.temperature) : rank[v] == 0 ? 1 : 0;
    sum += share[v];
  }
  for (double& s : share) s /= sum;
  return share;
}

Units units(const std::string& text) { return Units(text.begin(), text.end()); }

}  // namespace

TEST_CASE("sampler: draws what its definition says, ties and small vocabularies included") {
  Random random(7);
  for (size_t trial = 0; trial < 3000; ++trial) {
    const size_t V = 1 + random.below(20);
    SamplerConfig c;
    const double temperatures[] = {0, 0.3, 1, 4}, ps[] = {1, 0.9, 0.5, 0};
    c.temperature = temperatures[random.below(4)];
    c.top_k = random.below(2) == 0 ? 0 : 1 + random.below(25);
    c.top_p = ps[random.below(4)];
    c.min_p = random.below(2) == 0 ? 0 : random.uniform();
    c.repetition_penalty = random.below(2) == 0 ? 1 : 1 + 3 * random.uniform();
    std::vector<int32_t> text(random.below(100));
    for (int32_t& t : text) t = static_cast<int32_t>(random.below(static_cast<uint32_t>(V)));
    const Random stream = random.split(trial);
    Sampler sampler(c, stream, text);
    Random same = stream;
    for (size_t n = 0; n < 3; ++n) {
      std::vector<real> logits(V);
      for (real& l : logits) l = static_cast<real>(random.below(9)) / 2 - 2;  // with ties
      const std::vector<double> share = shares(c, logits, text);
      const int32_t token = sampler.draw(logits.data(), V);
      CAPTURE(trial);
      REQUIRE(token >= 0);
      REQUIRE(static_cast<size_t>(token) < V);
      CHECK(share[static_cast<size_t>(token)] > 0);
      if (c.temperature > 0) {  // the number drawn lies in the token's part of [0, 1)
        const double u = same.uniform();
        double before = 0;
        for (size_t v = 0; v < static_cast<size_t>(token); ++v) before += share[v];
        CHECK(before <= u + 1e-9);
        CHECK(u <= before + share[static_cast<size_t>(token)] + 1e-9);
      }
      text.push_back(token);
    }
  }
}

TEST_CASE("sampler: a repetition counts once, for 64 tokens, and pushes negative logits down too") {
  SamplerConfig c;
  c.repetition_penalty = 2;
  const std::vector<real> positive{3, 2, 1}, negative{-1, real(-1.5), -4};
  CHECK(Sampler(c, Random(1), {0, 0, 0}).draw(positive.data(), 3) == 1);  // 1.5, not 3 / 8
  CHECK(Sampler(c, Random(1), {0, 1}).draw(positive.data(), 3) == 0);     // 1.5, 1, 1
  CHECK(Sampler(c, Random(1), {0}).draw(negative.data(), 3) == 1);        // -2
  std::vector<int32_t> text(64, 2);
  text.insert(text.begin(), 0);  // 65 ago: forgotten
  CHECK(Sampler(c, Random(1), text).draw(positive.data(), 3) == 0);
}

TEST_CASE("sampler: heat does not let the tail back in") {
  SamplerConfig c;
  c.temperature = 100, c.top_p = 0.9;
  const std::vector<real> logits{3, 0, 0, 0};  // 87 %, 4.3 % each
  Sampler sampler(c, Random(3), {});
  std::set<int32_t> drawn;
  for (size_t n = 0; n < 200; ++n) drawn.insert(sampler.draw(logits.data(), 4));
  CHECK(drawn == std::set<int32_t>{0, 1});
}

TEST_CASE("sampler: what is no number is refused") {
  const real inf = std::numeric_limits<real>::infinity();
  const std::vector<real> nan{0, std::numeric_limits<real>::quiet_NaN()}, high{0, inf},
      low{-inf, -inf}, one{-inf, 0};
  for (const auto& bad : {nan, high, low})
    for (const double temperature : {0.0, 1.0}) {
      Sampler sampler({.temperature = temperature}, Random(1), {});
      CHECK(fault_of([&] { sampler.draw(bad.data(), 2); }) == Fault::diverged);
    }
  CHECK(Sampler({.temperature = 1}, Random(1), {}).draw(one.data(), 2) == 1);
}

TEST_CASE("stops: the first to be complete ends the text, however it is cut") {
  Random random(5);
  const auto word = [&](size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(2));
    return text;
  };
  for (size_t trial = 0; trial < 2000; ++trial) {
    const std::string text = word(random.below(30));
    std::vector<std::string> texts;
    std::vector<Units> stops;
    for (size_t i = random.below(4); i-- > 0;)
      texts.push_back(word(1 + random.below(6))), stops.push_back(units(texts.back()));
    size_t end = text.size();
    bool met = false;
    for (size_t n = 1; n <= text.size() && !met; ++n)
      for (const std::string& stop : texts)
        if (text.substr(0, n).ends_with(stop))
          end = met ? std::min(end, n - stop.size()) : n - stop.size(), met = true;
    Stops reader(stops);
    Units out;
    for (size_t at = 0; at < text.size() && !reader.met();) {
      const size_t piece = 1 + random.below(5);
      out += reader.read(units(text.substr(at, piece)));
      at += piece;
    }
    CAPTURE(text);
    CHECK(reader.met().has_value() == met);
    out += reader.rest();
    CHECK(out == units(text.substr(0, end)));
  }
}

TEST_CASE("stops: what cannot become one any more is given out at once") {
  Stops reader({units("END")});
  CHECK(reader.read(units("abE")) == units("ab"));
  CHECK(reader.read(units("EN")) == units("E"));
  CHECK(reader.read(units("x")) == units("ENx"));
  CHECK(reader.read(units("EN")) == Units());
  CHECK(reader.read(units("DE")) == Units());
  CHECK(reader.met() == 0);
}

TEST_CASE("stops: a text goes in circles after three rounds and 64 tokens") {
  std::vector<int32_t> text{9, 9, 8};
  CHECK(period(text) == 0);
  for (int32_t n = 0; n < 63; ++n) text.push_back(n % 5);
  CHECK(period(text) == 0);
  text.push_back(63 % 5);
  CHECK(period(text) == 5);
  text.push_back(7);
  CHECK(period(text) == 0);
  std::vector<int32_t> slow;
  for (int32_t n = 0; n < 300; ++n) slow.push_back(n % 100);
  CHECK(period(slow) == 100);
  slow.erase(slow.begin());
  CHECK(period(slow) == 0);
}

TEST_CASE("stops: a letter is shown when it is whole") {
  const std::string euro = "\xe2\x82\xac", grin = "\xf0\x9f\x98\x80";
  for (const std::string& letter : {euro, grin})
    for (size_t n = 1; n < letter.size(); ++n)
      CHECK(whole_letters("ab" + letter.substr(0, n)) == 2);
  for (const std::string& text : {euro, grin, "ab" + euro, std::string("a"), std::string(),
                                  std::string("\xff"), std::string("\x80\x80\x80\x80\x80")})
    CHECK(whole_letters(text) == text.size());
}
