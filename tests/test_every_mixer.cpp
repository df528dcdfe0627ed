// What every registered kind of mixer, and a pointer layer with every candidate source, must keep,
// whatever it does: a new kind or source inherits these tests.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "models/sequence_model.hpp"
#include "nn/mixers/weighing.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "nn/pointer/pointing.hpp"
#include "tests/pieces.hpp"
#include "tests/with_threads.hpp"
#include "tools/training/optimizer.hpp"

using namespace gnomon;

namespace {

constexpr size_t kB = 2, kN = 21, kD = 8, kH = 2, kV = 4;
// A number may be rounded to the other of two neighbours in bf16, 1/256 apart.
constexpr double kBf16 = 2e-2;

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
  for (const auto& [option, value] : kind->example().options) fields.set(option, value);
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
    for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(kV));
  }
  Encoded run(bool training) const {
    Context context;
    context.tokens = tokens;
    context.training = training;
    context.noise = Random(5);
    return encoder(features, context);
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
  tape.backward(y, Random(6).normal(y.shape()));
  std::vector<real> all(y.value().begin(), y.value().end());
  for (const Parameter& p : stack.encoder.parameters())
    all.insert(all.end(), p.var->grad().begin(), p.var->grad().end());
  return all;
}

/// act(name, position, stack) for every mixer and those of the positions that it takes.
template <class Act>
void each_position(const std::vector<std::string>& positions, Act&& act) {
  for (const std::string& name : registered_names<MixerKind>())
    for (const std::string& position : positions) {
      CAPTURE(name);
      CAPTURE(position);
      std::unique_ptr<Stack> stack;
      try {
        stack = std::make_unique<Stack>(name, position);
      } catch (const Error& refused) {
        CHECK(refused.fault() == Fault::option);
        continue;
      }
      act(name, position, *stack);
    }
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
    tape.backward(y, Random(6).normal(y.shape()));
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

TEST_CASE("every mixer: the weights that it shows make what it reads, and looking changes no bit") {
  std::set<std::string> weigh;
  each_position(
      {"none", "rope", "alibi", "carope", "urpe"},
      [&](const auto& name, const auto& position, const Stack& stack) {
        Context context;
        context.tokens = stack.tokens;
        std::vector<size_t> layers;
        context.watch_weights = [&](const Weighing& seen) {
          layers.push_back(context.layer);
          weigh.insert(name);
          REQUIRE(seen.value.shape() == Shape{kB, kN, kD});
          REQUIRE(seen.read.shape() == Shape{kB, kN, kD});
          const size_t H = seen.heads, C = kD / H;
          std::vector<real> w(kN);
          for (size_t b = 0; b < kB; ++b)
            for (size_t h = 0; h < H; ++h)
              for (size_t n = 0; n < kN; ++n) {
                seen.row(b, h, n, w.data());
                double sum = 0;
                for (size_t j = 0; j <= n; ++j) sum += double{w[j]};
                // Tables of lags multiply weights; all others share out what is one.
                if (position != "urpe") CHECK(sum == doctest::Approx(1).epsilon(1e-4));
                for (size_t c = 0; c < C; ++c) {
                  double read = 0;
                  for (size_t j = 0; j <= n; ++j)
                    read += double{w[j]} * seen.value(b, j, h * C + c);
                  CHECK(read == doctest::Approx(double{seen.read(b, n, h * C + c)}).epsilon(1e-3));
                }
              }
        };
        const Array watched = stack.encoder(stack.features, context).features.value();
        CHECK(std::ranges::equal(watched, stack.run(false).features.value()));
        CHECK((layers.empty() || layers == std::vector<size_t>{0, 1}));
      });
  for (const char* name : {"attention", "longformer", "block-attention", "combiner", "aaren",
                           "uniform", "linear-attention", "memory-caching"})
    CHECK(weigh.contains(name));
}

TEST_CASE("every source: the parts of a logit add up to it, and the largest sum wins") {
  for (const std::string& source : registered_names<CandidateSource>()) {
    CAPTURE(source);
    const Stack stack("pointer " + (source == "window" ? source : "window:2," + source));
    Context context;
    context.tokens = stack.tokens;
    size_t layers = 0;
    context.watch = [&](const Pointing& seen) {
      const size_t K = seen.types.size(), G = seen.candidates.shape()[2];
      const LogitParts parts = seen.parts();
      ++layers;
      for (size_t row = 0; row < kB * kN * kH; ++row) {
        const size_t of = row / kH * G + (G == 1 ? 0 : row % kH);
        int32_t won = -1;
        double best = 0;
        for (size_t k = 0; k < K; ++k) {
          if (seen.candidates.row(of)[k] < 0) continue;
          if (parts.scored.row(of)[k] < 0) CHECK(parts.match.row(row)[k] == 0);
          const double own = parts.own.empty() ? 0 : double{parts.own.row(row)[k]};
          const double sum = double{parts.match.row(row)[k]} + double{parts.type.row(row)[k]} + own;
          const double logit = double{seen.logits.row(row)[k]};
          CHECK(sum == doctest::Approx(logit).epsilon(1e-5));
          if (won < 0 || logit > best + std::max(1.0, std::abs(best)) / 65536)
            best = logit, won = static_cast<int32_t>(k);  // the tie rule of choice.hpp
        }
        CHECK(seen.slot.data()[row] == won);
        CHECK(seen.to.data()[row] == (won < 0 ? -1 : seen.read.row(of)[won]));
      }
    };
    const Array watched = stack.encoder(stack.features, context).features.value();
    CHECK(layers == 2);
    CHECK(std::ranges::equal(watched, stack.run(false).features.value()));
  }
}

TEST_CASE("every mixer: in pieces of any sizes gives what the whole sequence gives") {
  for (const std::string& name : all_mixers()) {
    CAPTURE(name);
    const Stack stack(name);
    check_pieces(stack.encoder, stack.features, stack.tokens);
    const AffinePrecision bf16(Precision::bf16);
    check_pieces(stack.encoder, stack.features, stack.tokens, {}, kBf16);
  }
}

TEST_CASE("every mixer: the same with every position encoding it takes") {
  each_position({"learned", "rope", "alibi", "carope", "urpe"},
                [](const auto&, const auto&, const Stack& stack) {
                  check_pieces(stack.encoder, stack.features, stack.tokens);
                });
}

TEST_CASE("every mixer: a step reads as many rows at the end of a sequence as at its beginning") {
  for (const std::string& name : registered_names<MixerKind>()) {
    CAPTURE(name);
    const Stack stack(name);
    const auto rows = rows_per_step(stack.encoder, stack.features, stack.tokens);
    for (const uint64_t count : rows) CHECK(count == rows[0]);
  }
}

TEST_CASE("every mixer: a state copied, chosen from, saved and restored goes on by itself") {
  for (const std::string& name : all_mixers()) {
    CAPTURE(name);
    const Stack stack(name);
    const auto read = [&](size_t first, size_t end, State& state) {
      return read_piece(stack.encoder, stack.features, stack.tokens, first, end, state)
          .features.value();
    };
    Tape tape;
    const auto state = stack.encoder.state(kB), other = stack.encoder.state(kB);
    read(0, 11, *state);
    const auto copy = state->copy();
    const std::string saved = save_state(*state);
    read(3, 9, *state);  // another future: the copy must not see it
    const Array expected = [&] {
      const auto fresh = stack.encoder.state(kB);
      read(0, 11, *fresh);
      return read(11, 16, *fresh);
    }();
    restore_state(*other, saved);
    CHECK(state_numbers(*other) == state_numbers(*copy));
    copy->make_room(100);  // changes no numbers
    const auto swapped = copy->copy();
    swapped->select({1, 0, 1});
    CHECK(std::ranges::equal(read(11, 16, *copy), expected));
    CHECK(std::ranges::equal(read(11, 16, *other), expected));
    CHECK(tape.size() == 0);  // no tape sees a state

    Array three({3, 5, kD});
    Index tokens({3, 5});
    for (size_t s = 0; s < 3; ++s)
      for (size_t n = 0; n < 5; ++n) {
        const size_t row = (s % 2 == 0 ? 1 : 0) * kN + 11 + n;
        std::copy_n(stack.features.row(row), kD, three.row(s * 5 + n));
        tokens(s, n) = stack.tokens.data()[row];
      }
    const Array chosen = read_piece(stack.encoder, three, tokens, 0, 5, *swapped).features.value();
    for (size_t e = 0; e < chosen.size(); ++e) {
      const size_t b = e / (5 * kD) % 2 == 0 ? 1 : 0;
      CHECK(chosen.data()[e] ==
            doctest::Approx(expected.data()[b * 5 * kD + e % (5 * kD)]).epsilon(1e-5));
    }
    CHECK_THROWS_AS(restore_state(*other, saved.substr(1)), Error);
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
        Context context;
        context.training = true;
        context.noise = Random(step);
        Tape tape;
        const Var loss = model.score(batch, context).loss;
        tape.backward(loss);
        adamw.step(5e-3);
        model.clear_gradients();
        losses.push_back(loss.value().item());
      }
    });
    if (!blind(name)) CHECK(losses.back() < losses.front() / 10);
  }
}
