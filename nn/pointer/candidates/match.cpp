// match:r     token i may point at the r latest earlier positions that hold the same token, and at
//             the position after each: j, j+1 for the latest j < i with token[j] = token[i], then
//             the one before it, ... r is 1 unless given.      cost N 2r; shared by the heads
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
  /// Of token n: its latest mate and the place after it, then the mate before that, ...
  void mates(int64_t n, size_t count, int32_t* to) const {
    int32_t j = link_[static_cast<size_t>(n)];
    for (size_t r = 0; r < count; ++r) {
      to[2 * r] = j;
      to[2 * r + 1] = j < 0 ? -1 : j + 1;
      if (j >= 0) j = link_[static_cast<size_t>(j)];
    }
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(link_);
    visitor.visit(latest_);
  }

 private:
  std::vector<int32_t> link_;    // of each position, the latest before it with the same token
  std::vector<int32_t> latest_;  // of each token
};

class Match final : public CandidateSource {
 public:
  void set(size_t count) override { count_ = checked(count, 1, 256); }
  SourceForm form() const override {
    SourceForm form;
    for (size_t r = 0; r < count_; ++r) {
      form.types.push_back(fmt::format("match {}", r));
      form.types.push_back(fmt::format("match {} +1", r));
    }
    return form;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<SequenceStates<Links>>(sequences, Links());
  }
  Offer offer(const SourceInput& input, State* state) const override {
    const Index& tokens = input.context.tokens;
    const auto links = readers(state, input.sequences(), Links());
    parallel_for(input.sequences(), 1, [&](size_t b, size_t) {
      for (size_t n = 0; n < input.tokens(); ++n) (*links)[b].append(tokens.row(b)[n]);
    });
    return {[links, mates = count_](size_t b, int64_t n, size_t, int32_t* to) {
      (*links)[b].mates(n, mates, to);
    }};
  }

 private:
  size_t count_ = 1;
};

const Registration<CandidateSource> kMatch{
    "match", "match:r - the r latest earlier positions with the same token, and their successors",
    [] { return std::make_unique<Match>(); }};

}  // namespace
}  // namespace gnomon
