// nn/pointer/candidates/skips.cpp
// skips:m     token i may point at i-2, i-4, ..., i-2^m.       cost N m; shared by the heads
// Distances that double, as in dilated convolutions (van den Oord et al., "WaveNet", 2016).
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Skips final : public FormulaSource<Skips> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 30); }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t s = 0; s < count_; ++s) names.push_back(fmt::format("skip -{}", 2u << s));
    return names;
  }
  int64_t position(const Trail&, int64_t n, size_t, int64_t s) const {
    const int64_t back = int64_t{2} << s;
    return n >= back ? n - back : -1;
  }

 private:
  size_t count_ = 6;
};

const Registration<CandidateSource> kSkips{"skips",
                                           "skips:m - the tokens 2, 4, ..., 2^m places before",
                                           [] { return std::make_unique<Skips>(); }};

}  // namespace
}  // namespace gnomon
