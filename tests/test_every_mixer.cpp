// What every registered kind of mixer, and a pointer layer with every candidate source, must keep,
// whatever it does: a new kind or source inherits these tests.
#include <doctest/doctest.h>

#include "core/ops/mean.hpp"
#include "core/ops/mul.hpp"
#include "nn/encoder.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 21, kD = 8, kH = 2;

/// Every kind with its default options: its name. Every source beside a window: "pointer SOURCES".
std::vector<std::string> all_mixers() {
  std::vector<std::string> all = registered_names<MixerKind>();
  for (const std::string& source : registered_names<CandidateSource>())
    all.push_back("pointer " + (source == "window" ? source : "window:2," + source));
  return all;
}

std::unique_ptr<MixerKind> make_kind(const std::string& mixer) {
  const auto words = split(mixer, ' ');
  auto kind = registry<MixerKind>().at(words[0]).make();
  Fields fields;
  kind->declare(fields);
  if (words.size() > 1) fields.set("sources", words[1]);
  return kind;
}

/// Two layers of one kind, on random features and tokens.
struct Stack {
  explicit Stack(const std::string& name)
      : kind(make_kind(name)),
        encoder(EncoderConfig{.layers = 2, .width = kD, .heads = kH, .feed_forward = 12},
                {kind.get()}) {
    encoder.initialise(3);
    Random random(4);
    // Some parameters start at zero, where a mistake would be multiplied away.
    for (const Parameter& p : encoder.parameters())
      for (real& v : p.var->value()) v += static_cast<real>(0.2 * random.normal());
    features = random.normal({kB, kN, kD});
    tokens = Index({kB, kN});
    for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(4));
  }
  Encoded run(bool training) const {
    Pass pass;
    pass.tokens = tokens;
    pass.training = training;
    pass.noise = Random(5);
    return encoder(features, pass);
  }
  std::unique_ptr<MixerKind> kind;
  Encoder encoder;
  Array features;
  Index tokens;
};

/// The output and all gradients of one training step.
std::vector<real> step(const std::string& name) {
  Stack stack(name);
  Tape tape;
  const Var y = stack.run(true).features;
  tape.backward(mean(mul(y, Random(6).normal(y.shape()))));
  std::vector<real> all(y.value().begin(), y.value().end());
  for (const Parameter& p : stack.encoder.parameters())
    all.insert(all.end(), p.var->grad().begin(), p.var->grad().end());
  return all;
}

}  // namespace

TEST_CASE("every mixer: changing a token leaves all outputs before it bit-identical") {
  for (const std::string& name : all_mixers())
    for (const size_t changed : {size_t{1}, kN / 2, kN - 1}) {
      CAPTURE(name);
      CAPTURE(changed);
      Stack stack(name);
      const Array before = stack.run(false).features.value();
      for (size_t d = 0; d < kD; ++d) stack.features(0, changed, d) -= real(0.5);
      stack.tokens(0, changed) = 3 - stack.tokens(0, changed);
      const Array after = stack.run(false).features.value();
      bool differs = false;
      for (size_t n = 0; n < kN; ++n)
        for (size_t d = 0; d < kD; ++d) {
          const bool equal = before(0, n, d) == after(0, n, d);
          if (n < changed) CHECK(equal);
          differs |= !equal;
          CHECK(before(1, n, d) == after(1, n, d));  // and the other sequence of the batch
        }
      CHECK(differs);
    }
}

TEST_CASE("every mixer: every parameter receives a gradient") {
  for (const std::string& name : all_mixers()) {
    Stack stack(name);
    Tape tape;
    const Var y = stack.run(true).features;
    tape.backward(mean(mul(y, Random(6).normal(y.shape()))));
    for (const Parameter& p : stack.encoder.parameters()) {
      CAPTURE(name);
      CAPTURE(p.name);
      CHECK(std::any_of(p.var->grad().begin(), p.var->grad().end(),
                        [](real v) { return v != 0 && std::isfinite(v); }));
    }
  }
}

TEST_CASE("every mixer: the same bits again, and on 1, 2, 3 and 4 threads") {
  for (const std::string& name : all_mixers()) {
    CAPTURE(name);
    const std::vector<real> first = step(name);
    CHECK(step(name) == first);
    for (const int threads : {1, 2, 3, 4}) {
      std::vector<real> again;
      with_threads(threads, [&] { again = step(name); });
      CHECK(again == first);
    }
  }
}

TEST_CASE("every mixer: pointers, if it makes any, are in range, causal and named") {
  for (const std::string& name : all_mixers()) {
    CAPTURE(name);
    const Stack stack(name);
    const Encoded encoded = stack.run(false);
    REQUIRE(encoded.pointers.size() == 2);
    for (size_t layer = 0; layer < 2; ++layer) {
      const Pointers& p = encoded.pointers[layer];
      const size_t types = stack.encoder.mixer(layer).candidate_types().size();
      CHECK(p.empty() == (types == 0));
      if (p.empty()) continue;
      CHECK(p.to.shape() == Shape{kB, kN, kH});
      for (size_t e = 0; e < p.to.size(); ++e) {
        CHECK(p.to.data()[e] >= -1);
        CHECK(p.to.data()[e] <= static_cast<int32_t>(e / kH % kN));
        CHECK(p.type.data()[e] < static_cast<int32_t>(types));
        // A pointer without a type points nowhere; one with a type may have chosen to read nothing.
        if (p.type.data()[e] < 0) CHECK(p.to.data()[e] == -1);
      }
    }
  }
}
