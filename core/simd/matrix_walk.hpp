// The walks of core/ops/matrix_recurrence.hpp (with the equations) along the tokens of one head,
// over some columns of its matrix: what a column becomes depends on no other. The matrix stays in
// the first cache and is loaded and stored once a token and walk; numbers of C channels are
// broadcast, one for each of its rows.
#pragma once

#include "core/simd/gather.hpp"

namespace gnomon::simd {

/// From where the matrix is removed what e reads: from nowhere, from k, or from b.
enum class Removal { none, own, other };

/// Row n of one head of one sequence; no data where there is none.
template <class T>
struct HeadRows {
  T* data;
  size_t stride;
  T* operator[](size_t n) const { return data + n * stride; }
  HeadRows operator+(size_t first) const { return {data ? data + first : data, stride}; }
};

/// What one head of one sequence is told.
struct HeadSteps {
  size_t N, C;
  size_t w_step;  ///< 1, or 0: one w for all channels
  HeadRows<const real> q, k, v, w, e, b;
  HeadRows<const real> r;  ///< backward, removal from b
};

/// What its backward pass reads (dy) and writes; p may be dv, where b is k.
struct HeadGradients {
  HeadRows<const real> dy;
  HeadRows<real> dq, dk, dv, dw, de, db, p;
};

/// Rows of some tokens side by side, each with room for whole registers. Rows of many heads lie so
/// far apart that the processor guesses none ahead, and a store that waits for its line holds up
/// those of the matrix: in place, 8 heads of 32 numbers take three times as long.
class TokenBlock {
 public:
  static constexpr size_t kTokens = 16;
  /// The block's first token, for a token in it.
  static size_t first(size_t n) { return n / kTokens * kTokens; }
  TokenBlock(HeadRows<real> rows, size_t width)
      : TokenBlock(HeadRows<const real>{rows.data, rows.stride}, width) {
    to_ = rows.data;
  }
  TokenBlock(HeadRows<const real> rows, size_t width)
      : from_(rows), width_(rows.data ? width : 0), rows_({kTokens + 1, dots_room(width_)}, 0) {}
  real* operator[](size_t n) { return rows_.row(n - first_); }
  /// Copies the rows of the block that begins here, and one more, of N.
  void fetch(size_t first, size_t N) {
    begin(first);
    for (size_t n = first; width_ > 0 && n < std::min(N, first + kTokens + 1); ++n)
      std::copy_n(from_[n], width_, (*this)[n]);
  }
  void begin(size_t first) { first_ = first; }
  /// Writes the rows of the block, or adds them to what is there.
  void flush(size_t N, bool add = false) {
    for (size_t n = first_; width_ > 0 && n < std::min(N, first_ + kTokens); ++n) {
      real* const to = to_ + n * from_.stride;
      if (add)
        add_to(to, (*this)[n], width_);
      else
        std::copy_n((*this)[n], width_, to);
    }
  }

 private:
  HeadRows<const real> from_;
  real* to_ = nullptr;
  size_t width_, first_ = 0;
  Array rows_;
};

/// Some columns of a matrix: `packs` registers of them, of which `width` exist.
struct ColumnGroup {
  size_t first, packs, width;
  static std::vector<ColumnGroup> all(size_t P) {
    constexpr size_t kMost = sizeof(Pack) == 64 ? 4 : 2;  // what the registers hold
    std::vector<ColumnGroup> groups;
    for (size_t first = 0; first < P; first += groups.back().width) {
      const size_t left = (P - first + kLanes - 1) / kLanes;
      const size_t packs = left >= kMost ? kMost : left >= 2 ? 2 : 1;
      groups.push_back({first, packs, std::min(P - first, packs * kLanes)});
    }
    return groups;
  }
};

/// The walks over G registers of columns.
template <size_t G, bool kDecays, Removal kRemoval>
class ColumnWalk {
 public:
  static constexpr size_t kRow = G * kLanes;  // of the matrix [C,kRow]
  static constexpr bool kRemoves = kRemoval != Removal::none, kOther = kRemoval == Removal::other;
  ColumnWalk(const HeadSteps& steps, ColumnGroup columns)
      : N(steps.N),
        C(steps.C),
        w_step(steps.w_step),
        columns_(columns),
        q_(steps.q, C),
        k_(steps.k, C),
        v_(steps.v + columns.first, columns.width),
        w_(steps.w, w_step == 1 ? C : 1),
        e_(steps.e, C),
        b_(steps.b, C),
        r_(steps.r + columns.first, columns.width) {}

