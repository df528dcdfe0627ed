#include "nn/encoder.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/concat.hpp"
#include "core/ops/halting.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/sigmoid.hpp"
#include "core/ops/slice.hpp"
#include "nn/dropout.hpp"
#include "nn/feed_forward.hpp"
#include "nn/recompute.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {

void EncoderConfig::declare(Fields& f) {
  f.integer("layers", layers, 1, 256, "how many layers");
  f.integer("width", width, 1, 16384, "features of a token");
  f.integer("heads", heads, 1, 256, "heads of a layer; divides the width");
  f.integer("feed-forward", feed_forward, 1, 65536, "width of the feed-forward networks");
  f.number("dropout", dropout, 0, 0.95, "share of a layer's outputs dropped in training");
  f.choice("norm", norm, {"layer", "rms"}, "normalisation");
  f.choice("position", position, {"none", "learned", "rope", "alibi", "carope", "urpe"},
           "position encoding");
  f.integer("convolution", convolution, 0, 64,
            "tokens that a short causal convolution before every mixer spans; 0: none");
  f.flag("share", share, "one layer, repeated --layers times, instead of as many layers");
  f.flag("recompute", recompute,
         "training keeps the layers' inputs only: less memory, a second forward pass");
  f.flag("step-code", step_code, "a shared layer is told by sines how often it was repeated");
  f.flag("halting", halting, "of a shared layer, every token says after which pass it is done");
  f.number("ponder", ponder, 0, 100, "what a pass of a token that can halt costs in the loss");
}

namespace {

/// The code of pass t in every row of [B,N,D].
Array pass_code(const Shape& shape, size_t t) {
  Array code(shape);
  const size_t D = shape.last();
  for (size_t d = 0; d < D; ++d) {
    const double angle =
        static_cast<double>(t) *
        std::pow(10000.0, -static_cast<double>(d / 2 * 2) / static_cast<double>(D));
    code.data()[d] = static_cast<real>(d % 2 == 0 ? std::sin(angle) : std::cos(angle));
  }
  for (size_t r = 1; r < shape.rows(); ++r) std::copy_n(code.data(), D, code.row(r));
  return code;
}

/// sum_t weight[b,n,t] h_t[b,n,:]
Var weighted(const std::vector<Var>& h, const Var& weight) {
  Var sum;
  for (size_t t = 0; t < h.size(); ++t) {
    const Var own = reshape(slice(weight, 2, t, t + 1), {h[t].shape()[0], h[t].shape()[1]});
    const Var part = scale_rows(h[t], own);
    sum = t == 0 ? part : add(sum, part);
  }
  return sum;
}

}  // namespace

class Encoder::Layer final : public Module {
 public:
  Layer(const EncoderConfig& config, const MixerKind& kind, size_t layer)
      : norm1_(named_norm("norm1", config)),
        convolution_(config.convolution == 0 ? nullptr
                                             : &part<ShortConvolution>("convolution", config.width,
                                                                       config.convolution, false)),
        mixer_(static_cast<Mixer&>(adopt("mixer", kind.make(place(config, layer))))),
        norm2_(named_norm("norm2", config)),
        feed_forward_(part<FeedForward>("feed_forward", config.width, config.feed_forward)),
        dropout_(config.dropout) {}

  /// What its mixer remembers, and its convolution.
  struct Remembered final : StateOf<Remembered> {
    auto parts() { return std::tie(mixer, last); }
    void make_room(size_t tokens) override { mixer.make_room(tokens); }
    Children mixer;
    LastTokens last;
  };
  std::unique_ptr<State> state(size_t sequences) const {
    auto state = std::make_unique<Remembered>();
    state->mixer.push_back(mixer_.state(sequences));
    state->last = convolution_ ? convolution_->state(sequences) : LastTokens(sequences);
    return state;
  }

