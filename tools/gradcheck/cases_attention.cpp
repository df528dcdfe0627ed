// Rows of the gradient table: what the mixers of tokens are made of.
#include "core/ops/add.hpp"
#include "core/ops/attention.hpp"
#include "core/ops/block_attention.hpp"
#include "core/ops/causal_convolution.hpp"
#include "core/ops/rotary.hpp"
#include "core/ops/turn.hpp"
#include "tools/gradcheck/cases.hpp"

namespace gnomon {
namespace {

/// Token n of block t chooses blocks t - 1 and t - 3; -1 where they are not there.
Index two_blocks_before(size_t B, size_t N, size_t H, size_t T) {
  Index to({B, N, H, 2});
  for (size_t e = 0; e < to.size(); ++e) {
    const auto block = static_cast<int32_t>(e / 2 / H % N / T);
    to.data()[e] = std::max(-1, block - (e % 2 == 0 ? 1 : 3));
  }
  return to;
}

}  // namespace

std::vector<OpCase> attention_gradient_cases() {
  using V = const std::vector<Var>&;
  const Shape small{2, 5, 6}, two_blocks{1, 67, 3};
  const auto attend = [](size_t heads, bool causal, std::vector<real> slopes) {
    return [=](V v) { return attention(v[0], v[1], v[2], heads, causal, slopes); };
  };
  return {
      {"attention", attend(2, false, {}), {small, small, small}},
      {"attention causal", attend(2, true, {}), {small, small, small}},
      {"attention causal alibi", attend(2, true, {0.5, 0.25}), {small, small, small}},
      {"attention alibi", attend(3, false, {0.5, 0.25, 0.125}), {small, small, small}},
      {"attention causal in blocks", attend(1, true, {}), {two_blocks, two_blocks, two_blocks}},
      {"attention to a window and the first tokens",
       [](V v) { return attention(v[0], v[1], v[2], 1, true, {}, {.tokens = 3, .globals = 2}); },
       {two_blocks, two_blocks, two_blocks}},
      {"attention with tables of lags",
       [](V v) {
         return attention(v[0], v[1], v[2], 2, true, {}, {}, 0, {v[3], v[4]});
       },
       {small, small, small, {2, 3}, {2, 3}}},
      {"attention with tables of lags in blocks",
       [](V v) {
         return attention(v[0], v[1], v[2], 1, true, {}, {}, 0, {v[3], v[4]});
       },
       {two_blocks, two_blocks, two_blocks, {1, 65}, {1, 65}}},
      {"attention with tables of lags in a window",
       [](V v) {
         return attention(v[0], v[1], v[2], 1, true, {0.5}, {66, 1}, 0, {v[3], v[4]});
       },
       {two_blocks, two_blocks, two_blocks, {1, 70}, {1, 70}}},
      {"attention with one table, of itself",
       [](V v) {
         return attention(v[0], v[0], v[0], 2, true, {}, {}, 0, {v[1], v[1]});
       },
       {small, {2, 4}}},
      {"attention of itself", [](V v) { return attention(v[0], v[0], v[0], 2, true); }, {small}},
      {"block_attention",
       [](V v) { return block_attention(v[0], v[1], v[2], two_blocks_before(2, 14, 2, 3), 3); },
       {{2, 14, 6}, {2, 14, 6}, {2, 14, 6}}},
      {"block_attention in tiles",
       [](V v) { return block_attention(v[0], v[1], v[2], two_blocks_before(1, 150, 1, 70), 70); },
       {{1, 150, 2}, {1, 150, 2}, {1, 150, 2}}},
      {"block_attention of itself",
       [](V v) { return block_attention(v[0], v[0], v[0], two_blocks_before(9, 5, 1, 1), 1); },
       {{9, 5, 2}}},
      {"causal_convolution",
       [](V v) { return causal_convolution(v[0], v[1], v[2]); },
       {{2, 5, 3}, {3, 3}, {3}}},
      {"causal_convolution longer than the text",
       [](V v) { return causal_convolution(v[0], v[1], v[2]); },
       {{1, 2, 3}, {4, 3}, {3}}},
      {"turn", [](V v) { return turn(v[0], v[1], 2); }, {{2, 5, 8}, {2, 5, 4}}},
      {"turn added",
       [](V v) { return add(turn(v[0], v[1], 1), turn(turn(v[0], v[1], 1), v[1], 1)); },
       {{1, 3, 6}, {1, 3, 3}}},
      {"rotary", [](V v) { return rotary(v[0], 2, 0, 100); }, {{2, 5, 8}}},
  };
}

}  // namespace gnomon
