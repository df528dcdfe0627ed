// matrix_recurrence against its equation in plain loops of doubles: forward, in pieces, backward at
// lengths where sums grow long, on any number of threads, and what it says of bad input.
#include <doctest/doctest.h>

#include "core/counters.hpp"
#include "core/ops/matrix_recurrence.hpp"
#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct MatrixCase {
  size_t B, N, H, C, P;
  size_t fading;    // numbers of log w for each head: none, 1 or C
  size_t removing;  // arrays of removal: none, e, or e and b
  bool shared = false;
};

/// Its inputs, of sizes at which matrices neither vanish nor explode.
MatrixSteps drawn_steps(const MatrixCase& c) {
  const Shape of_q{c.B, c.N, (c.shared ? 1 : c.H) * c.C};
  const auto normal = [](uint64_t seed, Shape shape, double size) {
    Array x = Random(seed).normal(shape);
    for (real& v : x) v *= static_cast<real>(size);
    return variable(x);
  };
  const double unit = 1 / std::sqrt(static_cast<double>(c.C));
  MatrixSteps x{.q = normal(1, of_q, unit),
                .k = normal(2, of_q, unit),
                .v = normal(3, {c.B, c.N, c.H * c.P}, 1),
                .shared = c.shared};
  if (c.fading > 0) {
    Array w = Random(4).uniform({c.B, c.N, c.H * c.fading});
    for (real& v : w) v = -v / 8;
    x.log_w = variable(w);
  }
  // Along k: else what is removed is made up, and the matrix grows.
  if (c.removing > 0) x.e = variable(x.k.value().clone());
  if (c.removing > 1) x.b = variable(x.k.value().clone());
  return x;
}

/// o, and the last matrices, by the equation.
std::vector<double> in_plain_loops(const MatrixCase& c, const MatrixSteps& x,
                                   std::vector<double>* last = nullptr) {
  std::vector<double> o(c.B * c.N * c.H * c.P);
  for (size_t s = 0; s < c.B; ++s)
    for (size_t h = 0; h < c.H; ++h) {
      std::vector<double> S(c.C * c.P, 0.0), r(c.P);
      for (size_t n = 0; n < c.N; ++n) {
        const auto number = [&](const Var& of, size_t each, size_t i) {
          return double{of.value().data()[((s * c.N + n) * c.H + h) * each + i]};
        };
        const auto of_q = [&](const Var& of, size_t i) {
          return c.shared ? double{of.value().data()[(s * c.N + n) * c.C + i]} : number(of, c.C, i);
        };
        for (size_t p = 0; p < c.P; ++p) {
          r[p] = 0;
          for (size_t i = 0; c.removing > 0 && i < c.C; ++i)
            r[p] += S[i * c.P + p] * number(x.e, c.C, i);
        }
        for (size_t i = 0; i < c.C; ++i)
          for (size_t p = 0; p < c.P; ++p) {
            double& at = S[i * c.P + p];
            if (c.fading > 0) at *= std::exp(number(x.log_w, c.fading, c.fading > 1 ? i : 0));
            if (c.removing > 0) at -= number(c.removing > 1 ? x.b : x.k, c.C, i) * r[p];
            at += of_q(x.k, i) * number(x.v, c.P, p);
            o[((s * c.N + n) * c.H + h) * c.P + p] += at * of_q(x.q, i);
          }
      }
      if (last) last->insert(last->end(), S.begin(), S.end());
    }
  return o;
}

std::vector<MatrixCase> matrix_cases() {
  std::vector<MatrixCase> all;
  for (const size_t removing : {0, 1, 2})
    for (const bool by_channel : {false, true}) {
      all.push_back({2, 9, 2, 5, 3, by_channel ? size_t{5} : 1, removing});
      all.push_back({1, 6, 3, 17, 16, by_channel ? size_t{17} : 0, removing});
      all.push_back({2, 7, 2, 16, 33, by_channel ? size_t{16} : 1, removing});
      all.push_back({1, 5, 1, 3, 7 * simd::kLanes + 1, by_channel ? size_t{3} : 0, removing});
    }
  for (const size_t fading : {0, 1, 6}) all.push_back({2, 8, 3, 6, 10, fading, 0, true});
  all.push_back({2, 1, 2, 4, 4, 4, 2});
  all.push_back({1, 4, 2, 1, 1, 1, 1});
  return all;
}

