// Heads that read nothing (Context::off): for mixers whose heads read rows of values.
#pragma once

#include "core/array.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {

/// The values v [B,N,H C] that are read: those of heads that are off in this layer are zeros. As
/// they are where none is.
inline Var read_values(const Var& v, size_t heads, const Context& context) {
  std::vector<size_t> off;
  for (const auto& [layer, head] : context.off.heads)
    if (layer == context.layer && head < heads) off.push_back(head);
  if (off.empty()) return v;
  Array zeroed = v.value().clone();
  const size_t C = zeroed.shape().last() / heads;
  for (const size_t head : off)
    for (size_t r = 0; r < zeroed.shape().rows(); ++r)
      std::fill_n(zeroed.row(r) + head * C, C, real{0});
  return zeroed;
}

}  // namespace gnomon