  Mixed operator()(const Var& h, const PreviousPointers& previous, Context& context,
                   State* state) const {
    const auto drop = [&](const Var& x) { return dropout_(x, context.training, context.noise); };
    auto* const before = state_cast<Remembered>(state);
    Var a = norm1_(h);
    if (convolution_) a = add(a, (*convolution_)(a, before ? &before->last : nullptr));
    Mixed mixed;
    if (!context.off.layers.contains(context.layer))
      mixed = mixer_(a, previous, context, before ? before->mixer[0].get() : nullptr);
    const Var between = mixed.features.value().empty() ? h : add(h, drop(mixed.features));
    return {add(between, drop(feed_forward_(norm2_(between)))), std::move(mixed.pointers)};
  }
  const Mixer& mixer() const { return mixer_; }

 private:
  static MixerPlace place(const EncoderConfig& c, size_t layer) {
    return {c.width, c.heads, layer, c.share ? 1 : c.layers, c.position, c.share && c.layers > 1};
  }
  Norm& named_norm(const std::string& name, const EncoderConfig& config) {
    return static_cast<Norm&>(adopt(name, make_norm(config.norm, config.width)));
  }
  const Norm& norm1_;
  const ShortConvolution* const convolution_;  // null: none
  const Mixer& mixer_;
  const Norm& norm2_;
  const FeedForward& feed_forward_;
  const Dropout dropout_;
};

Encoder::Encoder(const EncoderConfig& config, const std::vector<const MixerKind*>& kinds)
    : depth_(config.layers),
      heads_(config.heads),
      share_(config.share),
      recompute_(config.recompute),
      step_code_(config.step_code),
      ponder_(config.ponder) {
  if (config.width % config.heads != 0)
    fail_option("width", "expected a multiple of heads = {}, got {}", config.heads, config.width);
  if (kinds.size() != 1 && kinds.size() != config.layers)
    fail_option("mixers", "expected one kind for all layers or {} kinds, got {}", config.layers,
                kinds.size());
  if (share_ && kinds.size() != 1)
    fail_option("mixers", "expected one kind for the one layer of share, got {}", kinds.size());
  if (std::none_of(kinds.begin(), kinds.end(),
                   [&](const MixerKind* kind) { return kind->takes(config.position); }))
    fail_option("position", "expected none or learned, since no mixer here reads {}",
                config.position);
  for (size_t l = 0; l < (share_ ? 1 : depth_); ++l)
    layers_.push_back(
        &part<Layer>(fmt::format("layers.{}", l), config, *kinds[kinds.size() == 1 ? 0 : l], l));
  norm_ = static_cast<Norm*>(&adopt("norm", make_norm(config.norm, config.width)));
  if (!share_ && (step_code_ || config.halting))
    fail_option(step_code_ ? "step-code" : "halting",
                "expected share with it, since only a shared layer is repeated");
  if (!config.halting && ponder_ != EncoderConfig().ponder)
    fail_option("ponder", "belongs to --halting");
  if (config.convolution == 1)
    fail_option("convolution", "expected 0 or 2 to 64, got 1, which would mix no tokens");
  if (!config.halting) return;
  const double bound = 1 / std::sqrt(static_cast<double>(config.width));
  halting_weight_ = &param("halting.weight", {1, config.width}, init::uniform(bound));
  halting_bias_ = &param("halting.bias", {1}, init::constant(-3));
}

size_t Encoder::passes(std::optional<size_t> iterations) const {
  if (iterations && !share_)
    fail_option("iterations",
                "expected a model trained with share, whose one layer can be repeated, "
                "got one with {} of its own",
                depth_ == 1 ? "a layer" : fmt::format("{} layers", depth_));
  return iterations.value_or(depth_);
}

/// Of every layer, or pass of a shared one: its state, and its pointers, for the one above.
struct Encoder::Remembered final : StateOf<Remembered> {
  auto parts() { return std::tie(layers, pointers, length); }
  void make_room(size_t tokens) override {
    layers.make_room(tokens);
    for (auto& map : pointers) map.make_room(tokens);
  }
  struct Length {
    void select(const std::vector<size_t>&) {}
    void visit(StateVisitor& visitor) { visitor.visit(tokens); }
    size_t tokens = 0;
  };
  struct Maps : std::vector<Cache<int32_t>> {  // of width 0 where a layer has no pointers
    void select(const std::vector<size_t>& sequences) {
      for (auto& map : *this) map.select(sequences);
    }
    void visit(StateVisitor& visitor) {
      for (auto& map : *this) visitor.visit(map);
    }
  };
  Children layers;
  Maps pointers;
  Length length;
};