std::string name_of(const MatrixCase& c) {
  return fmt::format("B {} N {} H {} C {} P {} fading {} removing {} shared {}", c.B, c.N, c.H, c.C,
                     c.P, c.fading, c.removing, c.shared);
}

}  // namespace

TEST_CASE("matrix_recurrence: the equation in plain loops, and the last matrices are the state") {
  for (const MatrixCase& c : matrix_cases()) {
    CAPTURE(name_of(c));
    const MatrixSteps x = drawn_steps(c);
    std::vector<double> last;
    const std::vector<double> expected = in_plain_loops(c, x, &last);
    std::vector<std::vector<real>> state(c.B, std::vector<real>(c.H * c.C * c.P));
    CHECK(differs(matrix_recurrence(x, c.H).value(), [&](size_t e) { return expected[e]; }) == "");
    CHECK(differs(matrix_recurrence(x, c.H, &state).value(),
                  [&](size_t e) { return expected[e]; }) == "");
    for (size_t s = 0; s < c.B; ++s)
      CHECK(differs(Array({state[s].size()}, state[s]),
                    [&](size_t e) { return last[s * state[s].size() + e]; }) == "");
  }
}

TEST_CASE(
    "matrix_recurrence: in pieces, with the state, bit for bit what the whole sequence gives") {
  for (const MatrixCase& c : matrix_cases()) {
    CAPTURE(name_of(c));
    const MatrixSteps x = drawn_steps(c);
    const Array whole = matrix_recurrence(x, c.H).value();
    std::vector<std::vector<real>> state(c.B, std::vector<real>(c.H * c.C * c.P));
    for (size_t first = 0, piece = 0; first < c.N; ++piece) {
      const size_t end = std::min(c.N, first + 1 + piece % 3);
      const auto part = [&](const Var& of) {
        return of.value().empty() ? Var() : slice(of, 1, first, end);
      };
      const Array o = matrix_recurrence({.q = part(x.q),
                                         .k = part(x.k),
                                         .v = part(x.v),
                                         .log_w = part(x.log_w),
                                         .e = part(x.e),
                                         .b = part(x.b),
                                         .shared = c.shared},
                                        c.H, &state)
                          .value();
      for (size_t s = 0; s < c.B; ++s)
        for (size_t n = first; n < end; ++n)
          CHECK(std::equal(o.row(s * (end - first) + n - first),
                           o.row(s * (end - first) + n - first) + c.H * c.P,
                           whole.row(s * c.N + n)));
      first = end;
    }
  }
}

TEST_CASE("matrix_recurrence: values and gradients have the same bits on any number of threads") {
  for (const MatrixCase& c :
       {MatrixCase{2, 40, 3, 8, 40, 8, 2}, {1, 40, 4, 8, 8, 1, 1}, {2, 40, 3, 8, 8, 1, 0, true}}) {
    CAPTURE(name_of(c));
    check_same_bits([&] {
      const MatrixSteps x = drawn_steps(c);
      return OpOfInputs{matrix_recurrence(x, c.H), {x.q, x.k, x.v, x.log_w, x.e, x.b}};
    });
  }
}

TEST_CASE("matrix_recurrence: the gradient of the decay stays exact over long sequences") {
  // By <S_{n-1}, w dS_n>, in doubles, where the op sums products of what was read and written.
  const MatrixCase c{1, 4096, 1, 8, 8, 8, 0};
  const MatrixSteps x = drawn_steps(c);
  const Array dy = Random(5).normal({1, c.N, 8});
  Tape tape;
  tape.backward(matrix_recurrence(x, 1), dy);
  std::vector<double> before(c.N * 64), S(64, 0.0), dS(64, 0.0), expected(c.N * 8);
  const auto w = [&](size_t n, size_t i) { return std::exp(double{x.log_w.value().row(n)[i]}); };
  for (size_t n = 0; n < c.N; ++n)
    for (size_t e = 0; e < 64; ++e) {
      before[n * 64 + e] = S[e] * w(n, e / 8);
      S[e] = before[n * 64 + e] +
             double{x.k.value().row(n)[e / 8]} * double{x.v.value().row(n)[e % 8]};
    }
  double mean = 0;
  for (size_t n = c.N; n-- > 0;)
    for (size_t e = 0; e < 64; ++e) {
      if (n + 1 < c.N) dS[e] *= w(n + 1, e / 8);
      dS[e] += double{x.q.value().row(n)[e / 8]} * double{dy.row(n)[e % 8]};
      expected[n * 8 + e / 8] += before[n * 64 + e] * dS[e];
    }
  for (const double d : expected) mean += std::abs(d) / static_cast<double>(expected.size());
  double worst = 0;
  for (size_t e = 0; e < expected.size(); ++e)
    worst = std::max(worst, std::abs(double{x.log_w.grad().data()[e]} - expected[e]));
  CHECK(worst < 3e-5 * mean);
}

