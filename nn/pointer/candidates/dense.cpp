// nn/pointer/candidates/dense.cpp
// dense       token i may point at every j <= i.               cost N x N time and memory
// The paper's formula, and the reference every cheap source is measured against.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Dense final : public CandidateSource {
 public:
  std::vector<std::string> types() const override { return {"dense"}; }
  std::vector<size_t> slot_types(size_t N) const override { return std::vector<size_t>(N, 0); }
  Var offer(const Scene&, const Columns& columns) const override {
    columns.fill([](size_t, int64_t n, size_t, int64_t s) { return s <= n ? s : -1; });
    return {};
  }
};

const Registration<CandidateSource> kDense{"dense", "every earlier token; quadratic",
                                           [] { return std::make_unique<Dense>(); }};

}  // namespace
}  // namespace gnomon
