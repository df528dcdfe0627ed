// Every candidate source against a brute-force twin that looks at all positions.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/argmax.hpp"
#include "core/ops/gathered_dot.hpp"
#include "nn/pointer/pointer_block.hpp"
#include "tests/candidates.hpp"

using namespace gnomon;

namespace {

using Twin = std::function<std::vector<int32_t>(const Problem&, size_t b, int32_t n, size_t h)>;

void check(const std::string& source, const Twin& twin) {
  Problem p;
  const Index to = Menu(source, place(1, 2)).offer(p.scene()).index.to;
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n)
      for (size_t h = 0; h < kH; ++h) {
        CAPTURE(source);
        CAPTURE(n);
        CHECK(offered(to, b, n, h) == twin(p, b, static_cast<int32_t>(n), h));
      }
}

int32_t if_causal(int32_t j, int32_t n) { return j >= 0 && j <= n ? j : -1; }

/// Rows that a layer with this menu reads in training for one sequence of N tokens.
uint64_t rows_read(const std::string& sources, size_t N) {
  PointerBlock block(PointerConfig{.sources = sources}, place(0, 1));
  block.initialise(1);
  Context context;
  context.tokens = Index({1, N}, 0);
  context.training = true;
  counters.reset();
  block(Random(1).normal({1, N, 12}), {}, context, nullptr);
  return counters.rows_read;
}

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
    const int32_t to = p.below(b, n, h);
    return std::vector<int32_t>{to, to < 0 ? -1 : if_causal(to + 1, n)};
  });
}

TEST_CASE("candidates: jump") {
  check("jump", [](auto& p, size_t b, int32_t n, size_t h) {
    const int32_t to = p.below(b, n, h);
    return std::vector<int32_t>{to < 0 ? -1 : p.below(b, to, h)};
  });
}

TEST_CASE("candidates: neighbour") {
  check("neighbour", [](auto& p, size_t b, int32_t n, size_t h) {
    const int32_t to = n == 0 ? -1 : p.below(b, n - 1, h);
    return std::vector<int32_t>{to < 0 ? -1 : if_causal(to + 1, n)};
  });
}

TEST_CASE("candidates: hop follows every other head, or the one that is named") {
  const auto hop = [](const Problem& p, size_t b, int32_t n, size_t h, size_t a) {
    const int32_t to = p.below(b, n, h);
    return to < 0 || a == h ? -1 : p.below(b, to, a);
  };
  check("hop", [&](auto& p, size_t b, int32_t n, size_t h) {
    return std::vector<int32_t>{hop(p, b, n, h, 0), hop(p, b, n, h, 1), hop(p, b, n, h, 2)};
  });
  check("hop:1", [&](auto& p, size_t b, int32_t n, size_t h) {
    return std::vector<int32_t>{hop(p, b, n, h, 1)};
  });
  CHECK_THROWS_WITH(Menu("hop:3", place(1, 2)), doctest::Contains("below --heads = 3, got 3"));
  CHECK_THROWS_WITH(Menu("hop", {12, 1, 1, 2, "none"}), doctest::Contains("at least 2 --heads"));
}

