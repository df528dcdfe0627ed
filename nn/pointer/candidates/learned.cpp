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
//   round behind the other; the signs of u along them, first the lowest bit, number the bucket
//   (48 bits are hashed into 31).
//   Few directions let codes meet that are merely similar; many keep an equal code in reach however
//   many others there have been since.
//   In training a random earlier position is a mate too: buckets alone never show a pair of tokens
//   that should meet but do not yet, so the code could not learn from it. (Its slots are there
//   always, and empty outside of training. Four learned no faster, at more cost.)
//
// learned-pairs:r   the same, by codes of two tokens, so that a key of two tokens is found:
//
//   c_i = W (w_0 * rms(x_i) + w_1 * rms(x_(i-1)))     element by element; x_(-1) = 0
//
//   where w_0 and w_1 begin uniform within +-1/sqrt(2).
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
#include "core/simd/gather.hpp"
#include "nn/linear.hpp"
#include "nn/pointer/candidates/source.hpp"
#include "nn/short_convolution.hpp"

namespace gnomon {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio: hashes by multiplication
constexpr real kStrength = 8, kStrengthAtFirst = real(0.5);
constexpr real kUnit = real(1) / 16;
constexpr size_t kCode = 16, kRounds = 3;
constexpr size_t kBitsOfRound[kRounds] = {6, 12, 48}, kBits = 6 + 12 + 48;

/// Who fell into the same bucket before: one round of one head of one sequence, from left to right.
/// A hash table with open addressing, of at least twice as many slots as tokens, so that a bucket
/// of many bits costs no more than one of few.
class Buckets {
 public:
  /// With room for so many tokens.
  explicit Buckets(size_t tokens = 0) : newest_(tokens ? std::bit_ceil(2 * tokens) : 0, -1) {
    bucket_.reserve(tokens);
    before_.reserve(tokens);
  }
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
  explicit Learned(size_t span) : span_(span) {}
  void set(size_t count) override { latest_ = checked(count, 1, 64); }
  void build(const MixerPlace& place, const std::vector<size_t>& heads) override {
    heads_ = heads.size();
    own_.assign(place.heads, 0);
    for (size_t own = 0; own < heads_; ++own) own_[heads[own]] = own;
    if (span_ > 1) convolution_ = &part<ShortConvolution>("span", place.width, span_, false);
    code_ = &part<Linear>("code", place.width, heads_ * kCode, false);
    strength_ = &param("strength.weight", {heads_, place.width}, init::constant(0));
    strength_bias_ =
        &param("strength.bias", {heads_}, init::constant(kStrengthAtFirst / kStrength));
    Random random(0x676e6f6d6f6e, place.layer);  // fixed: the directions are no parameters
    const Array directions = random.normal({kBits, kCode});
    along_ = zeros({kCode, simd::dots_room(kBits)});
    for (size_t bit = 0; bit < kBits; ++bit)
      for (size_t c = 0; c < kCode; ++c) along_(c, bit) = directions(bit, c);
  }
  /// Types and slots 2 m and 2 m + 1 are mate m and the position after it.
  SourceForm form() const override {
    SourceForm form{.per_head = true};
    const std::string name = span_ > 1 ? "learned pair" : "learned";
    for (size_t r = 0; r < latest_; ++r) {
      form.types.push_back(fmt::format("{} {}", name, r));
      form.types.push_back(fmt::format("{} {} +1", name, r));
    }
    const std::string drawn = span_ > 1 ? "explored pair" : "explored";
    form.types.insert(form.types.end(), {drawn, drawn + " +1"});
    return form;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Codes>(
        sequences, heads_, convolution_ ? convolution_->state(sequences) : LastTokens(sequences));
  }

  Offer offer(const SourceInput& input, State* state) const override {
    const size_t B = input.sequences(), N = input.tokens(), H = heads_, M = mates();
    auto* const before = state_cast<Codes>(state);
    const Var u = codes(input.context.embedded, before ? &before->last : nullptr);
    const Index near = in_buckets(buckets(u.value()), before);
    const Var all = before ? Var(before->codes.append(u.value())) : u;
    const Index mate = mates_of(input.context, near, u.value(), all.value());
    const Targets targets(mate, B, all.shape()[1], "learned: mates [B,N,H,M]");
    const Var strength = affine(input.features, *strength_, scale(*strength_bias_, kStrength));
    const Var logit = scale_rows(gathered_dot(u, all, targets, H, kUnit), strength);
    // Of all heads, twice: those that it is not offered to have no candidates, so any number does.
    Index columns({own_.size() * 2 * M});
    for (size_t i = 0; i < columns.size(); ++i)
      columns.data()[i] = static_cast<int32_t>(own_[i / (2 * M)] * M + i % (2 * M) / 2);
    const Var logits = select_columns(reshape(logit, {B, N, H * M}), columns);
    return {[mate, N, H, M, own = own_, first = input.context.first](size_t b, int64_t n, size_t h,
                                                                     int32_t* to) {
              const size_t token = b * N + static_cast<size_t>(n) - first;
              const int32_t* j = mate.row(token * H + own[h]);
              for (size_t m = 0; m < M; ++m) {
                to[2 * m] = j[m];
                to[2 * m + 1] = j[m] < 0 ? -1 : j[m] + 1;
              }
            },
            reshape(logits, {B, N, own_.size(), 2 * M})};
  }

 private:
  /// The codes of all tokens, and who fell into which bucket: of each head, kRounds rounds.
  struct Codes final : StateOf<Codes> {
    Codes(size_t sequences, size_t heads, LastTokens last)
        : codes(sequences, heads * kCode),
          buckets(sequences, std::vector<Buckets>(heads * kRounds)),
          last(std::move(last)) {}
    auto parts() { return std::tie(codes, buckets, last); }
    Cache<real> codes;
    PerSequence<std::vector<Buckets>> buckets;
    LastTokens last;
  };

