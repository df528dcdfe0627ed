// window:w    token i may point at i, i-1, ..., i-w+1. w is 4 unless given.
//                                                              cost N w; shared by the heads
// Pointing at itself means: keep what you have.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Window final : public FormulaSource<Window> {
 public:
  void set(size_t count) override { width_ = checked(count, 1, 4096); }
  SourceForm form() const override {
    SourceForm form;
    for (size_t s = 0; s < width_; ++s) form.types.push_back(fmt::format("window -{}", s));
    return form;
  }
  int64_t position(const PreviousPointers&, size_t, int64_t n, size_t, size_t s) const {
    return std::max<int64_t>(n - static_cast<int64_t>(s), -1);
  }

 private:
  size_t width_ = 4;
};

const Registration<CandidateSource> kWindow{"window",
                                            "window:w - the token itself and the w-1 before it",
                                            [] { return std::make_unique<Window>(); }};

}  // namespace
}  // namespace gnomon
