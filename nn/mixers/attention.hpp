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
                       size_t first = 0);

/// The slopes of ALiBi, 2^(-8 (h + 1) / H) for head h (Press et al., "Train short, test long",
/// 2022).
std::vector<real> alibi_slopes(size_t heads);

/// y = output(attention(q, k, v)),  [q; k; v] = projection(a), the three in this order as in
/// PyTorch's in_proj. With position "rope", q and k are rotated (RoPE); with "alibi", near keys
/// are preferred. With a window, token n sees that and the first tokens only. Parameters:
/// projection.weight [3D,D], projection.bias [3D]; output, a Linear(D, D).
class MultiHeadAttention final : public Mixer {
 public:
  /// `fused`: the op attention(), or else its composed reference. Throws Error(Fault::option): rope
  /// on heads of odd width.
  MultiHeadAttention(const MixerPlace& place, bool fused, AttentionWindow window = {});
  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override;
  /// The keys and values of all tokens: 2 D numbers each. Token n costs O(D D + n D), or with a
  /// window of w tokens and g global ones O(D D + (w + g) D).
  std::unique_ptr<State> state(size_t sequences) const override;

 private:
  size_t width_, heads_;
  bool fused_, rope_;
  std::vector<real> slopes_;
  AttentionWindow window_;
  const Var &weight_, &bias_;
  const Linear& output_;
};

}  // namespace gnomon