  /// 4 u [B,N,H 16] of the embedding x [B,N,D]; products of two are scaled by 1/16.
  Var codes(const Var& embedded, LastTokens* last) const {
    const auto [B, N, D] = dims<3>(embedded.value(), "learned: x [B,N,D]");
    const Var x = rms_norm(embedded, ones({D}));
    const Var rows =
        reshape((*code_)(convolution_ ? (*convolution_)(x, last) : x), {B * N * heads_, kCode});
    return reshape(rms_norm(rows, ones({kCode})), {B, N, heads_ * kCode});
  }
  size_t mates() const { return latest_ + 1; }

  /// bucket[b,n,h,round]: the signs of u along the round's directions, as a number.
  Index buckets(const Array& u) const {
    const auto [B, N, unused] = dims<3>(u, "learned: u [B,N,H 16]");
    Index bucket({B, N, heads_, kRounds});
    parallel_for(B * N * heads_, 256, [&](size_t begin, size_t end) {
      std::vector<real> sides(along_.shape().last());
      for (size_t row = begin; row < end; ++row) {
        const real* code = u.data() + row * kCode;
        simd::weighted_sum(
            kCode, sides.size(), sides.data(), real{0}, real{1},
            [&](size_t c) { return along_.row(c); }, [&](size_t c) { return code[c]; });
        const real* side = sides.data();
        for (size_t round = 0; round < kRounds; side += kBitsOfRound[round++]) {
          uint64_t bits = 0;
          for (size_t bit = 0; bit < kBitsOfRound[round]; ++bit)
            bits |= static_cast<uint64_t>(side[bit] > 0) << bit;
          const bool wide = kBitsOfRound[round] > 31;
          bucket.row(row)[round] = static_cast<int32_t>(wide ? bits * kGolden >> 33 : bits);
        }
      }
    });
    return bucket;
  }

  /// near[b,n,h,m], all earlier than n: the latest in each round's bucket, one round after the
  /// other; -1: nobody.
  Index in_buckets(const Index& bucket, Codes* before) const {
    const auto [B, N, H, R] = dims<4>(bucket, "learned: buckets [B,N,H,3]");
    Index near({B, N, H, R * latest_}, -1);
    parallel_for(B * H * R, 1, [&, N = N, H = H, R = R](size_t chain, size_t) {
      const size_t b = chain / (H * R), h = chain / R % H, round = chain % R;
      Buckets fresh(before ? 0 : N);
      Buckets& earlier = before ? before->buckets[b][h * R + round] : fresh;
      for (size_t n = 0; n < N; ++n) {
        const size_t row = (b * N + n) * H + h;
        earlier.next(bucket.row(row)[round], near.row(row) + round * latest_, latest_);
      }
    });
    return near;
  }

  /// mate[b,n,h,m]: the most similar of those near, then an explored one; -1: nobody. u [B,N,H 16]
  /// of these tokens, all [B,M,H 16] of all so far.
  Index mates_of(Context& context, const Index& near, const Array& u, const Array& all) const {
    const auto [B, N, H, count] = dims<4>(near, "learned: near [B,N,H,3 r]");
    const size_t M = all.shape()[1];
    const Array drawn = context.training ? context.noise.uniform({B, N, H}) : Array();
    Index mate({B, N, H, mates()}, -1);
    parallel_for(B * N * H, 256, [&, N = N, H = H, count = count](size_t begin, size_t end) {
      std::vector<int32_t> met(count);
      std::vector<const real*> codes(count);
      std::vector<real> product(simd::dots_room(count));
      std::vector<std::pair<int32_t, int32_t>> ranked(count);  // similarity in 1/1024, position
      for (size_t row = begin; row < end; ++row) {
        const size_t b = row / (N * H), n = row / H % N, h = row % H;
        size_t there = 0;
        for (size_t m = 0; m < count; ++m) {
          const int32_t j = near.row(row)[m];
          if (j < 0 || std::find(met.data(), met.data() + there, j) != met.data() + there) continue;
          codes[there] = all.data() + ((b * M + static_cast<size_t>(j)) * H + h) * kCode;
          met[there++] = j;
        }
        simd::dots(u.data() + row * kCode, codes.data(), there, kCode, product.data());
        for (size_t m = 0; m < there; ++m)
          ranked[m] = {static_cast<int32_t>(std::floor(1024 * kUnit * product[m] + real(0.5))),
                       met[m]};
        std::sort(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(there), std::greater());
        for (size_t m = 0; m < std::min(latest_, there); ++m) mate.row(row)[m] = ranked[m].second;
        if (const auto before = static_cast<real>(n); n > 0 && !drawn.empty())
          mate.row(row)[latest_] =
              static_cast<int32_t>(std::min(before - 1, std::floor(drawn.data()[row] * before)));
      }
    });
    return mate;
  }

  size_t span_, latest_ = 2, heads_ = 1;           // tokens of a code; heads that it is offered to
  std::vector<size_t> own_;                        // [heads of the layer] which of those it is
  const ShortConvolution* convolution_ = nullptr;  // null: of one token
  const Linear* code_ = nullptr;
  const Var *strength_ = nullptr, *strength_bias_ = nullptr;
  Array along_;  // [16, bits and more] the directions, one a column
};

const Registration<CandidateSource> kLearned{
    "learned", "learned:r - earlier positions with a similar learned code, and their successors",
    [] { return std::make_unique<Learned>(1); }};
const Registration<CandidateSource> kPairs{
    "learned-pairs", "learned-pairs:r - as learned, by codes of the last two tokens",
    [] { return std::make_unique<Learned>(2); }};

}  // namespace
}  // namespace gnomon
