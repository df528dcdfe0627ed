// nn/pointer/candidates/match.cpp
// match:r     token i may point at the r latest earlier positions that hold the same token, and at
//             the position after each: j, j+1 for the latest j < i with token[j] = token[i], then
//             the one before it, ...                           cost N 2r; shared by the heads
// Every position keeps a link to the one before it with the same token, as in LZ77 compressors:
// no sort, no search. The codes are the tokens themselves: a strong prior, to be named in results.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// One sequence, read from left to right.
class Links {
 public:
  void append(int32_t token) {
    const auto code = static_cast<size_t>(token);
    if (code >= latest_.size()) latest_.resize(code + 1, -1);
    link_.push_back(latest_[code]);
    latest_[code] = static_cast<int32_t>(link_.size()) - 1;
  }
  /// Slot s of token n: the latest mate and the place after it, then the one before, ...
  int32_t position(int64_t n, int64_t s) const {
    int32_t j = link_[static_cast<size_t>(n)];
    for (int64_t r = 0; r < s / 2 && j >= 0; ++r) j = link_[static_cast<size_t>(j)];
    return j < 0 ? j : j + static_cast<int32_t>(s % 2);
  }

 private:
  std::vector<int32_t> link_;    // of each position, the latest before it with the same token
  std::vector<int32_t> latest_;  // of each token
};

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
    const Index& tokens = scene.pass.tokens;
    const auto [B, N] = dims<2>(tokens, "match: tokens [B,N]");
    std::vector<Links> links(B);
    parallel_for(B, 1, [&, N = N](size_t b, size_t) {
      for (size_t n = 0; n < N; ++n) links[b].append(tokens.row(b)[n]);
    });
    columns.fill([&](size_t b, int64_t n, size_t, int64_t s) { return links[b].position(n, s); });
    return {};
  }
  SourceStep stepper() const override {
    return [links = Links()](const Var&, const Moment& moment, const Columns& columns) mutable {
      links.append(moment.token);
      columns.fill([&](size_t, int64_t, size_t, int64_t s) { return links.position(moment.n, s); });
      return Var();
    };
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kMatch{
    "match", "match:r - the r latest earlier positions with the same token, and their successors",
    [] { return std::make_unique<Match>(); }};

}  // namespace
}  // namespace gnomon
