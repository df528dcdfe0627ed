// rank:k      token i may point at the position whose count reaches its own: counting instead of
//             matching.               cost per head: N; in training O(N log N) to search, and N k
//
//   g_j = sigmoid(w_k . a_j + b_k)   c_j = sum over m <= j of g_m      how many members up to j
//   r_i = sum over m <= i of sigmoid(w_q . a_m + b_q)                  how many are asked for by i
//   hard: gates above one half count one, the others nothing; to_i = the first j <= i with
//   c_j >= r_i, none while r_i = 0.
//   training: the k positions (16 unless given) around the place p where c reaches r_i: from
//             min(p - k / 2, i + 1 - k) on, not below 0, with the logits
//             -exp(beta) (r_i - c_j)^2 + log(g_j + 1e-9), less the best of them (a constant,
//             without gradient: beside other sources it counts as the hard one will, by its type
//             alone); beta learned, 1 at first
//             and every gate drawn anew, g = sigmoid(logit + logistic noise)
// The n-th query reads the n-th member of a class that nobody named: selective copying, positions.
// The noise makes a half-open gate worth nothing: counts that rest on one come out different every
// time, so that training drives the gates to a side, which is what the hard count asks for. It is
// found sooner without, but then often with half-open gates, from which no later noise frees it.
// Gates are soft throughout training, whatever the temperature tau of the schedule (the logits
// above are times tau, by which the layer divides): annealed ones freeze on the wrong side.
#include <algorithm>
#include <limits>

#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/count_fit.hpp"
#include "core/ops/logistic_noise.hpp"
#include "core/ops/prefix_sum.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/sigmoid.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// One gate for each head: a logit from the features. Most tokens are no members at first.
struct Gate final : Module {
  Gate(size_t width, size_t heads, double closed)
      : weight(param("weight", {heads, width}, init::normal(0.1))),
        bias(param("bias", {heads}, init::constant(closed))) {}
  Var operator()(const Var& a) const { return affine(a, weight, bias); }
  Var &weight, &bias;
};

/// Hard counting, from left to right: one head of one sequence.
class HardCount {
 public:
  /// Token n, by the logits of its two gates -> where it points.
  int32_t next(int32_t n, real member, real query) {
    if (member > 0) members_.push_back(n);
    asked_ += query > 0;
    return asked_ > 0 && asked_ <= members_.size() ? members_[asked_ - 1] : -1;
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(members_);
    visitor.visit(asked_);
  }

 private:
  std::vector<int32_t> members_;  // the c-th is where the count reaches c
  size_t asked_ = 0;
};

