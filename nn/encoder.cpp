#include "nn/encoder.hpp"

#include "core/ops/add.hpp"
#include "nn/dropout.hpp"
#include "nn/feed_forward.hpp"

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
    const auto drop = [&](const Var& x) { return dropout_(x, pass.training, pass.noise); };
    Mixed mixed = mixer_(norm1_(h), below, pass);
    const Var mixed_in = gnomon::add(h, drop(mixed.features));
    return {gnomon::add(mixed_in, drop(feed_forward_(norm2_(mixed_in)))),
            std::move(mixed.pointers)};
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
  const Mixer& mixer_;
  const Norm& norm2_;
  const FeedForward& feed_forward_;
  const Dropout dropout_;
};

Encoder::Encoder(const EncoderConfig& config, const std::vector<const MixerKind*>& kinds)
    : depth_(config.layers), share_(config.share) {
  if (config.width % config.heads != 0)
    fail(Exit::usage, "--width: expected a multiple of --heads = {}, got {}", config.heads,
         config.width);
  if (kinds.size() != 1 && kinds.size() != config.layers)
    fail(Exit::usage, "--mixers: expected one kind for all layers or {} kinds, got {}",
         config.layers, kinds.size());
  if (share_ && kinds.size() != 1)
    fail(Exit::usage, "--mixers: expected one kind for the one layer of --share, got {}",
         kinds.size());
  for (size_t l = 0; l < (share_ ? 1 : depth_); ++l)
    layers_.push_back(
        &add<Layer>(fmt::format("layers.{}", l), config, *kinds[kinds.size() == 1 ? 0 : l], l));
  norm_ = static_cast<Norm*>(&adopt("norm", make_norm(config.norm, config.width)));
}

size_t Encoder::passes(const Pass& pass) const {
  if (pass.iterations && !share_)
    fail(Exit::usage,
         "--iterations: expected a model trained with --share, whose one layer can be repeated, "
         "got one with {} of its own",
         depth_ == 1 ? "a layer" : fmt::format("{} layers", depth_));
  return pass.iterations.value_or(depth_);
}

Encoded Encoder::operator()(const Var& embedded, Pass& pass) const {
  Var h = embedded;
  Encoded result;
  const size_t count = passes(pass);
  for (size_t l = 0; l < count; ++l) {
    Mixed mixed = layer(l)(h, l == 0 ? Pointers{} : result.pointers.back(), pass);
    h = std::move(mixed.features);
    result.pointers.push_back(std::move(mixed.pointers));
  }
  result.features = (*norm_)(h);
  return result;
}

const Mixer& Encoder::mixer(size_t l) const { return layer(l).mixer(); }

}  // namespace gnomon
