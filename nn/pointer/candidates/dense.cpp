// nn/pointer/candidates/dense.cpp
// dense       token i may point at every j <= i.               cost N x N time and memory
// The paper's formula, and the reference every cheap source is measured against.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Dense final : public FormulaSource<Dense> {
 public:
  std::vector<std::string> types() const override { return {"dense"}; }
  std::vector<size_t> slot_types(size_t N) const override { return std::vector<size_t>(N, 0); }
  int64_t position(const Trail&, int64_t n, size_t, int64_t s) const { return s <= n ? s : -1; }
};

const Registration<CandidateSource> kDense{"dense", "every earlier token; quadratic",
                                           [] { return std::make_unique<Dense>(); }};

}  // namespace
}  // namespace gnomon
