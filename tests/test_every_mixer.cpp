// What every registered kind of mixer, and a pointer layer with every candidate source, must keep,
// whatever it does: a new kind or source inherits these tests.
#include <doctest/doctest.h>

#include "core/ops/mean.hpp"
#include "core/ops/mul.hpp"
#include "models/sequence_model.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "tests/stepped.hpp"
#include "tests/with_threads.hpp"
#include "tools/training/optimizer.hpp"

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

/// Is it a control that, by design, cannot learn to read what it needs?
bool blind(const std::string& mixer) {
  return mixer == "self-gather" || mixer == "rounded-position" || mixer == "uniform";
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
  explicit Stack(const std::string& name, const std::string& position = "none")
      : kind(make_kind(name)),
        encoder(
            EncoderConfig{
                .layers = 2, .width = kD, .heads = kH, .feed_forward = 12, .position = position},
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
      // Where there is one candidate, nothing that could choose has a gradient: what these controls
      // are there to show. Nor has what a source rounds.
      bool chooses = p.name.find("rounded") != std::string::npos;
      for (const char* part : {"mixer.query", "mixer.key", "mixer.types"})
        chooses |= blind(name) && p.name.find(part) != std::string::npos;
      if (chooses) {
        CHECK(
            std::all_of(p.var->grad().begin(), p.var->grad().end(), [](real v) { return v == 0; }));
        continue;
      }
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
        CHECK((p.type.data()[e] >= 0 || p.to.data()[e] < 0));  // a type alone: it reads nothing
      }
    }
  }
}

TEST_CASE("every mixer: one token at a time gives what the whole sequence gives") {
  for (const std::string& name : registered_names<MixerKind>())
    for (const char* position : {"none", "learned", "rope", "alibi"}) {
      CAPTURE(name);
      CAPTURE(position);
      std::unique_ptr<Stack> stack;
      try {
        stack = std::make_unique<Stack>(name, position);
      } catch (const Error& refused) {
        CHECK(refused.fault() == Fault::option);
        CHECK(position != std::string("none"));
        continue;
      }
      check_stepped(stack->encoder, stack->features, stack->tokens);
    }
}

TEST_CASE("every mixer: a step reads as many rows at the end of a sequence as at its beginning") {
  for (const std::string& name : registered_names<MixerKind>()) {
    CAPTURE(name);
    const Stack stack(name);
    const auto rows = rows_per_step(stack.encoder, stack.features, stack.tokens);
    for (const uint64_t count : rows) CHECK(count == rows[0]);
  }
}

TEST_CASE("every mixer: a copy of the memory goes on by itself, and no tape sees a step") {
  for (const std::string& name : registered_names<MixerKind>()) {
    CAPTURE(name);
    const Stack stack(name);
    const auto feature = [&](size_t n) {
      return Array({1, 1, kD}, std::vector<real>(stack.features.row(n), stack.features.row(n + 1)));
    };
    Tape tape;
    Encoder::Memory memory(stack.encoder);
    for (size_t n = 0; n < 6; ++n) memory.step(feature(n), 1);
    Encoder::Memory copy = memory;
    for (size_t n = 6; n < 9; ++n) copy.step(feature(n + 5), 2);  // another future
    Array last, copied;
    for (size_t n = 6; n < 9; ++n) last = memory.step(feature(n), 3).features.value();
    Encoder::Memory fresh(stack.encoder);
    for (size_t n = 0; n < 9; ++n) copied = fresh.step(feature(n), n < 6 ? 1 : 3).features.value();
    CHECK(std::equal(last.begin(), last.end(), copied.begin()));
    CHECK(tape.size() == 0);
  }
}

TEST_CASE("every mixer: a model of two layers learns one batch by heart") {
  constexpr size_t B = 4, N = 12, V = 8;
  SequenceModel::Kinds kinds;
  for (const auto& [name, entry] : registry<MixerKind>()) kinds[name] = entry.make();
  for (const std::string& name : registered_names<MixerKind>()) {
    CAPTURE(name);
    SequenceModel::Config config;
    config.encoder = {.layers = 2, .width = 32, .heads = kH, .feed_forward = 64};
    config.mixers = name;
    SequenceModel model(config, V, kinds);
    model.initialise(1);
    Random random(2);
    Batch batch{Index({B, N}), Index({B, N})};
    for (int32_t& t : batch.tokens) t = static_cast<int32_t>(random.below(V));
    for (int32_t& t : batch.targets) t = static_cast<int32_t>(random.below(V));
    AdamW adamw(model.parameters());
    std::vector<real> losses;
    with_threads(1, [&] {  // too small to share
      for (size_t step = 0; step < 200; ++step) {
        Pass pass;
        pass.training = true;
        pass.noise = Random(step);
        Tape tape;
        const Var loss = model.score(batch, pass).loss;
        tape.backward(loss);
        adamw.step(5e-3);
        model.clear_gradients();
        losses.push_back(loss.value().item());
      }
    });
    if (!blind(name)) CHECK(losses.back() < losses.front() / 10);
  }
}
