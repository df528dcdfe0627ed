// learned:r   token i may point at the r earlier positions with the most similar learned codes, its
//             mates, and at the position after each.     cost N 2 r slots, N 3 r products of codes
//
//   u_i = c_i / sqrt(|c_i|^2 + 16e-5)    c_i = W rms(x_i), 16 numbers a head
//   x is the embedding that enters the first layer, in whatever layer this is: above a layer that
//   mixes neighbours the features of equal tokens differ, their codes would never meet, and so
//   never learn to. (Features that joined by a learned factor from zero were not used: it stayed
//   within 0.02, and that much keeps equal codes from being equal.)
//   3 rounds of 6, 12 and 48 fixed random directions cut u into buckets. Of the r latest earlier
//   positions (2 unless given) in the bucket of each round, the r with the largest u_i . u_j are
//   mates, the largest first; of those that agree to 1/1024, the latest first. (By their age alone
//   one stranger in the bucket takes the place, and the type, of the twin.)
//   Each mate j offers j and j + 1, with the logit s_i (u_i . u_j), s_i = 8 b + w . a_i for each
//   head. It begins at 1/2 (b = 1/16, w = 0): weak enough for other sources to win where equal
//   tokens are mostly wrong; the factor 8 lets it grow fast where they are right; w lets a token
//   say how much it trusts them.
//   The directions are normal numbers [6 + 12 + 48, 16] of the stream (0x676e6f6d6f6e, layer), one
//   round behind the other; the signs of u along them, first the highest bit, number the bucket
//   (48 bits are hashed into 31).
//   Few directions let codes meet that are merely similar; many keep an equal code in reach however
//   many others there have been since.
//   In training 4 random earlier positions are mates too: buckets alone never show a pair of tokens
//   that should meet but do not yet, so the code could not learn from it. (Their slots are there
//   always, and empty outside of training.)
//
// "match" with codes that the layer learns (Kitaev et al., "Reformer", 2020, hash by random
// rotations; keys equal queries there too). Unlike "match" it is told nothing about the tokens.
#include <algorithm>
#include <bit>
#include <cmath>

#include "core/ops/affine.hpp"
#include "core/ops/gathered_dot.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/rms_norm.hpp"
#include "core/ops/scale.hpp"
#include "core/ops/scale_rows.hpp"
#include "core/ops/select_columns.hpp"
#include "core/simd/sums.hpp"
#include "nn/linear.hpp"
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio: hashes by multiplication
constexpr real kStrength = 8, kStrengthAtFirst = real(0.5);
constexpr real kUnit = real(1) / 16;
constexpr size_t kCode = 16, kRounds = 3, kExplore = 4;
constexpr size_t kBitsOfRound[kRounds] = {6, 12, 48}, kBits = 6 + 12 + 48;

/// Who fell into the same bucket before: one round of one head of one sequence, from left to right.
/// A hash table with open addressing, of at least twice as many slots as tokens, so that a bucket
/// of many bits costs no more than one of few.
class Buckets {
 public:
  /// Token n falls into `bucket`: its `count` latest mates, -1 where there are fewer.
  void next(int32_t bucket, int32_t* mates, size_t count) {
    const auto n = static_cast<int32_t>(bucket_.size());
    bucket_.push_back(bucket);
    if (2 * bucket_.size() > newest_.size()) grow();
    int32_t& newest = slot(bucket);
    before_.push_back(newest);
    int32_t j = newest;
    for (size_t r = 0; r < count; ++r) {
      mates[r] = j;
      if (j >= 0) j = before_[static_cast<size_t>(j)];
    }
    newest = n;
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(newest_);
    visitor.visit(bucket_);
    visitor.visit(before_);
  }

 private:
  /// Where the newest token of a bucket stands, or would; -1: nobody.
  int32_t& slot(int32_t bucket) {
    size_t at = static_cast<uint32_t>(bucket) * kGolden >> 20;
    for (;; ++at) {
      int32_t& newest = newest_[at & (newest_.size() - 1)];
      if (newest < 0 || bucket_[static_cast<size_t>(newest)] == bucket) return newest;
    }
  }
  void grow() {
    std::vector<int32_t> old = std::exchange(
        newest_, std::vector<int32_t>(std::bit_ceil(std::max<size_t>(16, 4 * bucket_.size())), -1));
    for (const int32_t newest : old)
      if (newest >= 0) slot(bucket_[static_cast<size_t>(newest)]) = newest;
  }

  std::vector<int32_t> newest_;           // token of each bucket, by slot; -1: a free slot
  std::vector<int32_t> bucket_, before_;  // of each token: its bucket; the one before it there
};

