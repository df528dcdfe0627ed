// skips:m     token i may point at i-2, i-4, ..., i-2^m. m is 6 unless given.
//                                                              cost N m; shared by the heads
// Distances that double, as in dilated convolutions (van den Oord et al., "WaveNet", 2016).
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Skips final : public FormulaSource<Skips> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 30); }
  SourceForm form() const override {
    SourceForm form;
    for (size_t s = 0; s < count_; ++s) form.types.push_back(fmt::format("skip -{}", 2u << s));
    return form;
  }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t s) const {
    const int64_t back = int64_t{2} << s;
    return n >= back ? n - back : -1;
  }
  Example example() const override { return {.length = (size_t{1} << count_) + 6}; }

 private:
  size_t count_ = 6;
};

const Registration<CandidateSource> kSkips{"skips",
                                           "skips:m - the tokens 2, 4, ..., 2^m places before",
                                           [] { return std::make_unique<Skips>(); }};

}  // namespace
}  // namespace gnomon
