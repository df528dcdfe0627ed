// selective_scan against its equations in plain loops, in pieces, on several threads, and what it
// refuses.
#include "core/ops/selective_scan.hpp"

#include <doctest/doctest.h>

#include "core/ops/slice.hpp"
#include "core/random.hpp"
#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

struct ScanInputs {
  Var u, dt, A, in, out, skip;
  ScanInputs(size_t B, size_t N, size_t W, size_t M)
      : u(variable(Random(1).normal({B, N, W}))),
        dt(variable(Random(2).uniform({B, N, W}))),
        A(variable(Random(3).uniform({W, M}))),
        in(variable(Random(4).normal({B, N, M}))),
        out(variable(Random(5).normal({B, N, M}))),
        skip(variable(Random(6).normal({W}))) {
    for (real& a : A.value()) a *= -3;
  }
  std::vector<Var> all() const { return {u, dt, A, in, out, skip}; }
  Var scan(ScanState* state = nullptr) const {
    return selective_scan(u, dt, A, in, out, skip, state);
  }
};

/// y by the equations, in double, all numbers of all tokens in memory.
std::vector<double> scan_in_loops(const ScanInputs& x, const ScanState& from) {
  const auto [B, N, W] = dims<3>(x.u.value(), "u");
  const size_t M = x.A.shape()[1];
  std::vector<double> y;
  for (size_t b = 0; b < B; ++b) {
    std::vector<double> h(from[b].begin(), from[b].end());
    for (size_t n = 0; n < N; ++n)
      for (size_t w = 0; w < W; ++w) {
        const double u = double{x.u.value()(b, n, w)}, dt = double{x.dt.value()(b, n, w)};
        double sum = double{x.skip.value()(w)} * u;
        for (size_t m = 0; m < M; ++m) {
          h[m * W + w] = std::exp(dt * double{x.A.value()(w, m)}) * h[m * W + w] +
                         dt * u * double{x.in.value()(b, n, m)};
          sum += double{x.out.value()(b, n, m)} * h[m * W + w];
        }
        y.push_back(sum);
      }
  }
  return y;
}

}  // namespace

TEST_CASE("selective_scan: values are those of its equations, at awkward sizes") {
  constexpr size_t L = simd::kLanes;
  for (const size_t N : {size_t{1}, size_t{15}, size_t{16}, size_t{50}})
    for (const size_t W : {size_t{1}, L, 2 * L, 4 * L + 3})
      for (const size_t M : {size_t{1}, size_t{4}, size_t{7}}) {
        CAPTURE(N);
        CAPTURE(W);
        CAPTURE(M);
        const ScanInputs x(2, N, W, M);
        ScanState state(2);
        for (size_t b = 0; b < 2; ++b) {
          const Array from = Random(7 + b).normal({M * W});
          state[b].assign(from.begin(), from.end());
        }
        const std::vector<double> expected = scan_in_loops(x, state);
        CHECK(differs(
                  x.scan(&state).value(), [&](size_t e) { return expected[e]; }, 1e-5) == "");
        const std::vector<double> from_zero =
            scan_in_loops(x, ScanState(2, std::vector<real>(M * W)));
        CHECK(differs(
                  x.scan().value(), [&](size_t e) { return from_zero[e]; }, 1e-5) == "");
      }
}

TEST_CASE("selective_scan: the same bits on any number of threads, forward and backward") {
  check_same_bits([] {
    const ScanInputs x(2, 70, 5 * simd::kLanes, 6);
    return OpOfInputs{x.scan(), x.all()};
  });
}

