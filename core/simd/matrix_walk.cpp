#include "core/simd/matrix_walk.hpp"

namespace gnomon::simd {
namespace {

/// Rows of some tokens side by side, each with room for whole registers. Rows of many heads lie so
/// far apart that the processor guesses none ahead, and a store that waits for its line holds up
/// those of the matrix: in place, 8 heads of 32 numbers take three times as long.
class TokenBlock {
 public:
  static constexpr size_t kTokens = 16;
  /// The first token of the block that n is in; and is n its first, or its last of N?
  static size_t first(size_t n) { return n / kTokens * kTokens; }
  static bool begins(size_t n) { return n % kTokens == 0; }
  static bool ends(size_t n, size_t N) { return n + 1 == N || begins(n + 1); }
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

/// Forward, and backward from the last token, over G registers of columns.
template <size_t G, bool kDecays, Removal kRemoval>
class ColumnWalk {
 public:
  static constexpr size_t kRow = G * kLanes;  // of the matrix [C,kRow]
  static constexpr bool kRemoves = kRemoval != Removal::none, kOther = kRemoval == Removal::other;
  ColumnWalk(const HeadSteps& steps, LaneGroup columns)
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

  void forward(real* S, HeadRows<real> o, HeadRows<real> kept) {
    TokenBlock o_(o + columns_.first, columns_.width), kept_(kept + columns_.first, columns_.width);
    Pack r[G], next[G], u[G], out[G];
    clear(r);
    for (size_t n = 0; n < N; ++n) {
      if (TokenBlock::begins(n)) {
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
      if (TokenBlock::ends(n, N)) o_.flush(N), kept_.flush(N);
    }
  }

  void from_the_last(const HeadGradients& to, real* dS) {
    TokenBlock dy_(to.dy + columns_.first, columns_.width), dk_(to.dk, C), db_(to.db, C);
    TokenBlock dv_(to.dv + columns_.first, columns_.width);
    TokenBlock p_(to.p + columns_.first, kOther ? columns_.width : 0);
    Pack dy[G], u[G], r[G], p[G], of_v[G], of_b[G];
    clear(p);
    for (size_t n = N; n-- > 0;) {
      if (TokenBlock::ends(n, N)) {
        const size_t first = TokenBlock::first(n);
        for (TokenBlock* rows : {&q_, &k_, &v_, &w_, &e_, &b_, &r_, &dy_}) rows->fetch(first, N);
        for (TokenBlock* rows : {&dk_, &db_, &dv_, &p_}) rows->begin(first);
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
      if constexpr (kOther) store(of_b, p_[n]);
      for (size_t g = 0; g < G; ++g) p[g] = kOther ? of_b[g] : of_v[g];
      if (!TokenBlock::begins(n)) continue;
      for (TokenBlock* rows : {&dk_, &db_}) rows->flush(N, columns_.first > 0);
      for (TokenBlock* rows : {&dv_, &p_}) rows->flush(N);
    }
  }

 private:
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
  const LaneGroup columns_;
  TokenBlock q_, k_, v_, w_, e_, b_, r_;
};

/// The same over a single column, whose channels are the lanes.
template <bool kDecays, Removal kRemoval>
class ColumnWalk<0, kDecays, kRemoval> {
 public:
  static constexpr bool kRemoves = kRemoval != Removal::none, kOther = kRemoval == Removal::other;
  ColumnWalk(const HeadSteps& steps, LaneGroup column)
      : x(steps),
        first_(column.first),
        q_(x.q, x.C),
        k_(x.k, x.C),
        w_(x.w, x.w_step == 1 ? x.C : 1),
        e_(x.e, x.C),
        b_(x.b, x.C) {}

  void forward(real* S, HeadRows<real> o, HeadRows<real> kept) {
    for (size_t n = 0; n < x.N; ++n) {
      if (TokenBlock::begins(n))
        for (TokenBlock* rows : {&q_, &k_, &w_, &e_, &b_}) rows->fetch(n, x.N);
      const real *q = q_[n], *k = k_[n], *w = w_[n], *e = e_[n], *b = b_[n];
      const real v = x.v[n][first_], r = kRemoves ? dot(e, S, dots_room(x.C)) : real{0};
      const Pack all_r(r), all_u(kRemoval == Removal::own ? v - r : v), all_w(kDecays ? *w : 1);
      if constexpr (kRemoves) kept[n][first_] = kOther ? r : v - r;
      Pack out(real{0});
      for (size_t c = 0; c < x.C; c += kLanes) {
        Pack s = Pack::load_aligned(S + c);
        if constexpr (kDecays) s = s * (x.w_step == 1 ? Pack::load_aligned(w + c) : all_w);
        if constexpr (kOther) s = xsimd::fnma(Pack::load_aligned(b + c), all_r, s);
        s = xsimd::fma(Pack::load_aligned(k + c), all_u, s);
        s.store_aligned(S + c);
        out = xsimd::fma(Pack::load_aligned(q + c), s, out);
      }
      o[n][first_] = lanes_sum(out);
    }
  }

  void from_the_last(const HeadGradients& to, real* dS) {
    TokenBlock dk_(to.dk, x.C), db_(to.db, x.C);
    real p = 0;
    for (size_t n = x.N; n-- > 0;) {
      if (TokenBlock::ends(n, x.N)) {
        const size_t first = TokenBlock::first(n);
        for (TokenBlock* rows : {&q_, &k_, &w_, &e_, &b_}) rows->fetch(first, x.N);
        for (TokenBlock* rows : {&dk_, &db_}) rows->begin(first);
      }
      const size_t after = std::min(n + 1, x.N - 1);
      const real *q = q_[n], *k = k_[n], *b = b_[n], *w = w_[after], *e = e_[after];
      const Pack dy(to.dy[n][first_]), u(x.v[n][first_]), all_p(p), all_w(kDecays ? *w : 1);
      const Pack r(kOther ? x.r[n][first_] : real{0});
      Pack of_v(real{0}), of_b(real{0});
      for (size_t c = 0; c < x.C; c += kLanes) {
        Pack s = Pack::load_aligned(dS + c);
        if constexpr (kDecays) s = s * (x.w_step == 1 ? Pack::load_aligned(w + c) : all_w);
        if constexpr (kRemoves) s = xsimd::fnma(Pack::load_aligned(e + c), all_p, s);
        s = xsimd::fma(Pack::load_aligned(q + c), dy, s);
        s.store_aligned(dS + c);
        of_v = xsimd::fma(Pack::load_aligned(k + c), s, of_v);
        (s * u).store_aligned(dk_[n] + c);
        if constexpr (!kOther) continue;
        of_b = xsimd::fma(Pack::load_aligned(b + c), s, of_b);
        (-(s * r)).store_aligned(db_[n] + c);
      }
      to.dv[n][first_] = lanes_sum(of_v);
      if constexpr (kRemoves) p = to.p[n][first_] = lanes_sum(kOther ? of_b : of_v);
      if (!TokenBlock::begins(n)) continue;
      for (TokenBlock* rows : {&dk_, &db_}) rows->flush(x.N, first_ > 0);
    }
  }

 private:
  const HeadSteps& x;
  const size_t first_;
  TokenBlock q_, k_, w_, e_, b_;
};

/// Backward from the first token, over G registers of channels.
template <size_t G, bool kDecays, Removal kRemoval>
class ChannelWalk {
 public:
  static constexpr bool kRemoves = kRemoval != Removal::none, kOther = kRemoval == Removal::other;
  ChannelWalk(const HeadSteps& steps, LaneGroup channels) : x(steps), channels_(channels) {}

  void from_the_first(const HeadGradients& to, size_t P, real* S) {
    const size_t first = channels_.first, width = channels_.width;
    TokenBlock k_(x.k + first, width), b_(x.b + first, width);
    TokenBlock w_(x.w_step == 1 ? x.w + first : x.w, x.w_step == 1 ? width : 1);
    TokenBlock v_(x.v, P), r_(x.r, P), dy_(to.dy, P);
    TokenBlock p_(HeadRows<const real>{to.p.data, to.p.stride}, kRemoves ? P : 0);
    TokenBlock dq_(to.dq + first, width), de_(to.de + first, width);
    Pack k[G], w[G], b[G], of_q[G], of_e[G];
    for (size_t n = 0; n < x.N; ++n) {
      if (TokenBlock::begins(n)) {
        for (TokenBlock* rows : {&k_, &w_, &b_, &v_, &r_, &dy_, &p_}) rows->fetch(n, x.N);
        for (TokenBlock* rows : {&dq_, &de_}) rows->begin(n);
      }
      for (size_t g = 0; g < G; ++g) {
        k[g] = Pack::load_aligned(k_[n] + g * kLanes);
        if constexpr (kDecays)
          w[g] = x.w_step == 1 ? Pack::load_aligned(w_[n] + g * kLanes) : Pack(*w_[n]);
        if constexpr (kOther) b[g] = Pack::load_aligned(b_[n] + g * kLanes);
        of_q[g] = of_e[g] = Pack(real{0});
      }
      const real *u = v_[n], *r = r_[n], *dy = dy_[n], *p = p_[n];
      for (size_t column = 0; column < P; ++column) {
        const Pack u_p(u[column]), dy_p(dy[column]);
        const Pack r_p(kOther ? r[column] : real{0}), p_p(kRemoves ? p[column] : real{0});
        for (size_t g = 0; g < G; ++g) {
          real* const at = S + (column * G + g) * kLanes;
          Pack s = Pack::load_aligned(at);
          if constexpr (kRemoves) of_e[g] = xsimd::fnma(s, p_p, of_e[g]);
          if constexpr (kDecays) s = s * w[g];
          if constexpr (kOther) s = xsimd::fnma(b[g], r_p, s);
          s = xsimd::fma(k[g], u_p, s);
          s.store_aligned(at);
          of_q[g] = xsimd::fma(s, dy_p, of_q[g]);
        }
      }
      for (size_t g = 0; g < G; ++g) {
        of_q[g].store_aligned(dq_[n] + g * kLanes);
        if constexpr (kRemoves) of_e[g].store_aligned(de_[n] + g * kLanes);
      }
      if (TokenBlock::ends(n, x.N)) dq_.flush(x.N), de_.flush(x.N);
    }
  }

 private:
  const HeadSteps& x;
  const LaneGroup channels_;
};

/// Calls act(packs, decays, removal) with each as a constant: std::integral_constant.
template <class Act>
void with_constants(size_t packs, bool decays, Removal removal, Act&& act) {
  const auto with_packs = [&](auto kDecays, auto kRemoval) {
    if (packs == 4) act(std::integral_constant<size_t, 4>(), kDecays, kRemoval);
    if (packs == 2) act(std::integral_constant<size_t, 2>(), kDecays, kRemoval);
    if (packs == 1) act(std::integral_constant<size_t, 1>(), kDecays, kRemoval);
    if (packs == 0) act(std::integral_constant<size_t, 0>(), kDecays, kRemoval);
  };
  const auto with_removal = [&](auto kDecays) {
    if (removal == Removal::none)
      with_packs(kDecays, std::integral_constant<Removal, Removal::none>());
    else if (removal == Removal::own)
      with_packs(kDecays, std::integral_constant<Removal, Removal::own>());
    else
      with_packs(kDecays, std::integral_constant<Removal, Removal::other>());
  };
  if (decays)
    with_removal(std::true_type());
  else
    with_removal(std::false_type());
}

}  // namespace

void walk_columns(const HeadSteps& steps, LaneGroup columns, bool decays, Removal removal, real* S,
                  HeadRows<real> o, HeadRows<real> kept) {
  with_constants(columns.packs, decays, removal, [&](auto kPacks, auto kDecays, auto kRemoval) {
    ColumnWalk<kPacks(), kDecays(), kRemoval()>(steps, columns).forward(S, o, kept);
  });
}

void walk_columns_back(const HeadSteps& steps, LaneGroup columns, bool decays, Removal removal,
                       const HeadGradients& to, real* dS) {
  with_constants(columns.packs, decays, removal, [&](auto kPacks, auto kDecays, auto kRemoval) {
    ColumnWalk<kPacks(), kDecays(), kRemoval()>(steps, columns).from_the_last(to, dS);
  });
}

void walk_channels_back(const HeadSteps& steps, LaneGroup channels, bool decays, Removal removal,
                        const HeadGradients& to, size_t P, real* S) {
  with_constants(channels.packs, decays, removal, [&](auto kPacks, auto kDecays, auto kRemoval) {
    if constexpr (kPacks() > 0)
      ChannelWalk<kPacks(), kDecays(), kRemoval()>(steps, channels).from_the_first(to, P, S);
  });
}

}  // namespace gnomon::simd