TEST_CASE("candidates: a menu for each head offers a source to some heads only") {
  Problem p;
  const Menu menu("window:2,run | sinks:1,window:2 | match:1", place(1, 2));
  const Index to = menu.offer(p.scene()).index.to;
  // In the order of first mention; the scan comes last.
  CHECK(menu.types() == std::vector<std::string>{"window -0", "window -1", "sink 0", "match 0",
                                                 "match 0 +1", "run"});
  for (size_t b = 0; b < kB; ++b)
    for (size_t n = 0; n < kN; ++n) {
      const auto window = offered(Menu("window:2", place(1, 2)).offer(p.scene()).index.to, b, n, 0);
      const auto match = offered(Menu("match:1", place(1, 2)).offer(p.scene()).index.to, b, n, 0);
      CHECK(offered(to, b, n, 0) == std::vector<int32_t>{window[0], window[1], -1, -1, -1, -1});
      CHECK(offered(to, b, n, 1) == std::vector<int32_t>{window[0], window[1], 0, -1, -1, -1});
      CHECK(offered(to, b, n, 2) == std::vector<int32_t>{-1, -1, -1, match[0], match[1], -1});
    }
  // Fewer menus than heads: the first is that of all heads before the others.
  const Index few = Menu("window:2 | match:1", place(1, 2)).offer(p.scene()).index.to;
  for (size_t n = 0; n < kN; ++n) {
    const auto window = offered(Menu("window:2", place(1, 2)).offer(p.scene()).index.to, 0, n, 0);
    for (size_t h = 0; h < 2; ++h)
      CHECK(offered(few, 0, n, h) == std::vector<int32_t>{window[0], window[1], -1, -1});
    CHECK(offered(few, 0, n, 2)[0] == -1);
  }
  CHECK_THROWS_WITH(Menu("run | run | run | window:1", place(1, 2)),
                    doctest::Contains("expected at most a menu for each head, 3, got 4"));
  CHECK_THROWS_WITH(Menu("window:2 | window:3 | run", place(1, 2)),
                    doctest::Contains("the same number for all heads"));
  CHECK_THROWS_WITH(Menu("run,window:2 | run | run,run", place(1, 2)),
                    doctest::Contains("each source once"));
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

TEST_CASE("candidates: skips") {
  check("skips:5", [](auto&, size_t, int32_t n, size_t) {
    std::vector<int32_t> places;
    for (const int32_t back : {2, 4, 8, 16, 32}) places.push_back(if_causal(n - back, n));
    return places;
  });
}

TEST_CASE("candidates: ngram") {
  check("ngram:4", [](auto& p, size_t b, int32_t n, size_t) {
    std::vector<int32_t> found;
    for (int32_t m = 2; m <= 4; ++m) {
      int32_t latest = -1;
      for (int32_t j = m - 1; j < n; ++j) {
        bool equal = true;
        for (int32_t back = 0; back < m; ++back)
          equal &= p.tokens(b, j - back) == p.tokens(b, n - back);
        if (equal) latest = j;
      }
      found.insert(found.end(), {latest, latest < 0 ? -1 : latest + 1});
    }
    return found;
  });
}

TEST_CASE("candidates: random places are spread evenly and depend on the token's place alone") {
  constexpr int32_t k = 8;
  Problem p;
  const Menu menu("random:8", place(1, 2));
  const Index to = menu.offer(p.scene()).index.to;
  p.context.training = true;
  p.features = Random(99).normal(p.features.shape());
  const Index again = menu.offer(p.scene()).index.to;
  CHECK(std::equal(to.begin(), to.end(), again.begin(), again.end()));
  const Index other = Menu("random:8", place(0, 2)).offer(p.scene()).index.to;
  CHECK(!std::equal(to.begin(), to.end(), other.begin()));  // each layer has its own
  double relative = 0;
  for (int32_t n = 0; n < static_cast<int32_t>(kN); ++n)
    for (size_t s = 0; s < k; ++s) {
      const int32_t j = offered(to, 0, static_cast<size_t>(n), 0)[s];
      CHECK(j == if_causal(j, n));
      CHECK(j >= 0);
      CHECK(j == offered(to, 1, static_cast<size_t>(n), 2)[s]);
      relative += (j + 0.5) / (n + 1);
    }
  CHECK(relative / (kN * k) == doctest::Approx(0.5).epsilon(0.1));
}

TEST_CASE("candidates: blocks offers the tokens of the past blocks with the best summaries") {
  Problem p;
  Menu menu("blocks:3", place(0, 1));
  menu.initialise(6);
  const CandidateSet offer = menu.offer(p.scene());
  constexpr size_t kCode = 16, kLargest = 4;  // blocks of 4 from token 15 on, of 8 from 63 on
  CHECK(offer.index.to.shape() == Shape{kB, kN, kH, 3 * kLargest});
  CHECK(menu.types() == std::vector<std::string>{"block 0", "block 1", "block 2"});

  // The twin computes codes and means in double.
  const auto code = [&](const char* name, size_t b, size_t n, size_t e) {
    double sum = 0;
    for (const Parameter& parameter : menu.parameters())
      if (parameter.name == fmt::format("blocks.{}.weight", name))
        for (size_t d = 0; d < 12; ++d)
          sum += double{parameter.var->value()(e, d)} * double{p.features.value()(b, n, d)};
    return sum;
  };
  for (size_t b = 0; b < kB; ++b)
    for (size_t h = 0; h < kH; ++h)
      for (size_t n = 0; n < kN; ++n) {
        struct Block {
          size_t first, size;
          double score;
        };
        std::vector<Block> blocks;
        double all = 0;
        for (size_t first = 0, size = 1; first + size <= n; first += size) {
          if (first + 1 == 4 * size * size) size *= 2;
          if (first + size > n) break;
          double score = 0;
          for (size_t j = first; j < first + size; ++j)
            for (size_t e = h * kCode; e < (h + 1) * kCode; ++e)
              score += code("query", b, n, e) * code("summary", b, j, e) / double(size) / 4;
          blocks.push_back({first, size, score});
          all += std::exp(score);
        }
        std::sort(blocks.begin(), blocks.end(),
                  [](const Block& one, const Block& other) { return one.score > other.score; });
        std::vector<int32_t> expected(3 * kLargest, -1);
        for (size_t r = 0; r < std::min<size_t>(3, blocks.size()); ++r)
          for (size_t s = 0; s < kLargest; ++s) {
            if (s < blocks[r].size)
              expected[r * kLargest + s] = static_cast<int32_t>(blocks[r].first + s);
            CHECK(offer.logits.value()(b, n, h, r * kLargest + s) ==
                  doctest::Approx(blocks[r].score - std::log(all)).epsilon(1e-4));
          }
        CHECK(offered(offer.index.to, b, n, h) == expected);
      }
}

TEST_CASE("candidates: the rows a layer reads are those its menu promises") {
  // Every candidate is read once to score it and once for its value.
  for (const size_t N : {32, 64}) {
    CHECK(rows_read("skips:6", N) == 2 * 6 * N);
    CHECK(rows_read("ngram:4", N) == 2 * 6 * N);
    CHECK(rows_read("random:5", N) == 2 * 5 * N);
    // Per head, since the chain is; the gate needs no score.
    CHECK(rows_read("window:4,run", N) == 2 * 5 * N * kH + N * kH);
    CHECK(rows_read("window:4,gated", N) == 2 * 5 * N * kH);
  }
  // Blocks that end before the last token, and tokens in the largest of them: both grow as sqrt(N).
  struct Size {
    size_t N, blocks, largest;
  };
  for (const auto& [N, M, S] : {Size{64, 21, 4}, Size{256, 45, 8}, Size{1024, 93, 16}}) {
    const size_t choosing = N * M + 2 * M + N * kH * 2;  // scores, means, log p of the best
    CHECK(rows_read("blocks:2", N) == choosing + 2 * N * kH * 2 * S);
  }
}

TEST_CASE("candidates: dense") {
  check("dense", [](auto&, size_t, int32_t n, size_t) {
    std::vector<int32_t> all(kN, -1);
    for (int32_t j = 0; j <= n; ++j) all[static_cast<size_t>(j)] = j;
    return all;
  });
}

TEST_CASE("candidates: rank points where the hard count of members reaches what is asked for") {
  Problem p;
  Menu menu("rank:4", place(0, 1));
  menu.initialise(2);
  const Index to = menu.offer(p.scene()).index.to;
  // The twin computes both gates in double and counts from the beginning for every token.
  const auto parameters = menu.parameters();
  const auto open = [&](const char* gate, size_t b, size_t n, size_t h) {
    double logit = 0;
    for (const Parameter& parameter : parameters) {
      const Array& w = parameter.var->value();
      if (parameter.name == fmt::format("rank.{}.bias", gate)) logit += double{w(h)};
      if (parameter.name == fmt::format("rank.{}.weight", gate))
        for (size_t d = 0; d < 12; ++d)
          logit += double{w(h, d)} * double{p.features.value()(b, n, d)};
    }
    return logit > 0;
  };
  // Gates are closed at first; opened here so that there is something to count.
  for (const Parameter& parameter : parameters)
    if (parameter.name.ends_with("bias")) parameter.var->value().fill(0);
  const Index opened = menu.offer(p.scene()).index.to;
  CHECK(std::count(to.begin(), to.end(), -1) > std::count(opened.begin(), opened.end(), -1));
  for (size_t b = 0; b < kB; ++b)
    for (size_t h = 0; h < kH; ++h)
      for (size_t n = 0; n < kN; ++n) {
        size_t asked = 0, members = 0;
        for (size_t m = 0; m <= n; ++m) asked += open("query", b, m, h);
        int32_t expected = -1;
        for (size_t m = 0; m <= n && asked > 0 && expected < 0; ++m)
          if ((members += open("member", b, m, h)) >= asked) expected = static_cast<int32_t>(m);
        CHECK(offered(opened, b, n, h) == std::vector<int32_t>{expected, -1, -1, -1});
      }
}

TEST_CASE(
    "candidates: in training, rank offers a window around the place where the count is reached") {
  Problem p;
  p.context.training = true;
  Menu menu("rank:4", place(0, 1));
  menu.initialise(2);
  const CandidateSet offer = menu.offer(p.scene());
  CHECK(offer.logits.shape() == Shape{kB, kN, kH, 4});
  for (const int32_t j : offer.index.scored) CHECK(j == -1);  // query . key has no say
  for (size_t n = 0; n < kN; ++n) {
    const auto window = offered(offer.index.to, 0, n, 0);
    const size_t size = std::min<size_t>(4, n + 1);
    for (size_t k = 0; k < size; ++k) {
      CHECK(window[k] == window[0] + static_cast<int32_t>(k));
      CHECK(window[k] <= static_cast<int32_t>(n));
    }
  }
  // The best of a head's own logits is zero: beside other sources, its type alone speaks for it.
  for (size_t row = 0; row < kB * kN * kH; ++row) {
    real best = -1;
    for (size_t k = 0; k < 4; ++k)
      if (offer.index.to.row(row)[k] >= 0) best = std::max(best, offer.logits.value().row(row)[k]);
    CHECK(best == real{0});
  }
  // Gates are drawn: the same noise gives the same logits, and the noise has gone on.
  const auto logits = [&] { return menu.offer(p.scene()).logits.value(); };
  const Array other = logits();
  p.context.noise = Random(0);
  CHECK(std::ranges::equal(logits(), offer.logits.value()));
  CHECK_FALSE(std::ranges::equal(other, offer.logits.value()));
}

TEST_CASE("candidates: every source is causal") {
  Problem p;
  for (const std::string& name : registered_names<CandidateSource>()) {
    Menu menu(name, place(1, 2));
    menu.initialise(1);
    const Index to = menu.offer(p.scene()).index.to;
    const size_t per_token = to.shape()[2] * to.shape()[3];
    for (size_t e = 0; e < to.size(); ++e) {
      CHECK(to.data()[e] >= -1);
      CHECK(to.data()[e] <= static_cast<int32_t>(e / per_token % kN));
    }
  }
}
