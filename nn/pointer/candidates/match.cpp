// nn/pointer/candidates/match.cpp
// match:r     token i may point at the r latest earlier positions that hold the same token, and at
//             the position after each: j, j+1 for the latest j < i with token[j] = token[i], then
//             the one before it, ...                           cost N 2r; shared by the heads
// Every position keeps a link to the one before it with the same token, as in LZ77 compressors:
// no sort, no search. The codes are the tokens themselves: a strong prior, to be named in results.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// link[b,n] = the latest j < n with tokens[b,j] = tokens[b,n]; -1: none.
Index links(const Index& tokens) {
  const auto [B, N] = dims<2>(tokens, "match: tokens [B,N]");
  Index link({B, N});
  const int32_t largest = *std::max_element(tokens.begin(), tokens.end());
  parallel_for(B, 1, [&, N = N](size_t begin, size_t end) {
    std::vector<int32_t> latest(static_cast<size_t>(largest) + 1);
    for (size_t b = begin; b < end; ++b) {
      std::fill(latest.begin(), latest.end(), -1);
      for (size_t n = 0; n < N; ++n) {
        int32_t& last = latest[static_cast<size_t>(tokens.row(b)[n])];
        link.row(b)[n] = last;
        last = static_cast<int32_t>(n);
      }
    }
  });
  return link;
}

class Match final : public CandidateSource {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 256); }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t r = 0; r < count_; ++r) {
      names.push_back(fmt::format("match {}", r));
      names.push_back(fmt::format("match {} +1", r));
    }
    return names;
  }
  Var offer(const Scene& scene, const Columns& columns) const override {
    const Index link = links(scene.pass.tokens);
    columns.fill([&](size_t b, int64_t n, size_t, int64_t s) {
      int32_t j = link.row(b)[n];
      for (int64_t r = 0; r < s / 2 && j >= 0; ++r) j = link.row(b)[j];
      return j < 0 ? j : j + static_cast<int32_t>(s % 2);
    });
    return {};
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kMatch{
    "match", "match:r - the r latest earlier positions with the same token, and their successors",
    [] { return std::make_unique<Match>(); }};

}  // namespace
}  // namespace gnomon
