// Attention to the own segment directly, and to every earlier one through a summary.
//
//   [q; k; v] = projection(a), of heads of C features; segments of T tokens
//   of segment m:  key_m = mean of its k      value_m = softmax(mean of its q . k / sqrt(C)) v
//   y_n = output(sum_j p_j v_j + sum_m p_m value_m),
//     p = one softmax of q_n . k_j / sqrt(C) and q_n . key_m / sqrt(C),
//     j from the begin of the segment of n to n, m before that segment
//
// Combiner-Fixed (Ren et al., "Combiner: full attention transformer with sparse computation cost",
// 2021, arXiv 2107.05768, section 4.1; the public code's sqrt_fixed_full with identity-mean). Its
// language models take the maximum where here is the mean, and have biases. D width. Cost a token:
// 4 D^2 and 4 (T + N / T) D, of all N tokens so far: T = sqrt(N) is the best choice. The state: 2 D
// for each finished segment and 2 D T for the one that is not.
#include "core/ops/concat.hpp"
#include "core/ops/gathered_attention.hpp"
#include "core/ops/matmul.hpp"
#include "core/ops/reshape.hpp"
#include "core/ops/slice.hpp"
#include "nn/linear.hpp"
#include "nn/mixers/switched_off.hpp"
#include "nn/mixers/weighing.hpp"

namespace gnomon {
namespace {

/// Parameters: projection.weight [3D,D], output.weight [D,D].
class Combiner final : public Mixer {
 public:
  Combiner(const MixerPlace& place, size_t segment)
      : width_(place.width),
        heads_(place.heads),
        segment_(segment),
        projection_(part<Linear>("projection", place.width, 3 * place.width, false)),
        output_(part<Linear>("output", place.width, place.width, false)) {}

  Mixed operator()(const Var& a, const PreviousPointers&, Context& context,
                   State* state) const override {
    auto* const summaries = state_cast<Summaries>(state);
    std::vector<Var> qkv = affine_all(a, {{projection_.weight().w, {}, 3}});
    const Var q = qkv[0];
    const size_t N = a.shape()[1], T = segment_;
    const size_t begun = summaries ? context.first % T : 0;  // tokens of the segment before
    if (begun > 0) qkv = resumed(qkv, begun, *summaries);
    const size_t length = begun + N, ended = length / T;
    Var keys, values;  // of all summaries so far
    if (ended > 0) {
      std::tie(keys, values) = summary(qkv, ended);
      if (summaries) {
        keys = summaries->keys.append(keys.value());
        values = summaries->values.append(values.value());
      }
    } else if (summaries && summaries->keys.length() > 0) {
      keys = summaries->keys.rows(), values = summaries->values.rows();
    }
    const size_t known = summaries ? summaries->keys.length() : ended;
    if (summaries) leave(qkv, ended * T, *summaries);

    const Index to = targets(a.shape()[0], N, begun, known, known - ended);
    const Var k = qkv[1], v = qkv[2];
    if (known > 0) {
      qkv[1] = concat({k, keys}, 1);
      qkv[2] = concat({v, values}, 1);
    }
    const Var z = attend(q, qkv[1], read_values(qkv[2], heads_, context), to);
    if (context.watch_weights)
      context.watch_weights(
          {heads_, v.value(), z.value(), [&](size_t b, size_t h, size_t n, real* w) {
             row_of_weights(q.value(), k.value(), keys.value(), {b, h, n}, w);
           }});
    return {output_(z), {}};
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<Summaries>(sequences, width_);
  }

 private:
  /// Keys and values of the segments that ended; of the one that has not, the sum of the queries,
  /// then k and v of its tokens.
  struct Summaries final : StateOf<Summaries> {
    Summaries(size_t sequences, size_t width)
        : keys(sequences, width), values(sequences, width), open(sequences) {}
    auto parts() { return std::tie(keys, values, open); }
    Cache<real> keys, values;
    PerSequence<std::vector<real>> open;
  };

  /// q, k and v with the rows of the unfinished segment in front. Of its queries their mean is
  /// known, which stands for each.
  std::vector<Var> resumed(const std::vector<Var>& qkv, size_t begun, const Summaries& from) const {
    const size_t B = qkv[0].shape()[0], D = width_;
    std::vector<Var> longer;
    for (size_t part = 0; part < 3; ++part) {
      Array rows({B, begun, D});
      for (size_t b = 0; b < B; ++b)
        for (size_t r = 0; r < begun; ++r) {
          const real* const known = from.open[b].data();
          real* const row = rows.row(b * begun + r);
          if (part > 0)
            std::copy_n(known + (2 * r + part) * D, D, row);
          else
            for (size_t d = 0; d < D; ++d) row[d] = known[d] / static_cast<real>(begun);
        }
      longer.push_back(concat({rows, qkv[part]}, 1));
    }
    return longer;
  }