  /// Brings S forward; writes o, and to `kept` r (or v - r, where b is k).
  void forward(real* S, HeadRows<real> o, HeadRows<real> kept) {
    TokenBlock o_(o + columns_.first, columns_.width), kept_(kept + columns_.first, columns_.width);
    Pack r[G], next[G], u[G], out[G];
    clear(r);
    for (size_t n = 0; n < N; ++n) {
      if (n == TokenBlock::first(n)) {
        for (TokenBlock* rows : {&q_, &k_, &v_, &w_, &e_, &b_}) rows->fetch(n, N);
        for (TokenBlock* rows : {&o_, &kept_}) rows->begin(n);
      }
      if (kRemoves && n == 0)
        for (size_t c = 0; c < C; ++c)
          for (size_t g = 0; g < G; ++g)
            r[g] = xsimd::fma(Pack(e_[0][c]), Pack::load_aligned(S + c * kRow + g * kLanes), r[g]);
      const real *q = q_[n], *k = k_[n], *w = w_[n], *b = b_[n];
      const real* e = e_[std::min(n + 1, N - 1)];  // what the next token reads: in the same pass
      load(v_[n], u);
      if constexpr (kRemoval == Removal::own)
        for (size_t g = 0; g < G; ++g) u[g] = u[g] - r[g];
      if constexpr (kRemoves) store(kOther ? r : u, kept_[n]);
      clear(out), clear(next);
      for (size_t c = 0; c < C; ++c) {
        const Pack q_c(q[c]), k_c(k[c]), w_c(kDecays ? w[c * w_step] : real{1});
        const Pack e_c(kRemoves ? e[c] : real{0}), b_c(kOther ? b[c] : real{0});
        for (size_t g = 0; g < G; ++g) {
          real* const at = S + c * kRow + g * kLanes;
          Pack s = Pack::load_aligned(at);
          if constexpr (kDecays) s = s * w_c;
          if constexpr (kOther) s = xsimd::fnma(b_c, r[g], s);
          s = xsimd::fma(k_c, u[g], s);
          s.store_aligned(at);
          out[g] = xsimd::fma(q_c, s, out[g]);
          if constexpr (kRemoves) next[g] = xsimd::fma(e_c, s, next[g]);
        }
      }
      store(out, o_[n]);
      for (size_t g = 0; g < G; ++g) r[g] = next[g];
      if (ends_block(n)) o_.flush(N), kept_.flush(N);
    }
  }

  /// From dS = 0: dv, p, and this group's part of dk and db. Where b is k, v stands for v - r.
  void from_the_last(const HeadGradients& to, real* dS) {
    TokenBlock dy_(to.dy + columns_.first, columns_.width), dk_(to.dk, C), db_(to.db, C);
    TokenBlock dv_(to.dv + columns_.first, columns_.width);
    TokenBlock of_p_(to.p + columns_.first, kOther ? columns_.width : 0);
    Pack dy[G], u[G], r[G], p[G], of_v[G], of_b[G];
    clear(p);
    for (size_t n = N; n-- > 0;) {
      if (ends_block(n)) {
        const size_t first = TokenBlock::first(n);
        for (TokenBlock* rows : {&q_, &k_, &v_, &w_, &e_, &b_, &r_, &dy_}) rows->fetch(first, N);
        for (TokenBlock* rows : {&dk_, &db_, &dv_, &of_p_}) rows->begin(first);
      }
      const size_t after = std::min(n + 1, N - 1);  // at the last token dS and p are still 0
      const real *q = q_[n], *k = k_[n], *b = b_[n], *w = w_[after], *e = e_[after];
      load(dy_[n], dy), load(v_[n], u);
      if constexpr (kOther) load(r_[n], r);
      clear(of_v), clear(of_b);
      row_sums<kOther ? 2 : 1>({dk_[n], db_[n]}, [&](size_t c, Pack* sums) {
        const Pack q_c(q[c]), k_c(k[c]), w_c(kDecays ? w[c * w_step] : real{1});
        const Pack e_c(kRemoves ? e[c] : real{0}), b_c(kOther ? b[c] : real{0});
        for (size_t g = 0; g < G; ++g) {
          real* const at = dS + c * kRow + g * kLanes;
          Pack s = Pack::load_aligned(at);
          if constexpr (kDecays) s = s * w_c;
          if constexpr (kRemoves) s = xsimd::fnma(e_c, p[g], s);
          s = xsimd::fma(q_c, dy[g], s);
          s.store_aligned(at);
          of_v[g] = xsimd::fma(k_c, s, of_v[g]);
          sums[0] = g == 0 ? s * u[g] : xsimd::fma(s, u[g], sums[0]);
          if constexpr (!kOther) continue;
          of_b[g] = xsimd::fma(b_c, s, of_b[g]);
          sums[1] = g == 0 ? -(s * r[g]) : xsimd::fnma(s, r[g], sums[1]);
        }
      });
      store(of_v, dv_[n]);
      if constexpr (kOther) store(of_b, of_p_[n]);
      for (size_t g = 0; g < G; ++g) p[g] = kOther ? of_b[g] : of_v[g];
      if (n == TokenBlock::first(n)) {
        for (TokenBlock* rows : {&dk_, &db_}) rows->flush(N, columns_.first > 0);
        for (TokenBlock* rows : {&dv_, &of_p_}) rows->flush(N);
      }
    }
  }

