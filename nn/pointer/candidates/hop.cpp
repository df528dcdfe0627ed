// hop:a       token i of head h may point at to'_a[to'_h[i]] of the layer below: follow the pointer
//             of head a from where my own arrived. Without a number: one candidate for every head
//             but h itself. Head a itself is offered nothing by hop:a.
//                                                              cost N per candidate and head
// One head can build powers of a pointer (see "jump") while another spends them: 2^L reach, and any
// number of hops below it.
#include "core/ops/matmul.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Hop final : public FormulaSource<Hop> {
 public:
  void set(size_t head) override { followed_ = {head}; }
  void build(const MixerPlace& place, const std::vector<size_t>&) override {
    if (!followed_.empty() && followed_[0] >= place.heads)
      fail_option("sources", "hop: expected a head below --heads = {}, got {}", place.heads,
                  followed_[0]);
    if (place.heads < 2) fail_option("sources", "hop: expected at least 2 --heads, got 1");
    if (followed_.empty()) {
      followed_.resize(place.heads);
      std::iota(followed_.begin(), followed_.end(), size_t{0});
    }
  }
  SourceForm form() const override {
    SourceForm form{.per_head = true, .needs_previous = true};
    for (const size_t a : followed_) form.types.push_back(fmt::format("hop {}", a));
    return form;
  }
  int64_t position(const PreviousPointers& previous, size_t b, int64_t n, size_t h,
                   size_t s) const {
    const int32_t to = previous(b, n, h);
    const size_t a = followed_[s];
    return to >= 0 && a != h ? previous(b, to, a) : -1;
  }
  Var distribution(const std::vector<Var>& previous, size_t h, size_t s) const override {
    return matmul(previous[h], previous[followed_[s]]);
  }

 private:
  std::vector<size_t> followed_;
};

const Registration<CandidateSource> kHop{
    "hop", "hop:a - where head a's pointer leads from my own; without a number: every other head's",
    [] { return std::make_unique<Hop>(); }};

}  // namespace
}  // namespace gnomon
