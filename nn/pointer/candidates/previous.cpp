// nn/pointer/candidates/previous.cpp
// previous:c  token i may point where it pointed in the layer below, and at the c-1 tokens after:
//             to'[i], to'[i]+1, ..., to'[i]+c-1 (up to i).     cost N c per head
// The chain of the paper (section 3: p^(l-1) enters the choice of p^(l)).
#include "core/ops/shift_square.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Previous final : public FormulaSource<Previous> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 64); }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t s = 0; s < count_; ++s) names.push_back(fmt::format("previous +{}", s));
    return names;
  }
  bool per_head() const override { return true; }
  bool needs_pointers() const override { return true; }
  int64_t position(const Trail& below, int64_t n, size_t h, int64_t s) const {
    const int64_t to = below(n, h);
    return to >= 0 && to + s <= n ? to + s : -1;
  }
  Stops stops(const Scene&, size_t, int64_t n, size_t h, int64_t) const override {
    return {Stop{n, h}};
  }
  Var distribution(const std::vector<Var>& below, size_t h, size_t s) const override {
    return s == 0 ? below[h] : shift_square(below[h], 0, s);
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kPrevious{
    "previous", "previous:c - where the token pointed in the layer below, and the c-1 tokens after",
    [] { return std::make_unique<Previous>(); }};

}  // namespace
}  // namespace gnomon