class Rank final : public CandidateSource {
 public:
  void set(size_t count) override { window_ = checked(count, 1, 4096); }
  void build(const MixerPlace& place, const std::vector<size_t>&) override {
    member_ = &part<Gate>("member", place.width, place.heads, -1.0);
    query_ = &part<Gate>("query", place.width, place.heads, -2.0);
    sharpness_ = &param("sharpness", {1, 1}, init::constant(1));
  }
  SourceForm form() const override {
    return {.types = {"rank"}, .per_head = true, .scored = SourceForm::Scored::by_itself};
  }
  std::vector<size_t> slot_types(size_t) const override { return std::vector<size_t>(window_, 0); }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<SequenceStates<Counts>>(sequences, fresh());
  }

  Offer offer(const SourceInput& input, State* state) const override {
    const Var member = (*member_)(input.features), query = (*query_)(input.features);
    if (!input.context.training) return placed(input, hard(input, state, member, query));
    const auto sampled = [&](const Var& logit) {
      return sigmoid(logistic_noise(logit, input.context.noise));
    };
    const Var gate = sampled(member);
    const Var count = prefix_sum(gate), asked = prefix_sum(sampled(query));
    const Index to = surrounding(input, count.value(), asked.value());
    const Var own = count_fit(gate, count, asked, *sharpness_, to);
    Offer offer = placed(input, to);
    offer.logits =
        scale(add(own, to_zero(own.value(), to)), static_cast<real>(input.context.temperature));
    return offer;
  }

 private:
  using Counts = std::vector<HardCount>;  // of each head
  Counts fresh() const { return Counts(member_->bias.shape()[0]); }

  /// The candidates to [B,N,H,k], known beforehand.
  static Offer placed(const SourceInput& input, const Index& to) {
    return {[to, N = input.tokens(), H = input.heads, first = input.context.first](
                size_t b, int64_t n, size_t h, int32_t* slots) {
      const size_t row = (b * N + static_cast<size_t>(n) - first) * H + h;
      std::copy_n(to.row(row), to.shape().last(), slots);
    }};
  }

  /// The first slot alone: the position that hard counting gives.
  Index hard(const SourceInput& input, State* state, const Var& member, const Var& query) const {
    const auto [B, N, H] = dims<3>(member.value(), "rank: gates [B,N,H]");
    const auto counts = readers(state, B, fresh());
    Index to({B, N, H, window_}, -1);
    parallel_for(B * H, 1, [&, N = N, H = H](size_t pair, size_t) {
      for (size_t n = 0; n < N && input.offered(pair % H); ++n) {
        const size_t row = (pair / H * N + n) * H + pair % H;
        to.row(row)[0] = (*counts)[pair / H][pair % H].next(
            static_cast<int32_t>(input.context.first + n), member.value().data()[row],
            query.value().data()[row]);
      }
    });
    return to;
  }

  /// The window around the place at which the count reaches what is asked for: k places, as many of
  /// them before it as fit (k / 2), all within the tokens so far. Both counts only grow, so the
  /// place is found by bisection.
  Index surrounding(const SourceInput& input, const Array& count, const Array& asked) const {
    const auto [B, N, H] = dims<3>(count, "rank: counts [B,N,H]");
    Index to({B, N, H, window_}, -1);
    parallel_for(B * H, 1, [&, N = N, H = H](size_t begin, size_t end) {
      std::vector<real> reached(N);
      for (size_t pair = begin; pair < end; ++pair) {
        const size_t b = pair / H, h = pair % H;
        if (!input.offered(h)) continue;
        for (size_t n = 0; n < N; ++n) reached[n] = count.data()[(b * N + n) * H + h];
        for (size_t n = 0; n < N; ++n) {
          const real goal = asked.data()[(b * N + n) * H + h];
          const auto last = reached.begin() + static_cast<std::ptrdiff_t>(n + 1);
          const auto at =
              static_cast<size_t>(std::lower_bound(reached.begin(), last, goal) - reached.begin());
          const size_t first =
              std::min(at - std::min(at, window_ / 2), n + 1 - std::min(n + 1, window_));
          for (size_t k = 0; k < window_ && first + k <= n; ++k)
            to.row((b * N + n) * H + h)[k] = static_cast<int32_t>(first + k);
        }
      }
    });
    return to;
  }

  /// What lifts the best of each head's own logits to zero: [B,N,H,k].
  Array to_zero(const Array& own, const Index& to) const {
    Array lift = zeros(own.shape());
    parallel_for(own.shape().rows(), 256, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        // One at least is there, for the window reaches token n; or else none is asked for.
        if (to.row(row)[0] < 0) continue;
        real best = -std::numeric_limits<real>::infinity();
        for (size_t k = 0; k < window_; ++k)
          if (to.row(row)[k] >= 0) best = std::max(best, own.row(row)[k]);
        std::fill_n(lift.row(row), window_, -best);
      }
    });
    return lift;
  }

  size_t window_ = 16;
  const Gate *member_ = nullptr, *query_ = nullptr;
  const Var* sharpness_ = nullptr;
};

const Registration<CandidateSource> kRank{
    "rank",
    "rank:k - where a learned count reaches the token's own; k places around it in training",
    [] { return std::make_unique<Rank>(); }};

}  // namespace
}  // namespace gnomon