class Learned final : public CandidateSource {
 public:
  void set(size_t count) override { latest_ = checked(count, 1, 64); }
  void build(const MixerPlace& place) override {
    heads_ = place.heads;
    code_ = &part<Linear>("code", place.width, heads_ * kCode, false);
    strength_ = &param("strength.weight", {heads_, place.width}, init::constant(0));
    strength_bias_ =
        &param("strength.bias", {heads_}, init::constant(kStrengthAtFirst / kStrength));
    Random random(0x676e6f6d6f6e, place.layer);  // fixed: the directions are no parameters
    directions_ = random.normal({kBits, kCode});
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
  /// Slots 2 m and 2 m + 1 are mate m and the position after it; explored ones share their types.
  std::vector<size_t> slot_types(size_t) const override {
    std::vector<size_t> all;
    for (size_t m = 0; m < mates(); ++m) {
      const size_t rank = std::min(m, latest_);
      all.insert(all.end(), {2 * rank, 2 * rank + 1});
    }
    return all;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Codes>(sequences, heads_);
  }

  Offer offer(const SourceInput& input, State* state) const override {
    const size_t B = input.sequences(), N = input.tokens(), H = heads_, M = mates();
    const Var u = codes(input.context.embedded);
    auto* const before = state_cast<Codes>(state);
    const Index near = in_buckets(input, buckets(u.value()), before);
    const Var all = before ? Var(before->codes.append(u.value())) : u;
    const Index mate = mates_of(input, near, u.value(), all.value());
    const Targets targets(mate, B, all.shape()[1], "learned: mates [B,N,H,M]");
    const Var strength = affine(input.features, *strength_, scale(*strength_bias_, kStrength));
    const Var logit = scale_rows(gathered_dot(u, all, targets, H, kUnit), strength);
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

  /// 4 u [B,N,H 16] of the embedding x [B,N,D]; products of two are scaled by 1/16.
  Var codes(const Var& embedded) const {
    const auto [B, N, D] = dims<3>(embedded.value(), "learned: x [B,N,D]");
    const Var rows = reshape((*code_)(rms_norm(embedded, ones({D}))), {B * N * heads_, kCode});
    return reshape(rms_norm(rows, ones({kCode})), {B, N, heads_ * kCode});
  }
  size_t mates() const { return latest_ + kExplore; }

  /// bucket[b,n,h,round]: the signs of u along the round's directions, as a number.
  Index buckets(const Array& u) const {
    const auto [B, N, unused] = dims<3>(u, "learned: u [B,N,H 16]");
    const AffinePrecision exact(Precision::f32);  // equal codes must fall into equal buckets
    const Array along = affine(u.reshaped({B * N * heads_, kCode}), directions_).value();
    Index bucket({B, N, heads_, kRounds});
    parallel_for(B * N * heads_, 256, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        const real* side = along.row(row);
        for (size_t round = 0; round < kRounds; ++round) {
          uint64_t bits = 0;
          for (size_t bit = 0; bit < kBitsOfRound[round]; ++bit)
            bits = 2 * bits + (*side++ > 0 ? 1 : 0);
          const bool wide = kBitsOfRound[round] > 31;
          bucket.row(row)[round] = static_cast<int32_t>(wide ? bits * kGolden >> 33 : bits);
        }
      }
    });
    return bucket;
  }

  /// near[b,n,h,m], all earlier than n: the latest in each round's bucket, one round after the
  /// other; -1: nobody.
  Index in_buckets(const SourceInput& input, const Index& bucket, Codes* before) const {
    const auto [B, N, H, R] = dims<4>(bucket, "learned: buckets [B,N,H,3]");
    Index near({B, N, H, R * latest_}, -1);
    parallel_for(B * H * R, 1, [&, N = N, H = H, R = R](size_t chain, size_t) {
      const size_t b = chain / (H * R), h = chain / R % H, round = chain % R;
      Buckets fresh;
      Buckets& earlier = before ? before->buckets[b][h * R + round] : fresh;
      for (size_t n = 0; n < N && input.offered(h); ++n) {
        const size_t row = (b * N + n) * H + h;
        earlier.next(bucket.row(row)[round], near.row(row) + round * latest_, latest_);
      }
    });
    return near;
  }

  /// mate[b,n,h,m]: the most similar of those near, then explored ones; -1: nobody. u [B,N,H 16] of
  /// these tokens, all [B,M,H 16] of all so far.
  Index mates_of(const SourceInput& input, const Index& near, const Array& u,
                 const Array& all) const {
    const auto [B, N, H, count] = dims<4>(near, "learned: near [B,N,H,3 r]");
    const size_t M = all.shape()[1];
    Index mate({B, N, H, mates()}, -1);
    parallel_for(B * N * H, 256, [&, N = N, H = H, count = count](size_t begin, size_t end) {
      std::vector<std::pair<int32_t, int32_t>> ranked;  // similarity in 1/1024, position
      for (size_t row = begin; row < end; ++row) {
        const size_t b = row / (N * H), h = row % H;
        if (!input.offered(h)) continue;
        ranked.clear();
        for (size_t m = 0; m < count; ++m) {
          const int32_t j = near.row(row)[m];
          if (j < 0) continue;
          const real* code = all.data() + ((b * M + static_cast<size_t>(j)) * H + h) * kCode;
          const real product = kUnit * simd::dot(u.data() + row * kCode, code, kCode);
          const std::pair<int32_t, int32_t> found{
              static_cast<int32_t>(std::floor(1024 * product + real(0.5))), j};
          if (std::ranges::find(ranked, found) == ranked.end()) ranked.push_back(found);
        }
        std::ranges::sort(ranked, std::greater());
        for (size_t m = 0; m < std::min(latest_, ranked.size()); ++m)
          mate.row(row)[m] = ranked[m].second;
      }
    });
    if (!input.context.training) return mate;
    const Array drawn = input.context.noise.uniform({B, N, H, kExplore});
    for (size_t row = 0; row < B * N * H; ++row)
      if (const auto n = static_cast<real>(row / H % N); n > 0 && input.offered(row % H))
        for (size_t e = 0; e < kExplore; ++e)
          mate.row(row)[latest_ + e] =
              static_cast<int32_t>(std::min(n - 1, std::floor(drawn.row(row)[e] * n)));
    return mate;
  }

  size_t latest_ = 2, heads_ = 1;
  const Linear* code_ = nullptr;
  const Var *strength_ = nullptr, *strength_bias_ = nullptr;
  Array directions_;
};

const Registration<CandidateSource> kLearned{
    "learned", "learned:r - earlier positions with a similar learned code, and their successors",
    [] { return std::make_unique<Learned>(); }};

}  // namespace
}  // namespace gnomon
