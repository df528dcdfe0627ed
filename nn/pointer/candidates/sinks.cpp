// sinks:s     token i may point at 0, 1, ..., s-1 (up to i). s is 1 unless given.
//                                                              cost N s; shared by the heads
// A fixed place to start from, and a null pointer for heads with nothing to find.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Sinks final : public FormulaSource<Sinks> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 4096); }
  SourceForm form() const override {
    SourceForm form;
    for (size_t s = 0; s < count_; ++s) form.types.push_back(fmt::format("sink {}", s));
    return form;
  }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t s) const {
    const auto j = static_cast<int64_t>(s);
    return j <= n ? j : -1;
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kSinks{"sinks", "sinks:s - the first s tokens",
                                           [] { return std::make_unique<Sinks>(); }};

}  // namespace
}  // namespace gnomon
