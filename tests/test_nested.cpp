// The recurrence over nested lists: where it points, and what its states are made of.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops/tree_recurrence.hpp"
#include "tests/pieces.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

constexpr size_t kD = 6, kOpen = 1, kClose = 2;

/// One layer, told that 1 opens and 2 closes a list.
struct Lists {
  explicit Lists(const std::vector<int32_t>& tokens, size_t batch = 1) {
    kind = registry<MixerKind>().at("nested").make();
    Fields fields;
    kind->declare(fields);
    fields.set("opening", std::to_string(kOpen));
    fields.set("closing", std::to_string(kClose));
    encoder = std::make_unique<Encoder>(
        EncoderConfig{.layers = 1, .width = kD, .heads = 2, .feed_forward = 8},
        std::vector<const MixerKind*>{kind.get()});
    encoder->initialise(1);
    context.tokens = Index({batch, tokens.size() / batch}, tokens);
    features = Random(2).normal({batch, tokens.size() / batch, kD});
  }
  Encoded run() { return (*encoder)(features, context); }
  std::vector<int32_t> to(size_t head) {
    const Index all = run().pointers[0].to;
    std::vector<int32_t> of_head;
    for (size_t row = 0; row < all.shape().rows(); ++row) of_head.push_back(all.row(row)[head]);
    return of_head;
  }
  std::unique_ptr<MixerKind> kind;
  std::unique_ptr<Encoder> encoder;
  Context context;
  Array features;
};

}  // namespace

TEST_CASE("nested: lists begin anew, and their ends point before and within them") {
  using Places = std::vector<int32_t>;
  Lists lists({5, 1, 3, 1, 4, 2, 6, 2, 7});  // 5 ( 3 ( 4 ) 6 ) 7
  CHECK(lists.to(0) == Places{-1, -1, 1, -1, 3, 2, 5, 0, 7});
  CHECK(lists.to(1) == Places{-1, -1, -1, -1, -1, 4, -1, 6, -1});
  Lists broken({2, 5, 2, 1});  // what was never opened closes nothing
  CHECK(broken.to(0) == Places{-1, 0, 1, -1});
  CHECK(broken.to(1) == Places{-1, -1, -1, -1});
}

TEST_CASE("nested: within a list nothing is known of what came before it, after it all is") {
  Lists lists({5, 1, 3, 1, 4, 2, 6, 2, 7});
  const Array before = lists.run().features.value();
  lists.features(0, 2, 1) += 1;  // of the 3
  const Array after = lists.run().features.value();
  const auto equal = [&](size_t n) {
    return std::equal(before.row(n), before.row(n + 1), after.row(n));
  };
  for (const size_t n : {0, 1, 3, 4}) CHECK(equal(n));
  for (const size_t n : {2, 5, 6, 7, 8}) CHECK(!equal(n));
}

TEST_CASE("nested: in pieces gives what the whole sequence gives") {
  Random random(3);
  std::vector<int32_t> tokens(2 * 40);
  for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(4));
  Lists lists(tokens, 2);
  check_pieces(*lists.encoder, lists.features, lists.context.tokens);
  counters.reset();
  lists.run();
  CHECK(counters.rows_read == tokens.size() * 2);
}

TEST_CASE("nested: what it cannot take is a usage error") {
  const auto made = [](const char* opening, size_t heads) {
    return sentence([&] {
      auto kind = registry<MixerKind>().at("nested").make();
      Fields fields;
      kind->declare(fields);
      fields.set("opening", opening);
      kind->make({.width = 6, .heads = heads, .layer = 0, .layers = 1, .position = "none"});
    });
  };
  CHECK(made("1", 3) == "heads: expected 2 for mixer nested, which reads beside and within, got 3");
  CHECK(made("1,[MAX", 2) == "opening: expected a whole number from 0 to 16777216, got '[MAX'");
}

TEST_CASE("tree_recurrence: equals its equations, and refuses to read ahead") {
  constexpr size_t B = 18, N = 5, D = 3, F = 4, R = 2;  // more sequences than are walked together
  const Array x = Random(1).normal({B, N, F});
  const TreeWeights by{Random(2).normal({F, R * D}), Random(3).normal({(R + 2) * D, F}),
                       Random(4).normal({(R + 2) * D})};
  Index to({B, N, R}, -1);
  Random random(5);
  for (size_t e = 0; e < to.size(); ++e)
    to.data()[e] = static_cast<int32_t>(random.below(e / R % N + 1)) - 1;
  const Array s = tree_recurrence(x, to, by).value();
  for (size_t row = 0; row < B * N; ++row) {
    const auto read = [&](size_t k, size_t d) {
      const int32_t j = to.row(row)[k];
      return j < 0 ? 0.0 : double{s.row(row / N * N + static_cast<size_t>(j))[d]};
    };
    std::vector<double> u(F);
    for (size_t f = 0; f < F; ++f) {
      u[f] = double{x.row(row)[f]};
      for (size_t e = 0; e < R * D; ++e)
        u[f] += double{by.read.value().row(f)[e]} * read(e / D, e % D);
      u[f] /= 1 + std::exp(-u[f]);
    }
    for (size_t d = 0; d < D; ++d) {
      std::vector<double> z(R + 2);
      for (size_t q = 0; q < R + 2; ++q) {
        z[q] = double{by.gate_bias.value().data()[q * D + d]};
        for (size_t f = 0; f < F; ++f) z[q] += double{by.gates.value().row(q * D + d)[f]} * u[f];
      }
      const double g[] = {std::exp(z[0]), std::exp(z[1]), std::exp(z[2])};
      const double expected =
          (g[0] * read(0, d) + g[1] * read(1, d) + g[2] * std::tanh(z[3])) / (g[0] + g[1] + g[2]);
      CHECK(s.row(row)[d] == doctest::Approx(expected).epsilon(1e-5));
    }
  }
  to.row(2)[1] = 2;
  CHECK(sentence([&] { tree_recurrence(x, to, by); }) ==
        "tree_recurrence: to [B,N,R]: expected -1 to 1 at token 2, got 2; a token reads earlier "
        "ones only");
}
