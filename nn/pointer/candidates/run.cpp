// run         token i may point one past where its left neighbour points in this very layer:
//             to[i-1] + 1 (up to i).           cost N per head; serial in i, parallel over B and H
// gated       the same, but i alone decides: w_t . a_i + b_t, the logit of this type, against the
//             logits of all its other candidates; no query meets a key on the way.
// The heart of copying: once a head has found the beginning, every next token reads the next place.
// The neighbour's choice must be known first, so the one that decides (choice.hpp) fills the slot,
// walking each head's sequence once. Offered nothing where the neighbour reads nothing.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

class Chain final : public CandidateSource {
 public:
  Chain(const char* type, SourceForm::Scored scored) : type_(type), scored_(scored) {}
  SourceForm form() const override {
    return {.types = {type_},
            .per_head = true,
            .meaning = SourceForm::Meaning::chain,
            .scored = scored_};
  }
  Offer offer(const SourceInput&, State*) const override {
    return {[](size_t, int64_t, size_t, int32_t* to) { *to = -1; }};
  }

 private:
  const char* type_;
  SourceForm::Scored scored_;
};

const Registration<CandidateSource> kRun{
    "run", "one past where the left neighbour points in the same layer",
    [] { return std::make_unique<Chain>("run", SourceForm::Scored::by_key); }};
const Registration<CandidateSource> kGated{
    "gated", "one past where the left neighbour points in the same layer, if the token says so",
    [] { return std::make_unique<Chain>("gated", SourceForm::Scored::by_itself); }};

}  // namespace
}  // namespace gnomon