TEST_CASE("selective_scan: in pieces, with a state, it gives what the whole gives") {
  constexpr size_t N = 40, M = 3, W = 9;
  const ScanInputs x(2, N, W, M);
  const Array whole = x.scan().value();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{16}, size_t{39}}) {
    CAPTURE(piece);
    ScanState state(2, std::vector<real>(M * W));
    for (size_t begin = 0, end = 0; begin < N; begin = end) {
      end = std::min(N, begin + piece);
      const auto part = [&](const Var& v) { return slice(v, 1, begin, end); };
      const Var y =
          selective_scan(part(x.u), part(x.dt), x.A, part(x.in), part(x.out), x.skip, &state);
      CHECK(differs(y.value(), [&](size_t e) {
              const size_t row = e / W;
              return whole.row(row / (end - begin) * N + begin + row % (end - begin))[e % W];
            }) == "");
    }
  }
}

TEST_CASE("selective_scan: long memories do not drift, and rates of 0 never forget") {
  constexpr size_t N = 20000;
  const Array one = ones({1, N, 1});
  for (const real rate : {real{0}, real{-1e-4}}) {
    const Array y = selective_scan(one, one, Array({1, 1}, rate), one, one).value();
    const double decay = std::exp(double{rate});
    const double sum = rate == 0 ? N : (1 - std::pow(decay, N)) / (1 - decay);
    // A number just below 1 is known to 6e-8: of its distance from 1, here, to a thousandth.
    CHECK(double{y.data()[N - 1]} == doctest::Approx(sum).epsilon(1e-3));
  }
}

TEST_CASE("selective_scan: work is counted, and what is kept has no axis for all three") {
  const auto run = [](size_t N, size_t W, size_t M) {
    const ScanInputs x(1, N, W, M);
    counters.reset();
    Tape tape;
    const Var y = x.scan();
    const uint64_t forward = counters.matrix_flops;
    const size_t inputs = (2 * N * W + W * M + 2 * N * M + W) * sizeof(real);
    CHECK(tape.bytes_kept() - inputs <= (N / 16 + 2) * W * M * sizeof(real));
    tape.backward(y, ones(y.shape()));
    return std::pair{forward, counters.matrix_flops - forward};
  };
  constexpr size_t W = 4 * simd::kLanes;
  CHECK(run(64, W, 4) == std::pair<uint64_t, uint64_t>{6 * 64 * W * 4, 20 * 64 * W * 4});
  CHECK(run(128, W, 8) == std::pair<uint64_t, uint64_t>{6 * 128 * W * 8, 20 * 128 * W * 8});
}

TEST_CASE("selective_scan: what it refuses") {
  const ScanInputs x(2, 3, 4, 5);
  const auto says = [&](const Var& dt, const Var& A, const Var& in, const Var& out, const Var& skip,
                        ScanState* state = nullptr) {
    return sentence([&] { selective_scan(x.u, dt, A, in, out, skip, state); });
  };
  CHECK(says(ones({2, 3, 5}), x.A, x.in, x.out, x.skip) ==
        "selective_scan: dt [B,N,W]: expected shape [2,3,4], got [2,3,5]");
  CHECK(says(x.dt, ones({5, 4}), x.in, x.out, x.skip) ==
        "selective_scan: A [W,M]: expected W = 4, got shape [5,4]");
  CHECK(says(x.dt, x.A, ones({2, 3, 4}), x.out, x.skip) ==
        "selective_scan: in [B,N,M]: expected shape [2,3,5], got [2,3,4]");
  CHECK(says(x.dt, x.A, x.in, ones({2, 3, 4}), x.skip) ==
        "selective_scan: out [B,N,M]: expected shape [2,3,5], got [2,3,4]");
  CHECK(says(x.dt, x.A, x.in, x.out, ones({3})) ==
        "selective_scan: skip [W]: expected shape [4], got [3]");
  ScanState few(1), thin(2, std::vector<real>(4));
  CHECK(says(x.dt, x.A, x.in, x.out, x.skip, &few) ==
        "selective_scan: state: expected B = 2 sequences, got 1");
  CHECK(says(x.dt, x.A, x.in, x.out, x.skip, &thin) ==
        "selective_scan: state [M W]: expected M W = 20 numbers, got 4");
}
