// nn/pointer/candidates/neighbour.cpp
// neighbour   token i may point one past where its left neighbour pointed in the layer below:
//             to'[i-1] + 1 (up to i).                          cost N per head
// Continue what the neighbour began, one layer later.
#include "core/ops/shift_square.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Neighbour final : public FormulaSource<Neighbour> {
 public:
  std::vector<std::string> types() const override { return {"neighbour"}; }
  bool per_head() const override { return true; }
  bool needs_pointers() const override { return true; }
  int64_t position(const Trail& below, int64_t n, size_t h, int64_t) const {
    const int64_t to = n > 0 ? below(n - 1, h) : -1;
    return to >= 0 && to + 1 <= n ? to + 1 : -1;
  }
  Stops stops(const Scene&, size_t, int64_t n, size_t h, int64_t) const override {
    return {Stop{n - 1, h}};
  }
  Var distribution(const std::vector<Var>& below, size_t h, size_t) const override {
    return shift_square(below[h], 1, 1);
  }
};

const Registration<CandidateSource> kNeighbour{
    "neighbour", "one past where the left neighbour pointed in the layer below",
    [] { return std::make_unique<Neighbour>(); }};

}  // namespace
}  // namespace gnomon
