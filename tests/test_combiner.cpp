// The mixer combiner with segments shorter than the sequences (in the tests that all mixers inherit
// its default segment is longer): in pieces, causal, in bits, and how its state grows.
#include <doctest/doctest.h>

#include "tests/pieces.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 29, kD = 8;

/// Two layers, on random features.
struct Segments {
  explicit Segments(const std::string& segment) {
    kind = make_registered<MixerKind>("combiner", "mixer");
    Fields fields;
    kind->declare(fields);
    fields.set("segment", segment);
    encoder = std::make_unique<Encoder>(
        EncoderConfig{.layers = 2, .width = kD, .heads = 2, .feed_forward = 12},
        std::vector<const MixerKind*>{kind.get()});
    encoder->initialise(3);
    features = Random(4).normal({kB, kN, kD});
    tokens = Index({kB, kN}, 0);
  }
  Array run() const {
    Context context;
    context.tokens = tokens;
    return (*encoder)(features, context).features.value();
  }
  std::unique_ptr<MixerKind> kind;
  std::unique_ptr<Encoder> encoder;
  Array features;
  Index tokens;
};

}  // namespace

TEST_CASE("combiner: in pieces of any sizes gives what the whole sequence gives") {
  for (const char* segment : {"1", "4", "7", "29", "30"}) {
    CAPTURE(segment);
    const Segments s(segment);
    check_pieces(*s.encoder, s.features, s.tokens);
  }
}

TEST_CASE("combiner: changing a token leaves all outputs before it bit-identical") {
  for (const size_t changed : {1, 7, 8, 13, 28}) {
    CAPTURE(changed);
    Segments s("4");
    const Array before = s.run();
    for (size_t d = 0; d < kD; ++d) s.features(0, changed, d) += static_cast<real>(d);
    const Array after = s.run();
    for (size_t n = 0; n < kN; ++n)
      CHECK(std::equal(before.row(n), before.row(n) + kD, after.row(n)) == (n < changed));
  }
}

TEST_CASE("combiner: the same bits on any number of threads, forward and backward") {
  const auto run = [](int threads) {
    std::vector<Array> all;
    with_threads(threads, [&] {
      const Segments s("4");
      Context context;
      context.tokens = s.tokens;
      context.training = true;
      const Var a = variable(s.features);
      Tape tape;
      const Var y = (*s.encoder)(a, context).features;
      tape.backward(y, Random(5).normal(y.shape()));
      all = std::vector<Array>{y.value(), a.grad()};
      for (const Parameter& p : s.encoder->parameters()) all.push_back(p.var->grad());
    });
    return all;
  };
  const auto one = run(1);
  for (const int threads : {2, 3}) {
    const auto many = run(threads);
    for (size_t i = 0; i < one.size(); ++i) CHECK(std::ranges::equal(one[i], many[i]));
  }
}

TEST_CASE("combiner: a finished segment leaves two rows behind") {
  const Segments s("4");
  const auto state = s.encoder->mixer(0).state(1);
  const Array one = sequence(s.features, 0);
  for (size_t n = 0; n < kN; ++n) {
    Context context;
    context.first = n;
    s.encoder->mixer(0)(slice(one, 1, n, n + 1), {}, context, state.get());
    const size_t open = (n + 1) % 4;
    CHECK(state_numbers(*state) == (n + 1) / 4 * 2 * kD + (open > 0 ? (1 + 2 * open) * kD : 0));
  }
}
