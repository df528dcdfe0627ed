// learned:r   token i may point at earlier positions with a similar learned code, its mates, and at
//             the position after each.     cost N (3 r) 2 slots per head, and the code's projection
//
//   u_i = W_u a_i / sqrt(|W_u a_i|^2 + 16e-5), 16 numbers a head (an rms norm, a quarter of it).
//   3 rounds of 6, 9 and 12 fixed random directions cut u into buckets; the r latest earlier
//   positions (2 unless given) in the bucket of each round are mates. Each mate j offers j and
//   j + 1, with the logit strength (u_i . u_j); strength learned, 4 at first.
//   The directions are normal numbers [3 * 12, 16] of the stream (0x676e6f6d6f6e, layer), row 12 r
//   + m the m-th of round r; the signs of u along them, first the highest bit, number the bucket.
//   Few directions let codes meet that are merely similar; many keep an equal code in reach when
//   there are hundreds of others since.
//   In training 4 random earlier positions are mates too: buckets alone never show a pair of tokens
//   that should meet but do not yet, so the code could not learn from it. (Their slots are there
//   always, and empty outside of training.)
//
// "match" with codes that the layer learns (Kitaev et al., "Reformer", 2020, hash by random
// rotations; keys equal queries there too). Unlike "match" it is told nothing about the tokens.
#include "core/ops/affine.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_by.hpp"
#include "core/ops/select_columns.hpp"
#include "nn/linear.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

constexpr size_t kCode = 16, kRounds = 3, kBits = 12, kExplore = 4;
constexpr size_t kBitsOfRound[kRounds] = {6, 9, kBits};

/// Who fell into the same bucket before: one round of one head of one sequence, from left to right.
class Buckets {
 public:
  /// Token n falls into `bucket`: its `count` latest mates, -1 where there are fewer.
  void next(int32_t bucket, int32_t* mates, size_t count) {
    int32_t& newest = last_[static_cast<size_t>(bucket)];
    before_.push_back(newest);
    int32_t j = newest;
    for (size_t r = 0; r < count; ++r) {
      mates[r] = j;
      if (j >= 0) j = before_[static_cast<size_t>(j)];
    }
    newest = static_cast<int32_t>(before_.size()) - 1;
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(last_);
    visitor.visit(before_);
  }

 private:
  std::vector<int32_t> last_ = std::vector<int32_t>(size_t{1} << kBits, -1);  // of each bucket
  std::vector<int32_t> before_;  // of each position, the one before it in its bucket
};

class Learned final : public CandidateSource {
 public:
  void set(size_t count) override { latest_ = checked(count, 1, 64); }
  void build(const MixerPlace& place) override {
    heads_ = place.heads;
    code_ = &part<Linear>("code", place.width, heads_ * kCode, false);
    strength_ = &param("strength", {1, 1}, init::constant(4));
    Random random(0x676e6f6d6f6e, place.layer);  // fixed: the directions are no parameters
    directions_ = random.normal({kRounds * kBits, kCode});
  }
  SourceForm form() const override {
    SourceForm form{.per_head = true};
    for (size_t r = 0; r < latest_; ++r) {
      form.types.push_back(fmt::format("learned {}", r));
      form.types.push_back(fmt::format("learned {} +1", r));
    }
    form.types.insert(form.types.end(), {"explored", "explored +1"});
    return form;
  }
  /// Slots 2 m and 2 m + 1 are mate m and the position after it; mates of equal recency share a
  /// type.
  std::vector<size_t> slot_types(size_t) const override {
    std::vector<size_t> all;
    for (size_t m = 0; m < mates(); ++m) {
      const size_t recency = m < kRounds * latest_ ? m % latest_ : latest_;
      all.insert(all.end(), {2 * recency, 2 * recency + 1});
    }
    return all;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Codes>(sequences, heads_);
  }

