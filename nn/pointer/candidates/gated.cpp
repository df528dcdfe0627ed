// nn/pointer/candidates/gated.cpp
// gated       token i may point one past where its left neighbour points in this very layer:
//             to[i-1] + 1, as "run" does, but i alone decides.
//                                                 cost N per head; parallel over B, H and N
//
//   i continues where w_t . a_i + b_t, the logit of this type, exceeds all its other candidates':
//   to_i = to_s + (i - s)           s = the last token up to i that did not continue
// No query meets a key on the way, so each head's sequence is cut into blocks that are walked at
// the same time: once to learn what a block leaves to the next, and again to fill it.
#include "nn/pointer/candidates/chain.hpp"

namespace gnomon {
namespace {

constexpr size_t kBlock = 2048;  // tokens walked in one piece

class Gated final : public CandidateSource {
 public:
  std::vector<std::string> types() const override { return {"gated"}; }
  bool per_head() const override { return true; }
  bool scans() const override { return true; }
  bool scores_itself() const override { return true; }

  Var offer(const Scene& scene, const Columns& columns) const override {
    const auto [B, N, H, K] = dims<4>(columns.to, "gated: to [B,N,H,K]");
    const Fresh fresh = fresh_choices(columns, *scene.scores);
    const real* bias = scene.scores->bias.data() + columns.first;
    const size_t blocks = (N + kBlock - 1) / kBlock;  // of each head

    // Walks a block, given where the token before it points; calls at(row, before, continues).
    const auto walk = [&, N = N, H = H, K = K](size_t block, int32_t before, auto&& at) {
      const size_t b = block / blocks / H, h = block / blocks % H, first = block % blocks * kBlock;
      for (size_t n = first; n < std::min(N, first + kBlock); ++n) {
        const size_t row = (b * N + n) * H + h;
        const bool continues = bias[row * K] > fresh.logit.data()[row];
        at(row, before, continues);
        before = continues && before >= 0 ? before + 1 : fresh.to.data()[row];
      }
      return before;
    };

    struct Left {
      int32_t to = -1;       // where its last token points, if nothing came before
      bool unbroken = true;  // every token continues
    };
    std::vector<Left> left(B * H * blocks);
    if (blocks > 1)
      parallel_for(left.size(), 1, [&](size_t begin, size_t end) {
        for (size_t block = begin; block < end; ++block)
          left[block].to = walk(block, -1, [&](size_t, int32_t, bool continues) {
            left[block].unbroken &= continues;
          });
      });
    std::vector<int32_t> before(left.size(), -1);  // where the token before the block points
    for (size_t block = 1; block < left.size(); ++block)
      if (block % blocks != 0)
        before[block] = left[block - 1].unbroken && before[block - 1] >= 0
                            ? before[block - 1] + static_cast<int32_t>(kBlock)
                            : left[block - 1].to;
    parallel_for(left.size(), 1, [&, K = K](size_t begin, size_t end) {
      for (size_t block = begin; block < end; ++block)
        walk(block, before[block], [&](size_t row, int32_t neighbour, bool) {
          columns.to.data()[row * K + columns.first] = continued(neighbour);
        });
    });
    return {};
  }
  SourceStep stepper() const override { return continuing(); }
};

const Registration<CandidateSource> kGated{
    "gated", "one past where the left neighbour points in the same layer, if the token says so",
    [] { return std::make_unique<Gated>(); }};

}  // namespace
}  // namespace gnomon