TEST_CASE("matrix_recurrence: counts its work, linear in the tokens") {
  const auto work = [](const MatrixCase& c) {
    counters.reset();
    Tape tape;
    const Var o = matrix_recurrence(drawn_steps(c), c.H);
    const uint64_t forward = counters.matrix_flops;
    tape.backward(o, Random(5).normal(o.shape()));
    return std::pair(forward, counters.matrix_flops - forward);
  };
  const uint64_t each = 2 * 10 * 3 * 4 * 5;
  using Work = std::pair<uint64_t, uint64_t>;
  CHECK(work({1, 10, 3, 4, 5, 0, 0}) == Work(2 * each, 5 * each));
  CHECK(work({1, 10, 3, 4, 5, 1, 0, true}) == Work(3 * each, 7 * each));
  CHECK(work({1, 10, 3, 4, 5, 4, 1}) == Work(4 * each, 9 * each));
  CHECK(work({1, 20, 3, 4, 5, 4, 2}) == Work(2 * 5 * each, 2 * 12 * each));
}

TEST_CASE("matrix_recurrence: bad input is answered by a sentence") {
  const auto says = [](const MatrixSteps& x, std::vector<std::vector<real>>* state = nullptr) {
    return sentence([&] { matrix_recurrence(x, 2, state); });
  };
  const Array q({2, 3, 8}), v({2, 3, 4}), odd({2, 3, 5}), short_q({2, 2, 8});
  CHECK(says({.q = odd, .k = odd, .v = v}) ==
        "matrix_recurrence: q [B,N,H C]: expected a multiple of H = 2, got shape [2,3,5]");
  CHECK(says({.q = q, .k = short_q, .v = v}) ==
        "matrix_recurrence: k [B,N,H C]: expected shape [2,3,8], got [2,2,8]");
  CHECK(says({.q = q, .k = q, .v = odd}) ==
        "matrix_recurrence: v [B,N,H P]: expected B = 2, N = 3 and a multiple of H = 2, got shape "
        "[2,3,5]");
  CHECK(says({.q = q, .k = q, .v = v, .log_w = v}) ==
        "matrix_recurrence: log w [B,N,H] or [B,N,H C]: expected shape [2,3,2] or [2,3,8], got "
        "[2,3,4]");
  CHECK(says({.q = q, .k = q, .v = v, .e = v}) ==
        "matrix_recurrence: e [B,N,H C]: expected shape [2,3,8], got [2,3,4]");
  CHECK(says({.q = q, .k = q, .v = v, .e = q, .b = v}) ==
        "matrix_recurrence: b [B,N,H C]: expected shape [2,3,8], got [2,3,4]");
  CHECK(says({.q = q, .k = q, .v = v, .b = q}) ==
        "matrix_recurrence: b [B,N,H C]: expected e beside it, got none; b alone removes nothing");
  CHECK(says({.q = q, .k = q, .v = v, .e = q, .shared = true}) ==
        "matrix_recurrence: e [B,N,H C]: expected none where the heads share q and k, got shape "
        "[2,3,8]; repeat q and k for every head");
  std::vector<std::vector<real>> one(1, std::vector<real>(16)), two(2, std::vector<real>(15));
  CHECK(says({.q = q, .k = q, .v = v}, &one) ==
        "matrix_recurrence: state: expected that of 2 sequences, got 1");
  CHECK(says({.q = q, .k = q, .v = v}, &two) ==
        "matrix_recurrence: state: expected H C P = 16 numbers a sequence, got 15");
  std::vector<std::vector<real>> state(2, std::vector<real>(16));
  CHECK(sentence([&] {
          Tape tape;
          const Var o = matrix_recurrence({.q = variable(q), .k = q, .v = v}, 2, &state);
          tape.backward(o, ones(o.shape()));
        }) == "matrix_recurrence: gradients are those of whole sequences, got a state");
}
