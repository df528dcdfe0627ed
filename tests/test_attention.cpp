// Attention in float: its reference, its costs, its bits; and the mixers built on it.
#include "tests/attention.hpp"

#include <doctest/doctest.h>

#include "core/ops/causal_convolution.hpp"
#include "core/ops/rotary.hpp"

using namespace gnomon;

namespace {

bool same(const Array& a, const Array& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

struct MixerCase {
  std::string kind, position;
  std::vector<std::pair<std::string, std::string>> options;
};
const std::vector<MixerCase> kMixers{
    {"attention", "none", {{"attention", "fused"}}},
    {"attention", "rope", {{"attention", "fused"}}},
    {"attention", "alibi", {{"attention", "fused"}}},
    {"attention", "alibi", {{"attention", "composed"}}},
    {"attention", "carope", {{"attention", "fused"}}},
    {"attention", "urpe", {{"attention", "fused"}, {"lags", "7"}}},
    {"attention", "urpe", {{"attention", "composed"}, {"lags", "7"}}},
    {"longformer", "urpe", {{"longformer-window", "3"}, {"longformer-globals", "2"}}},
    {"longformer", "none", {{"longformer-window", "3"}, {"longformer-globals", "2"}}},
    {"convolution", "none", {{"kernel", "2"}}},
    {"convolution", "none", {{"kernel", "4"}}},
};

std::unique_ptr<Mixer> make_mixer(const MixerCase& c, size_t width = 12, size_t heads = 2) {
  const auto kind = make_registered<MixerKind>(c.kind, "mixer");
  Fields fields;
  kind->declare(fields);
  for (const auto& [name, value] : c.options) fields.set(name, value);
  auto mixer = kind->make({width, heads, 0, 1, c.position});
  mixer->initialise(7);
  return mixer;
}

Array mix(const Mixer& mixer, const Array& a) {
  Context context;
  return mixer(a, {}, context, nullptr).features.value();
}

}  // namespace

TEST_CASE("attention: fused equals composed, values and gradients") {
  for (const AttentionProblem& p : attention_problems()) {
    CAPTURE(p.text());
    CHECK(largest_difference(run_attention(p, true), run_attention(p, false)) < 1e-5);
  }
}

TEST_CASE("attention: the same bits on any number of threads") {
  const int before = threads();
  for (const AttentionProblem& p : {AttentionProblem{1, 200, 1, 8, true, true},
                                    {2, 130, 3, 33, true, false},
                                    {2, 200, 2, 8, true, false, {}, 30},
                                    {1, 200, 2, 32, false, false}}) {
    CAPTURE(p.text());
    set_threads(1);
    const AttentionRun one = run_attention(p, true);
    for (const int count : {2, 3, 4}) {
      set_threads(count);
      CHECK(largest_difference(run_attention(p, true), one) == 0);
    }
  }
  set_threads(before);
}

TEST_CASE("attention: no buffer grows with the square of the length") {
  const auto peak = [](size_t N) {
    const size_t before = pool::use().in_use;
    pool::reset_peak();
    run_attention({1, N, 2, 8, true, false}, true);
    return pool::use().peak - before;
  };
  const size_t at_512 = peak(512), at_2048 = peak(2048);
  CHECK(at_2048 < 2048 * 2048 * sizeof(real));  // one head's scores would not fit
  CHECK(at_2048 < 4.5 * static_cast<double>(at_512));
}

TEST_CASE("attention: causal blocks above the diagonal are not computed") {
  const auto flops = [](bool causal, bool backward) {
    const size_t N = 1024, D = 16;
    const Var x = variable(Random(1).normal({1, N, D}));
    Tape tape;
    counters.reset();
    const Var y = attention(x, x, x, 2, causal);
    if (backward) {
      counters.reset();
      tape.backward(y, ones({1, N, D}));
    }
    return static_cast<double>(counters.matrix_flops);
  };
  CHECK(flops(false, false) == 2 * 2 * 1024.0 * 1024 * 16);
  CHECK(flops(false, true) == 5 * 2 * 1024.0 * 1024 * 16);
  for (const bool backward : {false, true}) {
    CHECK(flops(true, backward) > 0.5 * flops(false, backward));
    CHECK(flops(true, backward) < 0.55 * flops(false, backward));
  }
}

TEST_CASE("attention: with a window the cost is linear in the length") {
  const auto flops = [](size_t N, bool backward) {
    const Var x = variable(Random(1).normal({1, N, 16}));
    Tape tape;
    counters.reset();
    const Var y = attention(x, x, x, 2, true, {}, {.tokens = 128, .globals = 4});
    if (backward) {
      counters.reset();
      tape.backward(y, ones({1, N, 16}));
    }
    return static_cast<double>(counters.matrix_flops);
  };
  for (const bool backward : {false, true}) {
    CHECK(flops(8192, backward) < 2.1 * flops(4096, backward));
    CHECK(flops(8192, backward) > 1.9 * flops(4096, backward));
    // A block of queries sees its own block, the two before it, and that of the first tokens.
    CHECK(flops(8192, backward) <= (backward ? 5 : 2) * 2 * 8192.0 * 16 * 4 * 64);
  }
}

TEST_CASE("attention: large scores neither overflow nor leave traces of masked keys") {
  constexpr size_t N = 70, C = 4;
  Random random(3);
  Array q = random.normal({1, N, C}), k = random.normal({1, N, C});
  for (real& x : q) x *= 1000;
  // Values that no softmax weight can hide: a masked key must have the weight 0 exactly.
  Array v({1, N, C}, 1);
  for (size_t n = 40; n < N; ++n) std::fill_n(v.row(n), C, real(1e30));
  const Array y = attention(q, k, v, 1, true).value();
  for (size_t n = 0; n < 40; ++n)
    for (size_t c = 0; c < C; ++c) CHECK(y(0, n, c) == doctest::Approx(1.0));
  for (const real x : y) CHECK(std::isfinite(x));
}

TEST_CASE("attention: a NaN in a query, a key or a value reaches the output") {
  for (const size_t which : {0, 1, 2}) {
    std::array<Array, 3> x{ones({1, 70, 4}), ones({1, 70, 4}), ones({1, 70, 4})};
    x[which](0, 3, 1) = std::numeric_limits<real>::quiet_NaN();
    const Array y = attention(x[0], x[1], x[2], 1, true).value();
    CAPTURE(which);
    // A masked value has the weight 0, and 0 NaN is NaN: within one block it reaches earlier rows.
    if (which < 2) CHECK(y(0, 2, 1) == doctest::Approx(1.0));
    CHECK(std::isnan(y(0, 3, 1)));
    CHECK(std::isnan(y(0, 69, 1)) == (which > 0));
  }
}

TEST_CASE("attention: errors are sentences") {
  const Array x = ones({1, 4, 6});
  CHECK_THROWS_WITH_AS(attention(x, ones({1, 4, 8}), x, 2, true),
                       doctest::Contains("attention: k [B,M,D]"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 4, true), doctest::Contains("D divisible by H"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 2, true, {1}), doctest::Contains("slopes [H]"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 2, false, {}, {.tokens = 2}),
                       doctest::Contains("attention: window: expected causal"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 2, true, {}, {}, 0, {ones({3, 4}), ones({3, 4})}),
                       doctest::Contains("attention: bias [H,L]: expected H = 2"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 2, true, {}, {}, 0, {ones({2, 4}), ones({2, 3})}),
                       doctest::Contains("attention: factor [H,L]: expected shape [2,4]"), Error);
  CHECK_THROWS_WITH_AS(attention(x, x, x, 2, false, {}, {}, 0, {ones({2, 4}), ones({2, 4})}),
                       doctest::Contains("causal attention"), Error);
  CHECK_THROWS_WITH_AS(rotary(x, 2), doctest::Contains("an even C"), Error);
  CHECK_THROWS_WITH_AS(causal_convolution(x, ones({3, 5}), ones({6})),
                       doctest::Contains("causal_convolution: w [k,D]"), Error);
}

TEST_CASE("causal_convolution equals its equation") {
  constexpr size_t B = 2, N = 9, D = 19, k = 3;
  Random random(4);
  const Array x = random.normal({B, N, D}), w = random.normal({k, D}), bias = random.normal({D});
  const Array y = causal_convolution(x, w, bias).value();
  for (size_t b = 0; b < B; ++b)
    for (size_t n = 0; n < N; ++n)
      for (size_t d = 0; d < D; ++d) {
        real expected = bias(d);
        for (size_t j = 0; j < k && j <= n; ++j) expected += w(j, d) * x(b, n - j, d);
        CHECK(y(b, n, d) == doctest::Approx(expected).epsilon(1e-5));
      }
}

TEST_CASE("mixers: changing a token leaves everything before it bit-identical") {
  constexpr size_t N = 130, D = 12;
  for (const MixerCase& c : kMixers) {
    CAPTURE(c.kind + " " + c.position + " " + c.options[0].second);
    const auto mixer = make_mixer(c);
    Array a = Random(5).normal({2, N, D});
    const Array before = mix(*mixer, a);
    for (const size_t t : {1, 63, 64, 100}) {
      Array changed = a.clone();
      for (size_t d = 0; d < D; ++d) changed(0, t, d) += 1;
      const Array after = mix(*mixer, changed);
      bool equal = true;
      for (size_t e = 0; e < t * D; ++e) equal &= before.data()[e] == after.data()[e];
      for (size_t e = N * D; e < 2 * N * D; ++e) equal &= before.data()[e] == after.data()[e];
      CHECK(equal);
      CHECK(before(0, t, 0) != after(0, t, 0));
      CHECK(before(0, t + 1, 0) != after(0, t + 1, 0));
    }
  }
}

TEST_CASE("mixers: the same bits on any number of threads, forward and backward") {
  const int before = threads();
  for (const MixerCase& c : kMixers) {
    CAPTURE(c.kind + " " + c.position + " " + c.options[0].second);
    const auto mixer = make_mixer(c);
    const auto gradients = [&](int count) {
      set_threads(count);
      mixer->clear_gradients();
      const Var a = variable(Random(6).normal({2, 130, 12}));
      Context context;
      Tape tape;
      const Var y = (*mixer)(a, {}, context, nullptr).features;
      tape.backward(y, Random(7).normal(y.shape()));
      std::vector<Array> all{y.value(), a.grad()};
      for (const Parameter& p : mixer->parameters()) all.push_back(p.var->grad());
      return all;
    };
    const auto one = gradients(1);
    for (const int count : {2, 3, 4}) {
      const auto many = gradients(count);
      for (size_t i = 0; i < one.size(); ++i) CHECK(same(one[i], many[i]));
    }
  }
  set_threads(before);
}

TEST_CASE("mixers: the positions of attention matter, and fused is composed") {
  const Array a = Random(8).normal({1, 70, 12});
  const auto output = [&](const std::string& position, const std::string& form) {
    return mix(*make_mixer({"attention", position, {{"attention", form}}}), a);
  };
  for (const std::string position : {"none", "rope", "alibi", "carope", "urpe"}) {
    CAPTURE(position);
    const Array fused = output(position, "fused"), composed = output(position, "composed");
    for (size_t e = 0; e < fused.size(); ++e)
      CHECK(std::abs(fused.data()[e] - composed.data()[e]) < 1e-5);
  }
  CHECK(same(output("none", "fused"), output("learned", "fused")));
  CHECK(!same(output("none", "fused"), output("rope", "fused")));
  CHECK(!same(output("none", "fused"), output("alibi", "fused")));
  CHECK(!same(output("none", "fused"), output("carope", "fused")));
}

TEST_CASE("mixers: the slopes of ALiBi are those of the paper") {
  CHECK(alibi_slopes(8) ==
        std::vector<real>{0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625});
}

TEST_CASE("mixers: carope begins with the first speed of rotary positions") {
  const auto mixer = make_mixer({"attention", "carope", {}}, 16, 2);
  for (const Parameter& p : mixer->parameters())
    if (p.name == "speed.bias")
      for (const real b : p.var->value())
        CHECK(1 / (std::log1p(std::exp(double{b})) + 1) ==
              doctest::Approx(std::pow(10000.0, -2.0 / 8)).epsilon(1e-4));
}

TEST_CASE("mixers: options that do not fit are refused") {
  CHECK_THROWS_WITH_AS(make_mixer({"attention", "rope", {}}, 6, 2),
                       doctest::Contains("rope needs heads of even width"), Error);
  CHECK_THROWS_WITH_AS(make_mixer({"attention", "carope", {}}, 6, 2),
                       doctest::Contains("carope needs heads of even width"), Error);
  CHECK_THROWS_WITH_AS(make_mixer({"convolution", "none", {{"kernel", "5"}}}),
                       doctest::Contains("from 2 to 4"), Error);
}
