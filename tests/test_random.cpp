#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/random.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

bool equal_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

uint64_t pair(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

// The known-answer list of Random123 (kat_vectors, philox4x32 with 10 rounds): counter, key, words.
TEST_CASE("random: Philox 4x32-10 gives the published words") {
  // counter 0 0 0 0, key 0 0 -> 6627e8d5 e169c58d bc57ac4c 9b00dbd8
  CHECK(Random(0, 0).bits() == pair(0x6627e8d5, 0xe169c58d));
  const Array unit = Random(0, 0).uniform({4});
  const uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (size_t i = 0; i < 4; ++i)
    CHECK(double{unit(i)} == doctest::Approx(words[i] * 0x1p-32).epsilon(1e-6));

  // split(label) reads the block at counter (label, stream) under the key seed ^ this constant, and
  // its first two words name the new stream.
  const uint64_t split_key = 0x9e3779b97f4a7c15u;
  const auto stream_of_split = [&](uint64_t key, uint64_t stream, uint64_t label,
                                   uint64_t expected) {
    const uint64_t seed = key ^ split_key;
    return Random(seed, stream).split(label).bits() == Random(seed, expected).bits();
  };
  // counter ffffffff x 4, key ffffffff x 2 -> 408f276d 41c83b0e ...
  const uint64_t ones = ~uint64_t{0};
  CHECK(stream_of_split(ones, ones, ones, pair(0x408f276d, 0x41c83b0e)));
  CHECK_FALSE(stream_of_split(ones, ones, ones, pair(0x408f276d, 0x41c83b0f)));
  // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 -> d16cfe09 94fdcceb ...
  CHECK(stream_of_split(pair(0xa4093822, 0x299f31d0), pair(0x13198a2e, 0x03707344),
                        pair(0x243f6a88, 0x85a308d3), pair(0xd16cfe09, 0x94fdcceb)));
}

TEST_CASE("random: equal bits on 1 to 4 threads, and at sizes that end inside a block of four") {
  for (size_t n : {1, 3, 4, 5, 16383, 40001}) {
    const Array uniform = Random(5).uniform({n}), normal = Random(5).normal({n});
    for (int count : {1, 2, 3, 4})
      with_threads(count, [&] {
        CHECK(equal_bits(Random(5).uniform({n}), uniform));
        CHECK(equal_bits(Random(5).normal({n}), normal));
      });
    const Array longer = Random(5).normal({n + 9});  // a longer array starts with the shorter one
    CHECK(std::memcmp(longer.data(), normal.data(), normal.bytes()) == 0);
  }
}

TEST_CASE("random: a copy replays, the original goes on") {
  Random random(11, 3);
  random.bits();
  Random replay = random;
  const Array first = random.normal({100});
  const uint64_t then = random.bits();
  CHECK(equal_bits(replay.normal({100}), first));
  CHECK(replay.bits() == then);
  CHECK_FALSE(equal_bits(random.normal({100}), first));
}

TEST_CASE("random: seeds, streams and splits differ, splitting does not advance") {
  Random root(1);
  const uint64_t next = Random(1).bits();
  std::vector<uint64_t> draws = {Random(2).bits(),
                                 Random(1, 1).bits(),
                                 root.split(0).bits(),
                                 root.split(1).bits(),
                                 root.split("a").bits(),
                                 root.split("b").bits(),
                                 root.split("").bits(),
                                 root.split("a").split("b").bits(),
                                 root.split("b").split("a").bits(),
                                 Random(2).split("a").bits()};
  CHECK(root.bits() == next);
  draws.push_back(next);
  std::sort(draws.begin(), draws.end());
  CHECK(std::adjacent_find(draws.begin(), draws.end()) == draws.end());
}

TEST_CASE("random: below(n) is uniform") {
  // Chi-square with n - 1 degrees of freedom: mean n - 1, deviation sqrt(2 (n - 1)). Five
  // deviations above the mean is far out; a multiplied remainder or a missing value is farther.
  for (uint32_t n : {2u, 3u, 7u, 100u}) {
    Random random(n);
    std::vector<double> count(n);
    const double draws = 200000;
    for (int i = 0; i < 200000; ++i) {
      ++count.at(random.below(n));
    }
    double chi_square = 0;
    for (const double c : count) chi_square += (c - draws / n) * (c - draws / n) / (draws / n);
    CAPTURE(n);
    CHECK(chi_square < n - 1 + 5 * std::sqrt(2.0 * (n - 1)));
  }
  // 3 * 2^30 is the worst case: without rejection every third value comes twice as often as the two
  // before it. Thirds of the range would not see it, the remainder by 3 does.
  const uint32_t n = 3u << 30;
  Random random(1);
  double count[3] = {};
  for (int i = 0; i < 30000; ++i) ++count[random.below(n) % 3];
  for (const double c : count) CHECK(std::abs(c - 10000) < 5 * std::sqrt(30000 * 2.0 / 9));
  CHECK(Random(1).below(1) == 0);
  CHECK(sentence([] { Random(1).below(0); }) == "random: below(n): expected n >= 1, got 0");
}

TEST_CASE("random: uniform arrays stay strictly inside (0, 1), also at the extreme words") {
  // The first block of these seeds holds, at this element, a word of 25 equal leading bits or so.
  CHECK(Random(39075).uniform({4})(3) < 1);    // word ffffff7f
  CHECK(Random(2871038).uniform({4})(2) < 1);  // word ffffffa1
  CHECK(Random(39075).uniform({4})(3) > real(0.9999998));
  CHECK(Random(1343428).uniform({4})(3) > 0);   // word 00000000
  CHECK(Random(10710051).uniform({4})(1) > 0);  // word 00000036
  CHECK(std::isfinite(std::log(-std::log(Random(39075).uniform({4})(3)))));
  CHECK(std::isfinite(std::log(-std::log(Random(1343428).uniform({4})(3)))));
  const Array x = Random(8).uniform({100000});
  double sum = 0, squares = 0;
  size_t outside = 0;
  for (const real v : x) {
    outside += !(v > 0 && v < 1);
    sum += double{v}, squares += double{v} * double{v};
  }
  CHECK(std::abs(sum / 1e5 - 0.5) < 5 * std::sqrt(1.0 / 12 / 1e5));
  CHECK(std::abs(squares / 1e5 - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / 1e5));
  Random random(8);
  for (int i = 0; i < 1000; ++i) {
    const double v = random.uniform();
    outside += !(v >= 0 && v < 1);
  }
  CHECK(outside == 0);
}

TEST_CASE("random: normal numbers have mean 0, deviation 1, and independent neighbours") {
  const size_t n = 200000;
  const Array x = Random(9).normal({n});
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, beyond = 0;
  for (size_t e = 0; e < n; ++e) {
    const double v = double{x(e)};
    sum += v, squares += v * v, fourth += v * v * v * v, beyond += std::abs(v) > 1.959964;
    if (e) neighbours += v * double{x(e - 1)};
  }
  const double five = 5 / std::sqrt(static_cast<double>(n));  // of a mean of n deviation-1 numbers
  CHECK(std::abs(sum / n) < five);
  CHECK(std::abs(squares / n - 1) < five * std::sqrt(2.0));
  CHECK(std::abs(fourth / n - 3) < five * std::sqrt(96.0));
  CHECK(std::abs(neighbours / n) < five);
  CHECK(std::abs(beyond / n - 0.05) < five * std::sqrt(0.05 * 0.95));
}
