// Causal multi-head attention (Vaswani et al., "Attention is all you need", 2017).
#pragma once

#include "core/ops/attention.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// The reference of the op attention(): the same function, written from small ops, with all N x N
/// scores in memory. For readers and tests.
Var composed_attention(const Var& q, const Var& k, const Var& v, size_t heads, bool causal,
                       const std::vector<real>& slopes = {}, AttentionWindow window = {},
                       size_t first = 0, const LagTables& lags = {});

/// The slopes of ALiBi, 2^(-8 (h + 1) / H) for head h (Press et al., "Train short, test long",
/// 2022).
std::vector<real> alibi_slopes(size_t heads);

/// y = output(attention(q, k, v)),  [q; k; v] = projection(a), the three in this order as in
/// PyTorch's in_proj. With position "rope", q and k are rotated (RoPE); with "alibi", near keys
/// are preferred. With a window, token n sees that and the first tokens only. Parameters:
/// projection.weight [3D,D], projection.bias [3D]; output, a Linear(D, D).
///
/// With "carope" (Veisi et al., "Context-aware rotary position embedding", 2025, arXiv 2507.23083)
/// the tokens say how far q and k are turned from one to the next: pair i = 1 .. C/2 of head h by
/// f^i, f = 1 / (softplus(speed a + b) + 1) in (0,1). It begins nearly as rotary positions with the
/// speeds 10000^(-2i/C); the bias b is ours. Parameters more: speed.weight [H,D], speed.bias [H].
///
/// With "urpe" (Luo et al., 2022, arXiv 2205.13401) every head learns what a lag i - j adds to a
/// score and multiplies a weight by; lags from `lags` - 1 on share the last entry. Parameters more:
/// bias [H lags], from 0, and factor [H lags], from 1.
class MultiHeadAttention final : public Mixer {
 public:
  /// `fused`: the op attention(), or else its composed reference. Throws Error(Fault::option): rope
  /// or carope on heads of odd width.
  MultiHeadAttention(const MixerPlace& place, bool fused, AttentionWindow window = {},
                     size_t lags = kLags);
  static constexpr size_t kLags = 64;
  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override;
  /// The keys and values of all tokens: 2 D numbers each (carope: and D / 2 angles, of the last
  /// token). Token n costs O(D D + n D), or with a
  /// window of w tokens and g global ones O(D D + (w + g) D).
  std::unique_ptr<State> state(size_t sequences) const override;

 private:
  LagTables lags() const;
  Var angles(const Var& a, PerSequence<std::vector<double>>* before) const;
  /// Its weights, to those who watch: z = w v, by the scores of q and k.
  void show(const Array& q, const Array& k, const Array& v, const Array& z, const LagTables& tables,
            const Context& context) const;
  size_t width_, heads_;
  bool fused_, rope_;
  std::vector<real> slopes_;
  AttentionWindow window_;
  const Var &weight_, &bias_;
  const Linear& output_;
  struct Speed {
    const Var &weight, &bias;
  };
  std::optional<Speed> speed_;  // carope
  LagTables lags_;              // urpe, both [H lags]
};

}  // namespace gnomon
