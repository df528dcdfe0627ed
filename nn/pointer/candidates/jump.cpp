// jump        token i may point at to'[to'[i]], two hops in the layer below.      cost N per head
// Pointer doubling: L layers of jumps reach 2^L hops (Wyllie 1979, list ranking).
#include "core/ops/matmul.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Jump final : public FormulaSource<Jump> {
 public:
  SourceForm form() const override {
    return {.types = {"jump"}, .per_head = true, .needs_previous = true};
  }
  int64_t position(const PreviousPointers& previous, size_t b, int64_t n, size_t h, size_t) const {
    const int32_t to = previous(b, n, h);
    return to >= 0 ? previous(b, to, h) : -1;
  }
  Var distribution(const std::vector<Var>& previous, size_t h, size_t) const override {
    return matmul(previous[h], previous[h]);
  }
};

const Registration<CandidateSource> kJump{"jump", "two hops in the layer below: pointer doubling",
                                          [] { return std::make_unique<Jump>(); }};

}  // namespace
}  // namespace gnomon
