// Every candidate source against a brute-force twin that looks at all positions.
#include <doctest/doctest.h>

#include "core/argmax.hpp"
#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/menu.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 37, kH = 3;

struct Problem {
  Index tokens{{kB, kN}};
  Pointers below;
  Problem() {
    Random random(7);
    for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(5));
    below.to = Index({kB, kN, kH});
    for (size_t e = 0; e < below.to.size(); ++e) {  // any earlier position, sometimes none
      const uint32_t n = static_cast<uint32_t>(e / kH % kN);
      below.to.data()[e] = static_cast<int32_t>(random.below(n + 2)) - 1;
    }
  }
};

/// The candidates a menu of one source offers to token n of batch b and head h, none left out.
std::vector<int32_t> offered(const Index& to, size_t b, size_t n, size_t h) {
  const size_t G = to.shape()[2], K = to.shape()[3];
  const int32_t* row = to.data() + ((b * kN + n) * G + (G == 1 ? 0 : h)) * K;
  return {row, row + K};
}

using Twin = std::function<std::vector<int32_t>(const Problem&, size_t b, int32_t n, size_t h)>;

void check(const std::string& source, const Twin& twin) {
  const Problem p;
  const Index to = Menu(source, 1, 2).offer({p.tokens, p.below, kH});
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n)
      for (size_t h = 0; h < kH; ++h) {
        CAPTURE(source);
        CAPTURE(n);
        CHECK(offered(to, b, n, h) == twin(p, b, static_cast<int32_t>(n), h));
      }
}

int32_t if_causal(int32_t j, int32_t n) { return j >= 0 && j <= n ? j : -1; }

}  // namespace

TEST_CASE("candidates: window") {
  check("window:3", [](auto&, size_t, int32_t n, size_t) {
    return std::vector<int32_t>{n, if_causal(n - 1, n), if_causal(n - 2, n)};
  });
}

TEST_CASE("candidates: sinks") {
  check("sinks:2", [](auto&, size_t, int32_t n, size_t) {
    return std::vector<int32_t>{0, if_causal(1, n)};
  });
}

TEST_CASE("candidates: previous") {
  check("previous:2", [](auto& p, size_t b, int32_t n, size_t h) {
    const int32_t to = p.below.to(b, n, h);
    return std::vector<int32_t>{to, to < 0 ? -1 : if_causal(to + 1, n)};
  });
}

TEST_CASE("candidates: jump") {
  check("jump", [](auto& p, size_t b, int32_t n, size_t h) {
    const int32_t to = p.below.to(b, n, h);
    return std::vector<int32_t>{to < 0 ? -1 : p.below.to(b, to, h)};
  });
}

TEST_CASE("candidates: neighbour") {
  check("neighbour", [](auto& p, size_t b, int32_t n, size_t h) {
    const int32_t to = n == 0 ? -1 : p.below.to(b, n - 1, h);
    return std::vector<int32_t>{to < 0 ? -1 : if_causal(to + 1, n)};
  });
}

TEST_CASE("candidates: match") {
  check("match:2", [](auto& p, size_t b, int32_t n, size_t) {
    std::vector<int32_t> found;
    for (int32_t j = n - 1; j >= 0 && found.size() < 4; --j)
      if (p.tokens(b, j) == p.tokens(b, n)) found.insert(found.end(), {j, j + 1});
    found.resize(4, -1);
    return found;
  });
}

TEST_CASE("candidates: dense") {
  check("dense", [](auto&, size_t, int32_t n, size_t) {
    std::vector<int32_t> all(kN, -1);
    for (int32_t j = 0; j <= n; ++j) all[static_cast<size_t>(j)] = j;
    return all;
  });
}

TEST_CASE("candidates: run continues where the left neighbour points, when its logit wins") {
  const Problem p;
  constexpr size_t C = 4;
  Random random(3);
  const Array q = random.normal({kB, kN, kH * C}), key = random.normal({kB, kN, kH * C});
  const Menu menu("window:2,run,match:1", 1, 2);  // the scan comes last, wherever it was written
  CHECK(menu.types().back() == "run");
  Index to = menu.offer({p.tokens, p.below, kH});
  const size_t K = to.shape()[3];
  const Array bias = random.normal({kB, kN, kH, K});
  Array dots = gathered_dot_scores(q, key, to, kH, real(0.5));
  const Scores scores{q, key, real(0.5), bias, dots};
  menu.scan({p.tokens, p.below, kH, &scores}, to);

  // The twin: the logits recomputed in double, the choice made from left to right.
  size_t continued = 0;
  for (size_t b = 0; b < kB; ++b)
    for (size_t h = 0; h < kH; ++h) {
      int32_t before = -1;
      for (size_t n = 0; n < kN; ++n) {
        const int32_t run = before < 0 ? -1 : if_causal(before + 1, static_cast<int32_t>(n));
        CHECK(to(b, n, h, K - 1) == run);
        double best = 0;
        int32_t chosen = -1;
        for (size_t k = 0; k < K; ++k) {
          const int32_t j = to(b, n, h, k);
          if (j < 0) continue;
          double logit = double{bias(b, n, h, k)};
          for (size_t c = 0; c < C; ++c)
            logit += 0.5 * double{q(b, n, h * C + c)} * double{key(b, j, h * C + c)};
          if (chosen < 0 || logit > best) best = logit, chosen = j;
        }
        continued += chosen == run && run >= 0;
        before = chosen;
      }
    }
  CHECK(continued > 20);  // the case occurs
}

TEST_CASE("candidates: every source is causal") {
  const Problem p;
  for (const std::string& name : registered_names<CandidateSource>()) {
    const Menu menu(name, 1, 2);
    if (menu.scans()) continue;  // needs scores: checked above
    const Index to = menu.offer({p.tokens, p.below, kH});
    const size_t per_token = to.shape()[2] * to.shape()[3];
    for (size_t e = 0; e < to.size(); ++e) {
      CHECK(to.data()[e] >= -1);
      CHECK(to.data()[e] <= static_cast<int32_t>(e / per_token % kN));
    }
  }
}

TEST_CASE("menu: types, slots, and what it refuses") {
  const Menu menu("window:2, sinks:1, match:1", 0, 1);
  CHECK(menu.types() ==
        std::vector<std::string>{"window -0", "window -1", "sink 0", "match 0", "match 0 +1"});
  CHECK(Menu("window:1,dense", 0, 1).slot_types(3).size() == 4);
  CHECK(Menu("window:1,dense", 0, 1).slot_types(3)(3) == 1);
  CHECK(Menu("window:1 / jump", 1, 2).types() == std::vector<std::string>{"jump"});
  CHECK(Menu("window:1,jump", 0, 2).types().size() ==
        1);  // nothing to jump along in the first layer
  const auto refused = [](const std::string& sources, const std::string& because) {
    CHECK_THROWS_WITH_AS(Menu(sources, 0, 2), doctest::Contains(because.c_str()), Error);
  };
  refused("windows:3", "did you mean 'window'");
  refused("window:0", "from 1 to 4096");
  refused("window:x", "whole number");
  refused("jump:2", "takes no number");
  refused("jump", "needs no pointers below");
  refused("window,window:2", "twice");
  refused("window / window / window", "2 menus");
  refused("", "menu");
}
