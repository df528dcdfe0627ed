// hop:a       token i of head h may point at to'_a[to'_h[i]] of the layer below: follow the pointer
//             of head a from where my own arrived. Without a number: one candidate for every head
//             but h itself.                              cost N per candidate and head
// One head can build powers of a pointer (see "jump") while another spends them: 2^L reach, and any
// number of hops below it.
#include "core/ops/matmul.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Hop final : public FormulaSource<Hop> {
 public:
  void set(size_t head) override { followed_ = {head}; }
  void build(const MixerPlace& place) override {
    if (!followed_.empty() && followed_[0] >= place.heads)
      fail_option("sources", "hop: expected a head below --heads = {}, got {}", place.heads,
                  followed_[0]);
    if (place.heads < 2) fail_option("sources", "hop: expected at least 2 --heads, got 1");
    if (followed_.empty()) {
      followed_.resize(place.heads);
      std::iota(followed_.begin(), followed_.end(), size_t{0});
    }
  }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (const size_t a : followed_) names.push_back(fmt::format("hop {}", a));
    return names;
  }
  bool per_head() const override { return true; }
  bool needs_pointers() const override { return true; }
  int64_t position(const Trail& below, int64_t n, size_t h, int64_t s) const {
    const int32_t to = below(n, h);
    const size_t a = followed_[static_cast<size_t>(s)];
    return to >= 0 && a != h ? below(to, a) : -1;
  }
  Stops stops(const Scene& scene, size_t b, int64_t n, size_t h, int64_t s) const override {
    return {Stop{n, h}, Stop{scene.to_below(b, n, h), followed_[static_cast<size_t>(s)]}};
  }
  Var distribution(const std::vector<Var>& below, size_t h, size_t s) const override {
    return matmul(below[h], below[followed_[s]]);
  }

 private:
  std::vector<size_t> followed_;
};

const Registration<CandidateSource> kHop{
    "hop", "hop:a - where head a's pointer leads from my own; without a number: every other head's",
    [] { return std::make_unique<Hop>(); }};

}  // namespace
}  // namespace gnomon
