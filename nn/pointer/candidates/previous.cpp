// previous:c  token i may point where it pointed in the layer below, and at the c-1 tokens after:
//             to'[i], to'[i]+1, ..., to'[i]+c-1 (up to i). c is 1 unless given.
//                                                              cost N c per head
// The chain of the paper (section 3: p^(l-1) enters the choice of p^(l)).
#include "core/ops/shift_square.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Previous final : public FormulaSource<Previous> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 64); }
  SourceForm form() const override {
    SourceForm form{.per_head = true, .needs_previous = true};
    for (size_t s = 0; s < count_; ++s) form.types.push_back(fmt::format("previous +{}", s));
    return form;
  }
  int64_t position(const PreviousPointers& previous, size_t b, int64_t n, size_t h,
                   size_t s) const {
    const int64_t to = previous(b, n, h), after = to + static_cast<int64_t>(s);
    return to >= 0 && after <= n ? after : -1;
  }
  Var distribution(const std::vector<Var>& previous, size_t h, size_t s) const override {
    return s == 0 ? previous[h] : shift_square(previous[h], 0, s);
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kPrevious{
    "previous", "previous:c - where the token pointed in the layer below, and the c-1 tokens after",
    [] { return std::make_unique<Previous>(); }};

}  // namespace
}  // namespace gnomon