  /// Remembers what comes after the segments that ended, the first `read` tokens.
  void leave(const std::vector<Var>& qkv, size_t read, Summaries& to) const {
    const auto [B, length, D] = dims<3>(qkv[0].value(), "combiner: q [B,N,D]");
    for (size_t b = 0; b < B; ++b) {
      std::vector<real>& open = to.open[b];
      open.assign(read < length ? D : 0, real{0});
      for (size_t n = read; n < length; ++n) {
        simd::add_to(open.data(), qkv[0].value().row(b * length + n), D);
        for (const size_t part : {1, 2}) {
          const real* const row = qkv[part].value().row(b * length + n);
          open.insert(open.end(), row, row + D);
        }
      }
    }
  }

  /// The keys and values [B,ended,D] of the first `ended` segments.
  std::pair<Var, Var> summary(const std::vector<Var>& qkv, size_t ended) const {
    const size_t B = qkv[0].shape()[0], D = width_, T = segment_, S = B * ended;
    std::vector<Var> cut;
    for (const Var& x : qkv) cut.push_back(reshape(slice(x, 1, 0, ended * T), {S, T, D}));
    const Array share({S, 1, T}, 1 / static_cast<real>(T));
    Index all({S, 1, 1, T});
    for (size_t e = 0; e < all.size(); ++e) all.data()[e] = static_cast<int32_t>(e % T);
    const Var value = attend(matmul(share, cut[0]), cut[1], cut[2], all);
    return {reshape(matmul(share, cut[1]), {B, ended, D}), reshape(value, {B, ended, D})};
  }

  /// [B,N,1,T + known]: the tokens of the own segment up to n, then the summaries of those before.
  Index targets(size_t B, size_t N, size_t begun, size_t known, size_t before) const {
    const size_t T = segment_, length = begun + N;
    Index to({B, N, 1, T + known}, -1);
    for (size_t row = 0; row < B * N; ++row) {
      const size_t n = begun + row % N, segment = n / T;
      for (size_t j = segment * T; j <= n; ++j)
        to.row(row)[j - segment * T] = static_cast<int32_t>(j);
      for (size_t m = 0; m < before + segment; ++m)
        to.row(row)[T + m] = static_cast<int32_t>(length + m);
    }
    return to;
  }

  /// A summary's weight belongs to the tokens that it is of.
  void row_of_weights(const Array& q, const Array& k, const Array& keys,
                      const std::array<size_t, 3>& of, real* w) const {
    const auto [b, h, n] = of;
    const size_t T = segment_, own = n / T, C = width_ / heads_, N = q.shape()[1];
    const HeadScores score(q, k, heads_), of_summary(q, keys, heads_);
    std::vector<real> all;  // of the summaries, then of the own segment
    for (size_t m = 0; m < own; ++m) all.push_back(of_summary(b, h, n, m));
    for (size_t j = own * T; j <= n; ++j) all.push_back(score(b, h, n, j));
    softmax_row(all.data(), all.size());
    std::copy(all.begin() + static_cast<std::ptrdiff_t>(own), all.end(), w + own * T);
    std::vector<real> mean(C);
    for (size_t m = 0; m < own; ++m) {
      std::fill(mean.begin(), mean.end(), real{0});
      for (size_t j = m * T; j < (m + 1) * T; ++j)
        simd::add_to(mean.data(), q.row(b * N + j) + h * C, C);
      for (size_t j = m * T; j < (m + 1) * T; ++j)
        w[j] = simd::dot(mean.data(), k.row(b * N + j) + h * C, C) /
               (static_cast<real>(T) * std::sqrt(static_cast<real>(C)));
      softmax_row(w + m * T, T);
      for (size_t j = m * T; j < (m + 1) * T; ++j) w[j] *= all[m];
    }
  }

  Var attend(const Var& q, const Var& k, const Var& v, const Index& to) const {
    const Shape bias{to.shape()[0], to.shape()[1], heads_, to.shape()[3]};
    return gathered_attention(q, k, v, zeros(bias), {to, to, to},
                              1 / std::sqrt(static_cast<real>(width_ / heads_)));
  }

  size_t width_, heads_, segment_;
  const Linear &projection_, &output_;
};

class CombinerKind final : public MixerKind {
 public:
  void declare(Fields& f) override {
    f.integer("segment", segment_, 1, 4096, "tokens of a segment");
  }
  std::string cost() const override { return "N (N/T + T) D"; }
  std::unique_ptr<Mixer> make(const MixerPlace& place) const override {
    return std::make_unique<Combiner>(place, segment_);
  }

 private:
  size_t segment_ = 64;
};

const Registration<MixerKind> kCombiner{
    "combiner", "attention to the own segment, and to a summary of every earlier one",
    [] { return std::make_unique<CombinerKind>(); }};

}  // namespace
}  // namespace gnomon
