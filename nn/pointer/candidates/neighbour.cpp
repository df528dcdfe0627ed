// neighbour   token i may point one past where its left neighbour pointed in the layer below:
//             to'[i-1] + 1 (up to i).                          cost N per head
// Continue what the neighbour began, one layer later.
#include "core/ops/shift_square.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Neighbour final : public FormulaSource<Neighbour> {
 public:
  SourceForm form() const override {
    return {.types = {"neighbour"}, .per_head = true, .needs_previous = true};
  }
  int64_t position(const PreviousPointers& previous, size_t b, int64_t n, size_t h, size_t) const {
    const int64_t to = n > 0 ? previous(b, n - 1, h) : -1;
    return to >= 0 && to + 1 <= n ? to + 1 : -1;
  }
  Var distribution(const std::vector<Var>& previous, size_t h, size_t) const override {
    return shift_square(previous[h], 1, 1);
  }
};

const Registration<CandidateSource> kNeighbour{
    "neighbour", "one past where the left neighbour pointed in the layer below",
    [] { return std::make_unique<Neighbour>(); }};

}  // namespace
}  // namespace gnomon