std::unique_ptr<State> Encoder::state(size_t sequences, std::optional<size_t> iterations) const {
  auto state = std::make_unique<Remembered>();
  for (size_t l = 0; l < passes(iterations); ++l) {
    state->layers.push_back(layer(l).state(sequences));
    state->pointers.emplace_back(sequences, mixer(l).candidate_types().empty() ? 0 : heads_);
  }
  return state;
}

size_t Encoder::tokens_read(State& state) { return state_cast<Remembered>(&state)->length.tokens; }

Encoded Encoder::operator()(const Var& embedded, Context& context, State* state) const {
  auto* const before = state_cast<Remembered>(state);
  std::optional<PauseTape> pause;
  if (before) pause.emplace();
  const size_t count = passes(context.iterations);
  expect(!before || before->layers.size() == count,
         "encoder: state: expected one for {} passes, got one for {}", count,
         before ? before->layers.size() : 0);
  expect(!before ||
             (!context.training && !context.watch && !context.watch_weights && context.off.empty()),
         "encoder: state: expected none in training, nor where a layer is watched or something is "
         "switched off: these see whole sequences");
  expect(!context.training || context.off.empty(),
         "encoder: off: expected nothing switched off in training");
  context.first = before ? before->length.tokens : 0;
  context.embedded = embedded;
  Var h = embedded;
  Encoded result;
  std::vector<Var> passed, done;  // of every pass, where tokens halt: h after it, and p
  PreviousPointers previous;
  for (size_t l = 0; l < count; ++l) {
    context.layer = l;
    if (step_code_) h = add(h, pass_code(h.shape(), l + 1));
    if (halting_weight_)
      done.push_back(sigmoid(affine((*norm_)(h), *halting_weight_, *halting_bias_)));
    Mixed mixed = recompute_ && context.training
                      ? checkpointed(l, h, previous, context)
                      : layer(l)(h, previous, context, before ? before->layers[l].get() : nullptr);
    h = std::move(mixed.features);
    if (halting_weight_) passed.push_back(h);
    previous = {mixed.pointers.to, mixed.pointers.distribution};
    if (before && !previous.empty()) previous.to = before->pointers[l].append(previous.to);
    result.pointers.push_back(std::move(mixed.pointers));
  }
  context.embedded = {};
  if (before) before->length.tokens += embedded.shape()[1];
  if (halting_weight_) {
    const auto [weight, ponder] = halting(concat(done, 2));
    h = weighted(passed, weight);
    result.cost = scale(ponder, static_cast<real>(ponder_));
  }
  result.features = (*norm_)(h);
  return result;
}

/// Layer l, of which the tape keeps h and the pointers only.
Mixed Encoder::checkpointed(size_t l, const Var& h, const PreviousPointers& previous,
                            Context& context) const {
  Context replay = context;  // with the noise that this time draws
  const Var embedded = std::exchange(replay.embedded, {});
  Mixed mixed;
  {
    const PauseTape pause;
    mixed = layer(l)(h, previous, context, nullptr);
  }
  if (!mixed.pointers.distribution.empty())
    fail_option("recompute",
                "expected layers that learn by their features alone, got hand-on = distribution, "
                "whose gradients go from layer to layer beside them");
  mixed.features = recomputed({h, embedded}, mixed.features.value(),
                              [this, l, previous, replay](const std::vector<Var>& x) {
                                Context again = replay;
                                again.embedded = x[1];
                                again.watch = {}, again.watch_weights = {};  // saw the first
                                return layer(l)(x[0], previous, again, nullptr).features;
                              });
  return mixed;
}

const Mixer& Encoder::mixer(size_t l) const { return layer(l).mixer(); }

}  // namespace gnomon
