// nn/mixers/attention.hpp
// Causal multi-head attention (Vaswani et al., "Attention is all you need", 2017).
#pragma once

#include "core/ops/attention.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"
#include "nn/mixers/rows.hpp"

namespace gnomon {

/// The reference of the op attention(): the same function, written from small ops, with all N x N
/// scores in memory.
Var composed_attention(const Var& q, const Var& k, const Var& v, size_t heads, bool causal,
                       const std::vector<real>& slopes = {}, Sight sight = {});

/// The slopes of ALiBi, 2^(-8 (h + 1) / H) for head h (Press et al., "Train short, test long",
/// 2022).
std::vector<real> alibi_slopes(size_t heads);

/// y = output(attention(q, k, v)),  [q; k; v] = projection(a), the three in this order as in
/// PyTorch's in_proj. With position "rope", q and k are turned (rotary); with "alibi", near keys
/// are preferred. With a sight, token n sees a window and the first tokens only. Parameters:
/// projection.weight [3D,D], projection.bias [3D]; output, a Linear(D, D).
class MultiHeadAttention final : public Mixer {
 public:
  /// `fused`: the op attention(), or else its composed reference. Throws Error(Fault::option): rope
  /// on heads of odd width.
  MultiHeadAttention(const MixerPlace& place, bool fused, Sight sight = {});
  Mixed operator()(const Var& a, const Pointers& below, Pass& pass) const override;
  /// Remembers the keys and values of all tokens: 2 D numbers each; token n costs O(D D + n D), or
  /// with a sight O(D D + (window + globals) D).
  MixerStep stepper() const override;

 private:
  struct Queried {
    Var q, k, v;
  };
  /// Of the tokens from position `first` on.
  Queried queried(const Var& a, size_t first) const;
  /// Part 0, 1 or 2 of the projection: q, k or v.
  Var projected(const Var& a, size_t part) const;
  size_t width_, heads_;
  bool fused_, turned_;
  std::vector<real> slopes_;
  Sight sight_;
  const Var &weight_, &bias_;
  const Linear& output_;
};

}  // namespace gnomon
