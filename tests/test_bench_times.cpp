// Repeated measurements: what is noise, and that it is measured again.
#include <doctest/doctest.h>

#include "tools/bench/times.hpp"

using namespace gnomon;

TEST_CASE("bench times: noisy where the quartiles lie apart by more than a fifth of the median") {
  CHECK(!Spread({1, 1, 1, 1, 1}).noisy());
  CHECK(!Spread({1}).noisy());
  CHECK(!Spread({1, 1.05, 1.1, 1.15, 9}).noisy());  // one of five disturbed
  CHECK(Spread({1, 1, 1.1, 1.3, 9}).noisy());
  CHECK(Spread({1, 1, 2}).noisy());  // one of three
  CHECK(Spread({1, 2}).noisy());
  CHECK(!Spread({100, 110, 119.9}).noisy());
  const Spread s({5, 1, 4, 2, 3});
  CHECK(s.median == 3);
  CHECK(s.low == 2);
  CHECK(s.high == 4);
}

TEST_CASE("bench times: what is noisy is measured again, and not for ever") {
  size_t calls = 0;
  measure_again(3, [&] { return ++calls < 2; });
  CHECK(calls == 2);
  measure_again(3, [&] { return ++calls > 0; });
  CHECK(calls == 5);
  measure_again(3, [&] { return ++calls == 0; });
  CHECK(calls == 6);
}
