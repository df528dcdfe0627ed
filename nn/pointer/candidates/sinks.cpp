// nn/pointer/candidates/sinks.cpp
// sinks:s     token i may point at 0, 1, ..., s-1 (up to i).   cost N s; shared by the heads
// A fixed place to start from, and a null pointer for heads with nothing to find.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Sinks final : public FormulaSource<Sinks> {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 4096); }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t s = 0; s < count_; ++s) names.push_back(fmt::format("sink {}", s));
    return names;
  }
  int64_t position(const Trail&, int64_t n, size_t, int64_t s) const { return s <= n ? s : -1; }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kSinks{"sinks", "sinks:s - the first s tokens",
                                           [] { return std::make_unique<Sinks>(); }};

}  // namespace
}  // namespace gnomon
