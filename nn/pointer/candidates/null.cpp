// null        token i may point at nothing: it reads zeros.     cost N; shared by the heads
// For heads that find nothing worth reading. Its logit is that of its type, w_t . a_i + b_t. The
// layer above receives the pointer -1, which leads nowhere. (A sink offers a place to rest.)
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Null final : public FormulaSource<Null> {
 public:
  SourceForm form() const override {
    return {.types = {"null"},
            .meaning = SourceForm::Meaning::nothing,
            .scored = SourceForm::Scored::by_itself};
  }
  /// A position is needed to say that the choice is there: the token itself.
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t) const { return n; }
};

const Registration<CandidateSource> kNull{"null", "nothing: the head reads zeros",
                                          [] { return std::make_unique<Null>(); }};

}  // namespace
}  // namespace gnomon
