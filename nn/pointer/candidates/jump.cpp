// nn/pointer/candidates/jump.cpp
// jump        token i may point at to'[to'[i]], two hops in the layer below.      cost N per head
// Pointer doubling: L layers of jumps reach 2^L hops (Wyllie 1979, list ranking).
#include "core/ops/matmul.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Jump final : public FormulaSource<Jump> {
 public:
  std::vector<std::string> types() const override { return {"jump"}; }
  bool per_head() const override { return true; }
  bool needs_pointers() const override { return true; }
  int64_t position(const Trail& below, int64_t n, size_t h, int64_t) const {
    const int32_t to = below(n, h);
    return to >= 0 ? below(to, h) : -1;
  }
  Stops stops(const Scene& scene, size_t b, int64_t n, size_t h, int64_t) const override {
    return {Stop{n, h}, Stop{scene.to_below(b, n, h), h}};
  }
  Var distribution(const std::vector<Var>& below, size_t h, size_t) const override {
    return matmul(below[h], below[h]);
  }
};

const Registration<CandidateSource> kJump{"jump", "two hops in the layer below: pointer doubling",
                                          [] { return std::make_unique<Jump>(); }};

}  // namespace
}  // namespace gnomon
