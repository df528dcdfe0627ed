// mode_recurrence against the convolution that it is, in pieces, on several threads, and what it
// refuses.
#include "core/ops/mode_recurrence.hpp"

#include <doctest/doctest.h>

#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct ModeInputs {
  Var u;
  ModeParameters by;
  ModeInputs(size_t B, size_t N, size_t D, size_t J)
      : u(variable(Random(1).normal({B, N, D}))), by{variable(Random(2).normal({D})),
                                                     variable(Random(3).normal({D * J})),
                                                     variable(Random(4).normal({D * J})),
                                                     variable(Random(5).normal({D, J})),
                                                     variable(Random(6).normal({D, J})),
                                                     variable(Random(7).normal({D}))} {
    for (real& v : by.log_dt.value()) v -= 2;  // steps of about 1/7
    for (real& v : by.A_imag.value()) v *= 10;
  }
  std::vector<Var> all() const {
    return {u, by.log_dt, by.log_A_real, by.A_imag, by.C_real, by.C_imag, by.skip};
  }
};

/// The kernel of every channel [D,N], in double: 2 Re sum_j C (e^(dt A) - 1) / A e^(dt A l).
std::vector<std::vector<double>> kernels(const ModeInputs& x, size_t N) {
  const auto [D, J] = dims<2>(x.by.C_real.value(), "C");
  std::vector<std::vector<double>> all(D, std::vector<double>(N));
  for (size_t d = 0; d < D; ++d)
    for (size_t j = 0; j < J; ++j) {
      const double dt = std::exp(double{x.by.log_dt.value()(d)});
      const std::complex<double> A{-std::exp(double{x.by.log_A_real.value()(d * J + j)}),
                                   double{x.by.A_imag.value()(d * J + j)}};
      const std::complex<double> C{double{x.by.C_real.value()(d, j)},
                                   double{x.by.C_imag.value()(d, j)}};
      for (size_t l = 0; l < N; ++l)
        all[d][l] +=
            2 *
            (C * (std::exp(dt * A) - 1.0) / A * std::exp(dt * A * static_cast<double>(l))).real();
    }
  return all;
}

}  // namespace

TEST_CASE("mode_recurrence: it is a convolution with the kernel of its modes") {
  constexpr size_t L = simd::kLanes;
  for (const size_t N : {size_t{1}, size_t{64}, size_t{150}})
    for (const size_t D : {size_t{1}, 2 * L, 4 * L + 3})
      for (const size_t J : {size_t{1}, size_t{2}, L + 1}) {
        CAPTURE(N);
        CAPTURE(D);
        CAPTURE(J);
        // Some turn by several radians a token, whose rounding adds up.
        const ModeInputs x(2, N, D, J);
        const auto kernel = kernels(x, N);
        CHECK(differs(
                  mode_recurrence(x.u, x.by).value(),
                  [&, N = N, D = D](size_t e) {
                    const size_t d = e % D, n = e / D % N, b = e / D / N;
                    double sum = double{x.by.skip.value()(d)} * double{x.u.value()(b, n, d)};
                    for (size_t l = 0; l <= n; ++l)
                      sum += kernel[d][l] * double{x.u.value()(b, n - l, d)};
                    return sum;
                  },
                  1e-4) == "");
      }
}

TEST_CASE("mode_recurrence: small steps keep their digits") {
  // (e^(dt A) - 1) / A is about dt: 1 - 1 would leave three digits of it.
  const Var one = ones({1, 1, 1});
  ModeParameters by{Array({1}, real(-9)),   Array({1}, real(-1)), Array({1}, real(0.3)),
                    Array({1, 1}, real(1)), zeros({1, 1}),        zeros({1})};
  const std::complex<double> A{-std::exp(-1.0), double{real(0.3)}};
  const double expected = 2 * ((std::exp(std::exp(-9.0) * A) - 1.0) / A).real();
  CHECK(double{mode_recurrence(one, by).value().item()} == doctest::Approx(expected).epsilon(1e-6));
}

TEST_CASE("mode_recurrence: the same bits on any number of threads, forward and backward") {
  check_same_bits([] {
    const ModeInputs x(2, 130, 5 * simd::kLanes, 3);
    return OpOfInputs{mode_recurrence(x.u, x.by), x.all()};
  });
}

TEST_CASE("mode_recurrence: in pieces, with a state, it gives what the whole gives") {
  constexpr size_t N = 140, J = 3, D = 9;
  const ModeInputs x(2, N, D, J);
  const Array whole = mode_recurrence(x.u, x.by).value();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{64}, size_t{139}}) {
    CAPTURE(piece);
    ModeState state(2, std::vector<real>(2 * J * D));
    for (size_t begin = 0, end = 0; begin < N; begin = end) {
      end = std::min(N, begin + piece);
      const Var y = mode_recurrence(slice(x.u, 1, begin, end), x.by, &state);
      CHECK(differs(y.value(), [&](size_t e) {
              const size_t row = e / D;
              return whole.row(row / (end - begin) * N + begin + row % (end - begin))[e % D];
            }) == "");
    }
  }
}

TEST_CASE("mode_recurrence: work is counted, linear in tokens, channels and modes") {
  const auto run = [](size_t N, size_t D, size_t J) {
    const ModeInputs x(1, N, D, J);
    counters.reset();
    Tape tape;
    const Var y = mode_recurrence(x.u, x.by);
    const uint64_t forward = counters.matrix_flops;
    tape.backward(y, ones(y.shape()));
    return std::pair{forward, counters.matrix_flops - forward};
  };
  CHECK(run(64, 5, 4) == std::pair<uint64_t, uint64_t>{12 * 64 * 20, 34 * 64 * 20});
  CHECK(run(128, 10, 8) == std::pair<uint64_t, uint64_t>{12 * 128 * 80, 34 * 128 * 80});
}

TEST_CASE("mode_recurrence: what it refuses") {
  const ModeInputs x(2, 3, 4, 5);
  const auto says = [&](auto&& change, ModeState* state = nullptr) {
    ModeParameters by = x.by;
    change(by);
    return sentence([&] { mode_recurrence(x.u, by, state); });
  };
  CHECK(says([](auto& by) {
          by.C_real = ones({5, 4});
        }) == "mode_recurrence: C_real [D,J]: expected D = 4, got shape [5,4]");
  CHECK(says([](auto& by) {
          by.C_imag = ones({4, 4});
        }) == "mode_recurrence: C_imag [D,J]: expected shape [4,5], got [4,4]");
  CHECK(says([](auto& by) { by.log_dt = ones({5}); }) ==
        "mode_recurrence: log_dt [D]: expected shape [4], got [5]");
  CHECK(says([](auto& by) {
          by.A_imag = ones({4, 5});
        }) == "mode_recurrence: A_imag [D J]: expected shape [20], got [4,5]");
  CHECK(says([](auto& by) { by.skip = Var(); }) ==
        "mode_recurrence: skip [D]: expected shape [4], got [0]");
  ModeState few(1), thin(2, std::vector<real>(4));
  CHECK(says([](auto&) {}, &few) == "mode_recurrence: state: expected B = 2 sequences, got 1");
  CHECK(says([](auto&) {}, &thin) ==
        "mode_recurrence: state [J,2,D]: expected 2 J D = 40 numbers, got 4");
}
