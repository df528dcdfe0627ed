// dense       token i may point at every j <= i.               cost N x N time and memory
// The paper's formula, and the reference every cheap source is measured against.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Dense final : public FormulaSource<Dense> {
 public:
  SourceForm form() const override { return {.types = {"dense"}, .grows = true}; }
  std::vector<size_t> slot_types(size_t M) const override { return std::vector<size_t>(M, 0); }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t s) const {
    const auto j = static_cast<int64_t>(s);
    return j <= n ? j : -1;
  }
};

const Registration<CandidateSource> kDense{"dense", "every earlier token; quadratic",
                                           [] { return std::make_unique<Dense>(); }};

}  // namespace
}  // namespace gnomon