  /// From S = 0: this group's part of dq and de.
  void from_the_first(const HeadGradients& to, real* S) {
    TokenBlock dy_(to.dy + columns_.first, columns_.width), dq_(to.dq, C), de_(to.de, C);
    TokenBlock p_(to.p + columns_.first, columns_.width);
    Pack dy[G], u[G], r[G], p[G];
    for (size_t n = 0; n < N; ++n) {
      if (n == TokenBlock::first(n)) {
        for (TokenBlock* rows : {&k_, &v_, &w_, &b_, &r_, &dy_, &p_}) rows->fetch(n, N);
        for (TokenBlock* rows : {&dq_, &de_}) rows->begin(n);
      }
      const real *k = k_[n], *w = w_[n], *b = b_[n];
      load(dy_[n], dy), load(v_[n], u);
      if constexpr (kOther) load(r_[n], r);
      if constexpr (kRemoves) load(p_[n], p);
      row_sums<kRemoves ? 2 : 1>({dq_[n], de_[n]}, [&](size_t c, Pack* sums) {
        const Pack k_c(k[c]), w_c(kDecays ? w[c * w_step] : real{1});
        const Pack b_c(kOther ? b[c] : real{0});
        for (size_t g = 0; g < G; ++g) {
          real* const at = S + c * kRow + g * kLanes;
          Pack s = Pack::load_aligned(at);
          if constexpr (kRemoves) sums[1] = g == 0 ? -(s * p[g]) : xsimd::fnma(s, p[g], sums[1]);
          if constexpr (kDecays) s = s * w_c;
          if constexpr (kOther) s = xsimd::fnma(b_c, r[g], s);
          s = xsimd::fma(k_c, u[g], s);
          s.store_aligned(at);
          sums[0] = g == 0 ? s * dy[g] : xsimd::fma(s, dy[g], sums[0]);
        }
      });
      if (ends_block(n))
        for (TokenBlock* rows : {&dq_, &de_}) rows->flush(N, columns_.first > 0);
    }
  }

 private:
  bool ends_block(size_t n) const { return n + 1 == N || n + 1 == TokenBlock::first(n + 1); }
  static void clear(Pack (&x)[G]) {
    for (Pack& each : x) each = Pack(real{0});
  }
  static void load(const real* row, Pack (&to)[G]) {
    for (size_t g = 0; g < G; ++g) to[g] = Pack::load_aligned(row + g * kLanes);
  }
  static void store(const Pack (&from)[G], real* row) {
    for (size_t g = 0; g < G; ++g) from[g].store_aligned(row + g * kLanes);
  }
  /// to[j][c] = the sum of the lanes of what row(c) writes to sums[j]; the lanes of as many rows as
  /// a register has are summed together.
  template <size_t kSums, class RowOf>
  [[gnu::always_inline]] void row_sums(const std::array<real*, 2>& to, RowOf&& row) const {
    for (size_t first = 0; first < C; first += kLanes) {
      const size_t count = std::min(kLanes, C - first);
      Pack sum[kSums][kLanes];
      for (size_t i = 0; i < count; ++i) {
        Pack of_row[kSums];
        row(first + i, of_row);
        for (size_t j = 0; j < kSums; ++j) sum[j][i] = of_row[j];
      }
      for (size_t j = 0; j < kSums; ++j) {
        for (size_t i = count; i < kLanes; ++i) sum[j][i] = Pack(real{0});
        lanes_sums(sum[j], to[j] + first);
      }
    }
  }

  const size_t N, C, w_step;
  const ColumnGroup columns_;
  TokenBlock q_, k_, v_, w_, e_, b_, r_;
};

/// Calls act with the ColumnWalk of a group of columns.
template <class Act>
void with_column_walk(const HeadSteps& steps, ColumnGroup columns, bool decays, Removal removal,
                      Act&& act) {
  const auto over_packs = [&](auto kDecays, auto kRemoval) {
    if (columns.packs == 4) act(ColumnWalk<4, kDecays(), kRemoval()>(steps, columns));
    if (columns.packs == 2) act(ColumnWalk<2, kDecays(), kRemoval()>(steps, columns));
    if (columns.packs == 1) act(ColumnWalk<1, kDecays(), kRemoval()>(steps, columns));
  };
  const auto over_removals = [&](auto kDecays) {
    if (removal == Removal::none)
      over_packs(kDecays, std::integral_constant<Removal, Removal::none>());
    else if (removal == Removal::own)
      over_packs(kDecays, std::integral_constant<Removal, Removal::own>());
    else
      over_packs(kDecays, std::integral_constant<Removal, Removal::other>());
  };
  if (decays)
    over_removals(std::true_type());
  else
    over_removals(std::false_type());
}

}  // namespace gnomon::simd
