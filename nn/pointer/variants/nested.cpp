// A recurrence over nested lists: pointers say which states of this very layer a token joins.
//
//   head 0, "beside": the token before; an opening token begins anew and points nowhere; a closing
//                     token points at the token before its list: what its list is an element beside
//   head 1, "within": a closing token points at the token before, the end of its list; others
//                     nowhere
//   s_i = tree_recurrence(W_x a_i + b_x; s[beside_i], s[within_i])     core/ops, F = 2 D
//   out_i = W_o s_i
//   cost: O(N D D), serial in i, parallel over B; state: D numbers a token, and the open lists.
//
// The state at a token is thus made of its own list up to itself, elements that are lists included
// as they are, and one layer reaches any depth. It is told which tokens open and close (--opening,
// --closing): a strong prior, to be named beside results. Nothing is left to choose but what to do
// with what is read. Told nothing, it is a plain recurrence.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/ops/tree_recurrence.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/mixer.hpp"

namespace gnomon {
namespace {

constexpr size_t kReads = 2;  // beside, within

/// The tokens that open a list, and those that close one.
struct Brackets {
  std::vector<size_t> opening, closing;
  static bool among(int32_t token, const std::vector<size_t>& some) {
    return std::find(some.begin(), some.end(), static_cast<size_t>(token)) != some.end();
  }
};

/// Reads one sequence from left to right.
class Nesting {
 public:
  /// Where the next token points: beside, within.
  std::array<int32_t, kReads> next(int32_t token, const Brackets& brackets) {
    const auto before = static_cast<int32_t>(n_++) - 1;
    if (Brackets::among(token, brackets.opening)) {
      before_lists_.push_back(before);
      return {-1, -1};
    }
    if (!Brackets::among(token, brackets.closing) || before_lists_.empty()) return {before, -1};
    const int32_t beside = before_lists_.back();
    before_lists_.pop_back();
    return {beside, before};
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(n_);
    visitor.visit(before_lists_);
  }

 private:
  size_t n_ = 0;
  std::vector<int32_t> before_lists_;  // of each list that is open, the token before it
};

class Nested final : public Mixer {
 public:
  Nested(const Brackets& brackets, const MixerPlace& place)
      : brackets_(brackets),
        input_(part<Linear>("input", place.width, 2 * place.width)),
        read_(param("read", {2 * place.width, kReads * place.width}, even(kReads * place.width))),
        gates_(
            param("gates", {(kReads + 2) * place.width, 2 * place.width}, even(2 * place.width))),
        gate_bias_(param("gate_bias", {(kReads + 2) * place.width}, init::constant(0))),
        output_(part<Linear>("output", place.width, place.width, false)) {
    if (place.heads != kReads)
      fail_option("heads", "expected {} for mixer nested, which reads beside and within, got {}",
                  kReads, place.heads);
  }

  std::vector<std::string> candidate_types() const override { return {"beside", "within"}; }

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    const auto [B, N] = dims<2>(context.tokens, "nested: tokens [B,N]");
    auto* const before = state_cast<Before>(state);
    std::vector<Nesting> fresh(before ? 0 : B);
    Index to({B, N, kReads});
    parallel_for(B, 1, [&, N = N](size_t b, size_t) {
      Nesting& nesting = before ? before->nesting[b] : fresh[b];
      for (size_t row = b * N; row < (b + 1) * N; ++row) {
        const auto places = nesting.next(context.tokens.data()[row], brackets_);
        std::copy(places.begin(), places.end(), to.row(row));
      }
    });
    const Var s = tree_recurrence(input_(a), to, {read_, gates_, gate_bias_},
                                  before ? before->states.rows() : Array(), context.first);
    if (before) before->states.append(s.value());
    return {output_(s), pointing(to)};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Before>(sequences, read_.shape()[1] / kReads);
  }

 private:
  static Init even(size_t in) { return init::uniform(1 / std::sqrt(static_cast<double>(in))); }
  /// The states of all tokens, and the lists that are open.
  struct Before final : StateOf<Before> {
    Before(size_t sequences, size_t width) : states(sequences, width), nesting(sequences) {}
    auto parts() { return std::tie(states, nesting); }
    Cache<real> states;
    PerSequence<Nesting> nesting;
  };

  /// What a reader of the pointers wants to know: nothing was weighed, and there was no other.
  static Pointers pointing(const Index& to) {
    Pointers p;
    p.to = to;
    p.type = Index(to.shape(), -1);
    p.score = Array(to.shape(), 0);
    p.margin = Array(to.shape(), std::numeric_limits<real>::infinity());
    for (size_t e = 0; e < to.size(); ++e)
      if (to.data()[e] >= 0) p.type.data()[e] = static_cast<int32_t>(e % kReads);
    return p;
  }

  Brackets brackets_;
  const Linear& input_;
  const Var &read_, &gates_, &gate_bias_;
  const Linear& output_;
};

class NestedKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.text("opening", opening_, "tokens that open a list, told to the mixer nested");
    f.text("closing", closing_, "tokens that close one");
  }
  std::string cost() const override { return "N D D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Nested>(
        Brackets{tokens("opening", opening_), tokens("closing", closing_)}, place);
  }
  Example example() const override { return {.options = {{"opening", "1"}, {"closing", "2"}}}; }

 private:
  static std::vector<size_t> tokens(const char* option, const std::string& text) {
    std::vector<size_t> numbers;
    for (const std::string& word : split(text, ','))
      numbers.push_back(parse_integer(word, 0, size_t{1} << 24, option));
    return numbers;
  }
  std::string opening_, closing_;
};

const Registration<MixerKind> kNested{
    "nested", "a recurrence over nested lists: reads the token before, or both ends of a list",
    [] { return std::make_unique<NestedKind>(); }};

}  // namespace
}  // namespace gnomon
