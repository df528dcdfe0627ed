#include "nn/encoder.hpp"

#include "core/ops/add.hpp"
#include "nn/dropout.hpp"
#include "nn/feed_forward.hpp"
#include "nn/recompute.hpp"

namespace gnomon {

void EncoderConfig::declare(Fields& f) {
  f.integer("layers", layers, 1, 256, "how many layers");
  f.integer("width", width, 1, 16384, "features of a token");
  f.integer("heads", heads, 1, 256, "heads of a layer; divides the width");
  f.integer("feed-forward", feed_forward, 1, 65536, "width of the feed-forward networks");
  f.number("dropout", dropout, 0, 0.95, "share of a layer's outputs dropped in training");
  f.choice("norm", norm, {"layer", "rms"}, "normalisation");
  f.choice("position", position, {"none", "learned", "rope", "alibi"}, "position encoding");
  f.flag("share", share, "one layer, repeated --layers times, instead of as many layers");
  f.flag("recompute", recompute,
         "training keeps the layers' inputs only: less memory, a second forward pass");
}

class Encoder::Layer final : public Module {
 public:
  Layer(const EncoderConfig& config, const MixerKind& kind, size_t layer)
      : norm1_(named_norm("norm1", config)),
        mixer_(static_cast<Mixer&>(adopt("mixer", kind.make(place(config, layer))))),
        norm2_(named_norm("norm2", config)),
        feed_forward_(add<FeedForward>("feed_forward", config.width, config.feed_forward)),
        dropout_(config.dropout) {}

  Mixed operator()(const Var& h, const Pointers& below, Pass& pass) const {
    return around(
        h, [&](const Var& a) { return mixer_(a, below, pass); },
        [&](const Var& x) { return dropout_(x, pass.training, pass.noise); });
  }
  /// One token, whose memory is `mix`.
  Mixed step(const Var& h, const MixerStep& mix, const Moment& moment) const {
    return around(
        h, [&](const Var& a) { return mix(a, moment); }, [](const Var& x) { return x; });
  }
  const Mixer& mixer() const { return mixer_; }

 private:
  static MixerPlace place(const EncoderConfig& c, size_t layer) {
    return {c.width, c.heads, layer, c.share ? 1 : c.layers, c.position, c.share && c.layers > 1};
  }
  /// The equation at the top of encoder.hpp, whichever way the mixer is asked.
  template <class Mix, class Drop>
  Mixed around(const Var& h, Mix&& mix, Drop&& drop) const {
    Mixed mixed = mix(norm1_(h));
    const Var mixed_in = gnomon::add(h, drop(mixed.features));
    return {gnomon::add(mixed_in, drop(feed_forward_(norm2_(mixed_in)))),
            std::move(mixed.pointers)};
  }
  Norm& named_norm(const std::string& name, const EncoderConfig& config) {
    return static_cast<Norm&>(adopt(name, make_norm(config.norm, config.width)));
  }
  const Norm& norm1_;
  const Mixer& mixer_;
  const Norm& norm2_;
  const FeedForward& feed_forward_;
  const Dropout dropout_;
};

Encoder::Encoder(const EncoderConfig& config, const std::vector<const MixerKind*>& kinds)
    : depth_(config.layers), share_(config.share), recompute_(config.recompute) {
  if (config.width % config.heads != 0)
    fail_option("width", "expected a multiple of --heads = {}, got {}", config.heads, config.width);
  if (kinds.size() != 1 && kinds.size() != config.layers)
    fail_option("mixers", "expected one kind for all layers or {} kinds, got {}", config.layers,
                kinds.size());
  if (share_ && kinds.size() != 1)
    fail_option("mixers", "expected one kind for the one layer of --share, got {}", kinds.size());
  for (size_t l = 0; l < (share_ ? 1 : depth_); ++l)
    layers_.push_back(
        &add<Layer>(fmt::format("layers.{}", l), config, *kinds[kinds.size() == 1 ? 0 : l], l));
  norm_ = static_cast<Norm*>(&adopt("norm", make_norm(config.norm, config.width)));
}

size_t Encoder::passes(std::optional<size_t> iterations) const {
  if (iterations && !share_)
    fail_option("iterations",
                "expected a model trained with --share, whose one layer can be repeated, "
                "got one with {} of its own",
                depth_ == 1 ? "a layer" : fmt::format("{} layers", depth_));
  return iterations.value_or(depth_);
}

Encoded Encoder::operator()(const Var& embedded, Pass& pass) const {
  Var h = embedded;
  Encoded result;
  const size_t count = passes(pass.iterations);
  for (size_t l = 0; l < count; ++l) {
    const Pointers below = l == 0 ? Pointers{} : result.pointers.back();
    Mixed mixed =
        recompute_ && pass.training ? forgetful(l, h, below, pass) : layer(l)(h, below, pass);
    h = std::move(mixed.features);
    result.pointers.push_back(std::move(mixed.pointers));
  }
  result.features = (*norm_)(h);
  return result;
}

/// Layer l, of which the tape keeps h and the pointers only.
Mixed Encoder::forgetful(size_t l, const Var& h, const Pointers& below, Pass& pass) const {
  const Pass replay = pass;  // with the noise that this time draws
  Mixed mixed;
  {
    const PauseTape pause;
    mixed = layer(l)(h, below, pass);
  }
  if (!mixed.pointers.distribution.empty() || !mixed.pointers.log_probability.value().empty())
    fail_option("recompute",
                "expected layers that learn by their features alone, got --credit or "
                "--hand-on distribution, whose gradients go from layer to layer beside them");
  mixed.features = recomputed(h, mixed.features.value(), [this, l, below, replay](const Var& x) {
    Pass again = replay;
    again.watch = {};  // the first time was seen
    return layer(l)(x, below, again).features;
  });
  return mixed;
}

Encoder::Memory::Memory(const Encoder& encoder, std::optional<size_t> iterations)
    : encoder_(&encoder), trails_(encoder.passes(iterations)) {
  for (size_t l = 0; l < trails_.size(); ++l) steps_.push_back(encoder.mixer(l).stepper());
}

Encoded Encoder::Memory::step(const Var& embedded, int32_t token) {
  const PauseTape no_tape;
  Var h = embedded;
  Encoded result;
  const auto n = static_cast<int64_t>(length_++);
  Trail below;
  for (size_t l = 0; l < steps_.size(); ++l) {
    std::vector<int32_t>& trail = trails_[l];
    const size_t heads = n == 0 ? 0 : trail.size() / static_cast<size_t>(n);
    const Trail own{heads == 0 ? nullptr : trail.data(), heads};
    Mixed mixed = encoder_->layer(l).step(h, steps_[l], {n, token, below, own});
    h = std::move(mixed.features);
    const Index& to = mixed.pointers.to;
    trail.insert(trail.end(), to.begin(), to.end());
    below = {to.empty() ? nullptr : trail.data(), to.size()};
    result.pointers.push_back(std::move(mixed.pointers));
  }
  result.features = (*encoder_->norm_)(h);
  return result;
}

const Mixer& Encoder::mixer(size_t l) const { return layer(l).mixer(); }

}  // namespace gnomon