  Offer offer(const SourceInput& input, State* state) const override {
    const size_t B = input.sequences(), N = input.tokens(), H = heads_, M = mates();
    const Var u = codes(input.features);
    auto* const before = state_cast<Codes>(state);
    const Index mate = mates_of(buckets(u.value()), before, input.context);
    const Var all = before ? Var(before->codes.append(u.value())) : u;
    const Targets targets(mate, B, all.shape()[1], "learned: mates [B,N,H,M]");
    const Var logit = scale_by(gathered_dot(u, all, targets, H, 1), *strength_);
    Index twice({2 * M});
    for (size_t s = 0; s < 2 * M; ++s) twice.data()[s] = static_cast<int32_t>(s / 2);
    return {
        [mate, N, H, M, first = input.context.first](size_t b, int64_t n, size_t h, int32_t* to) {
          const int32_t* j = mate.row((b * N + static_cast<size_t>(n) - first) * H + h);
          for (size_t m = 0; m < M; ++m) {
            to[2 * m] = j[m];
            to[2 * m + 1] = j[m] < 0 ? -1 : j[m] + 1;
          }
        },
        select_columns(logit, twice)};
  }

 private:
  /// The codes of all tokens, and who fell into which bucket: of each head, kRounds rounds.
  struct Codes final : StateOf<Codes> {
    Codes(size_t sequences, size_t heads)
        : codes(sequences, heads * kCode),
          buckets(sequences, std::vector<Buckets>(heads * kRounds)) {}
    auto parts() { return std::tie(codes, buckets); }
    Cache<real> codes;
    PerSequence<std::vector<Buckets>> buckets;
  };

  /// u [B,N,H 16] of features [B,N,D]
  Var codes(const Var& features) const {
    const auto [B, N, D] = dims<3>(features.value(), "learned: a [B,N,D]");
    const Var rows = reshape((*code_)(features), {B * N * heads_, kCode});
    const Var unit = scale(rms_norm(rows, ones({kCode})), 1 / std::sqrt(real(kCode)));
    return reshape(unit, {B, N, heads_ * kCode});
  }
  size_t mates() const { return kRounds * latest_ + kExplore; }

  /// bucket[b,n,h,round]: the signs of u along the round's directions, as a number.
  Index buckets(const Array& u) const {
    const auto [B, N, unused] = dims<3>(u, "learned: u [B,N,H 16]");
    const AffinePrecision exact(Precision::f32);  // equal codes must fall into equal buckets
    const Array along = affine(u.reshaped({B * N * heads_, kCode}), directions_).value();
    Index bucket({B, N, heads_, kRounds});
    for (size_t e = 0; e < bucket.size(); ++e) {
      int32_t bits = 0;
      for (size_t bit = 0; bit < kBitsOfRound[e % kRounds]; ++bit)
        bits = 2 * bits + (along.data()[e * kBits + bit] > 0 ? 1 : 0);
      bucket.data()[e] = bits;
    }
    return bucket;
  }

  /// mate[b,n,h,m], all earlier than n: the latest in each round's bucket, then explored ones.
  Index mates_of(const Index& bucket, Codes* before, Context& context) const {
    const auto [B, N, H, R] = dims<4>(bucket, "learned: buckets [B,N,H,3]");
    const size_t M = mates(), known = R * latest_;
    Index mate({B, N, H, M}, -1);
    parallel_for(B * H * R, 1, [&, N = N, H = H, R = R](size_t chain, size_t) {
      const size_t b = chain / (H * R), h = chain / R % H, round = chain % R;
      Buckets fresh;
      Buckets& earlier = before ? before->buckets[b][h * R + round] : fresh;
      for (size_t n = 0; n < N; ++n) {
        const size_t row = (b * N + n) * H + h;
        earlier.next(bucket.row(row)[round], mate.row(row) + round * latest_, latest_);
      }
    });
    if (!context.training) return mate;
    const Array drawn = context.noise.uniform({B, N, H, kExplore});
    for (size_t row = 0; row < B * N * H; ++row)
      if (const auto n = static_cast<real>(row / H % N); n > 0)
        for (size_t e = 0; e < kExplore; ++e)
          mate.row(row)[known + e] =
              static_cast<int32_t>(std::min(n - 1, std::floor(drawn.row(row)[e] * n)));
    return mate;
  }

  size_t latest_ = 2, heads_ = 1;
  const Linear* code_ = nullptr;
  const Var* strength_ = nullptr;
  Array directions_;
};

const Registration<CandidateSource> kLearned{
    "learned", "learned:r - earlier positions with a similar learned code, and their successors",
    [] { return std::make_unique<Learned>(); }};

}  // namespace
}  // namespace gnomon
