// null        token i may point at nothing: it reads zeros.     cost N; shared by the heads
// For heads that find nothing worth reading. Its logit is that of its type, w_t . a_i + b_t; the
// pointer handed on is -1, from which nothing leads on. (A sink offers a place of rest instead.)
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Null final : public FormulaSource<Null> {
 public:
  std::vector<std::string> types() const override { return {"null"}; }
  bool scores_itself() const override { return true; }
  bool reads_nothing() const override { return true; }
  /// A place is needed in the column to say that the candidate is there: the token itself.
  int64_t position(const Trail&, int64_t n, size_t, int64_t) const { return n; }
};

const Registration<CandidateSource> kNull{"null", "nothing: the head reads zeros",
                                          [] { return std::make_unique<Null>(); }};

}  // namespace
}  // namespace gnomon
