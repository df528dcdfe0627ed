// Attention to a sliding window and to the first tokens (Beltagy, Peters, Cohan, "Longformer: the
// long-document transformer", arXiv 2004.05150, sections 3.1 and 3.2), made causal: the published
// window looks both ways, and its global tokens also read the whole sequence.
//
//   token n sees the tokens n - w + 1, ..., n (w `longformer-window`) and 0, ..., g - 1
//   (g `longformer-globals`); everything else as in attention.      cost N (w + g) D
//
// Receptive field: a layer reaches w - 1 tokens back, so L layers reach L (w - 1); what lies
// further back reaches a token only through the first g tokens, which know nothing but themselves.
// So it cannot copy from further than L (w - 1), whatever it learns.
#include "nn/mixers/attention.hpp"

namespace gnomon {
namespace {

class LongformerKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("longformer-window", window_.tokens, 1, size_t{1} << 20,
              "how many tokens a token sees, itself included");
    f.integer("longformer-globals", window_.globals, 0, size_t{1} << 20,
              "how many tokens at the beginning are seen by all");
  }
  bool takes(const std::string&) const override { return true; }
  std::string cost() const override { return "N w D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<MultiHeadAttention>(place, true, window_);
  }

 private:
  AttentionWindow window_{.tokens = 128, .globals = 4};
};

const Registration<MixerKind> kLongformerMixer{
    "longformer", "attention to a sliding window of tokens, and to the first tokens",
    [] { return std::make_unique<LongformerKind>(); }};

}  // namespace
}  // namespace gnomon
