#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "core/random.hpp"
#include "core/simd/row.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

TEST_CASE("parallel_for: every element once, in pieces that do not depend on the threads") {
  for (int count : {1, 2, 3, 4, 7})
    with_threads(count, [&] {
      for (size_t n : {0, 1, 2, 5, 63, 64, 65, 1000})
        for (size_t grain : {0, 1, 2, 64, 999, 5000}) {
          std::vector<std::atomic<int>> seen(n), starts(n);
          parallel_for(n, grain, [&](size_t begin, size_t end) {
            ++starts[begin];
            for (size_t e = begin; e < end; ++e) ++seen[e];
          });
          CAPTURE(count);
          CAPTURE(n);
          CAPTURE(grain);
          size_t wrong = 0;
          for (size_t e = 0; e < n; ++e)
            wrong += seen[e] != 1 || starts[e] != (e % std::max<size_t>(grain, 1) == 0);
          CHECK(wrong == 0);
        }
    });
}

TEST_CASE("parallel_for: sizes near the largest number do not wrap") {
  const size_t most = std::numeric_limits<size_t>::max();
  std::vector<std::pair<size_t, size_t>> pieces;
  with_threads(1, [&] {
    parallel_for(most, most / 2 + 1, [&](size_t begin, size_t end) {
      pieces.push_back({begin, end});
    });
  });
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].second == most / 2 + 1);
  CHECK(pieces[1] == std::pair{most / 2 + 1, most});
}

TEST_CASE("parallel_for: a nested call runs in order on the thread that makes it") {
  with_threads(4, [] {
    std::atomic<int> wrong{0};
    parallel_for(8, 1, [&](size_t, size_t) {
      const auto self = std::this_thread::get_id();
      size_t expected = 0;
      parallel_for(100, 7, [&](size_t begin, size_t end) {
        if (std::this_thread::get_id() != self || begin != expected) ++wrong;
        expected = end;
      });
      if (expected != 100) ++wrong;
    });
    CHECK(wrong == 0);
  });
}

TEST_CASE("parallel_for: the first exception by position arrives, whatever the timing") {
  for (int count : {1, 2, 4})
    with_threads(count, [&] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        const std::string said = sentence([] {
          parallel_for(64, 1, [](size_t begin, size_t) {
            if (begin == 5) std::this_thread::sleep_for(std::chrono::microseconds(200));
            expect(begin < 5, "piece {}", begin);
          });
        });
        CHECK(said == "piece 5");
      }
      CHECK_THROWS_AS(parallel_for(9, 1, [](size_t, size_t) { throw std::out_of_range("x"); }),
                      std::out_of_range);
    });
}

TEST_CASE("parallel_for: a map and a sum of row dots have equal bits on 1 to 4 threads") {
  const Array x = Random(3).normal({300, 131}), y = Random(4).normal({300, 131});
  std::vector<Array> mapped;
  std::vector<real> sums;
  for (int count : {1, 2, 3, 4})
    with_threads(count, [&] {
      mapped.push_back(simd::mapped([](auto a, auto b) { return xsimd::exp(a) * b + a; }, x, y));
      std::vector<real> partial(10);
      parallel_for(300, 30, [&](size_t begin, size_t end) {
        for (size_t r = begin; r < end; ++r)
          partial[begin / 30] += simd::dot(x.row(r), mapped.back().row(r), 131);
      });
      real sum = 0;
      for (const real p : partial) sum += p;
      sums.push_back(sum);
    });
  double expected = 0;
  for (size_t e = 0; e < x.size(); ++e)
    expected += double{x.data()[e]} *
                (std::exp(double{x.data()[e]}) * double{y.data()[e]} + double{x.data()[e]});
  CHECK(double{sums[0]} == doctest::Approx(expected).epsilon(1e-4));
  for (size_t t = 1; t < 4; ++t) {
    CHECK(std::memcmp(&sums[t], &sums[0], sizeof(real)) == 0);
    CHECK(std::memcmp(mapped[t].data(), mapped[0].data(), mapped[0].bytes()) == 0);
  }
}

TEST_CASE("parallel_for: several loops as one, each in pieces of its own") {
  for (int count : {1, 2, 4})
    with_threads(count, [] {
      const std::vector<Loop> loops{{5, 2}, {0, 3}, {7, 0}, {3, 100}};
      std::vector<std::vector<std::atomic<int>>> seen;
      for (const Loop& loop : loops) seen.emplace_back(loop.n);
      std::atomic<int> wrong{0}, calls{0};
      parallel_for(loops, [&](size_t i, size_t begin, size_t end) {
        const size_t grain = std::max<size_t>(1, loops[i].grain);
        wrong += begin % grain != 0 || end != std::min(begin + grain, loops[i].n);
        for (size_t e = begin; e < end; ++e) ++seen[i][e];
        ++calls;
      });
      CHECK(wrong == 0);
      CHECK(calls == 3 + 7 + 1);
      for (const auto& loop : seen)
        for (const auto& times : loop) CHECK(times == 1);
    });
}

TEST_CASE("parallel_for: several threads may call it at once, again and again") {
  with_threads(3, [] {
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; ++caller)
      callers.emplace_back([&] {
        for (size_t round = 0; round < 2000; ++round) {
          std::vector<size_t> to(1 + round % 9);
          parallel_for(to.size(), 1, [&](size_t begin, size_t) { to[begin] = begin + round; });
          for (size_t e = 0; e < to.size(); ++e) wrong += to[e] != e + round;
        }
      });
    for (std::thread& caller : callers) caller.join();
    CHECK(wrong == 0);
  });
}

TEST_CASE("parallel_for: helpers that fell asleep come back, and a forked child has its own") {
  with_threads(2, [] {
    const auto works = [] {
      std::atomic<size_t> sum{0};
      parallel_for(100, 1, [&](size_t begin, size_t) { sum += begin; });
      return sum == 4950;
    };
    CHECK(works());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(works());
    const pid_t child = fork();
    if (child == 0) _exit(works() ? 7 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(works());
  });
}

#if defined(__SSE__)
TEST_CASE("parallel_for: denormal numbers count as zero in every piece") {
  for (int count : {1, 4})
    with_threads(count, [&] {
      const unsigned before = _mm_getcsr();
      _mm_setcsr(before & ~0x8040u);
      std::vector<float> product(64, 1), half(64, 1);
      parallel_for(64, 1, [&](size_t begin, size_t) {
        volatile float small = 1e-30f, denormal = 1e-40f;
        product[begin] = small * 1e-15f;  // flushed on the way out
        half[begin] = denormal * 1e10f;   // and on the way in
      });
      _mm_setcsr(before);
      for (size_t p = 0; p < 64; ++p) {
        CHECK(product[p] == 0);
        CHECK(half[p] == 0);
      }
    });
}
#endif

TEST_CASE("threads: what set_threads refuses") {
  const int before = threads();
  CHECK(sentence([] { set_threads(0); }) == "threads: expected 1 to 1024, got 0");
  CHECK(sentence([] { set_threads(1025); }) == "threads: expected 1 to 1024, got 1025");
  CHECK(threads() == before);
}
