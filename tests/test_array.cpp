#include <doctest/doctest.h>

#include "core/array.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

TEST_CASE("shape: rank, extents, rows and text") {
  const Shape s{2, 3, 4};
  CHECK(s.rank() == 3);
  CHECK(s[1] == 3);
  CHECK(s.last() == 4);
  CHECK(s.rows() == 6);
  CHECK(s.elements() == 24);
  CHECK(s.text() == "[2,3,4]");
  CHECK(s.with_last(5) == Shape{2, 3, 5});
  CHECK(s != Shape{2, 3});
  CHECK(s != Shape{2, 3, 5});
  CHECK(Shape().elements() == 1);
  CHECK(Shape().rows() == 1);
  CHECK(Shape().last() == 1);
  CHECK(Shape().text() == "[]");
  CHECK(Shape{3, 0, 2}.elements() == 0);
  CHECK(Shape(std::vector<size_t>{4, 5}) == Shape{4, 5});
}

TEST_CASE("shape: what it refuses") {
  const size_t huge = size_t{1} << 32;
  CHECK(sentence([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }) ==
        "shape: expected at most 8 axes, got 9");
  CHECK(sentence([] { (void)Shape{2, 3}[2]; }) == "shape [2,3]: expected an axis below 2, got 2");
  CHECK(sentence([] { (void)Shape().with_last(2); }) == "shape []: expected a last axis, got none");
  CHECK(sentence([&] {
          (void)Shape{huge, huge}.elements();
        }) == "shape [4294967296,4294967296]: too many elements");
  CHECK(Shape{huge, huge - 1}.elements() == huge * (huge - 1));
  CHECK_THROWS_AS(Array({huge / 2, huge}), std::bad_alloc);  // the elements fit, their bytes do not
}

TEST_CASE("array: numbers, rows and elements") {
  Array x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(x.size() == 6);
  CHECK(x.bytes() == 6 * sizeof(real));
  CHECK(x.row(1) == x.data() + 3);
  CHECK(x(1, 2) == 6);
  x(0, 1) = 9;
  CHECK(x.data()[1] == 9);
  CHECK(Array({}, real{7}).item() == 7);
  CHECK(ones({2})(1) == 1);
  const Array none = zeros_like(x);
  CHECK(none.shape() == x.shape());
  for (const real v : none) CHECK(v == 0);
}

TEST_CASE("array: an array without storage has no elements, also when copied") {
  const Array x;
  CHECK(x.empty());
  CHECK(x.shape() == Shape{0});
  CHECK(x.clone().empty());
  CHECK(x.data() == nullptr);
  CHECK(sentence([&] { (void)x.item(); }) == "item: expected one element, got shape [0]");
}

TEST_CASE("array: handles and reshaped share the numbers, clone does not") {
  Array x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK_FALSE(x.shared());
  const Array handle = x, flat = x.reshaped({6}), copy = x.clone();
  CHECK(x.shared());
  CHECK_FALSE(copy.shared());
  x(1, 0) = 40;
  CHECK(handle(1, 0) == 40);
  CHECK(flat(3) == 40);
  CHECK(copy(1, 0) == 4);
  CHECK(flat.data() == x.data());
}

TEST_CASE("array: errors are sentences") {
  const Array x({2, 3}, real{0});
  CHECK(sentence([] {
          Array({2, 2}, std::vector<real>{1, 2, 3});
        }) == "array [2,2]: expected 4 numbers, got 3");
  CHECK(sentence([&] { (void)x(1); }) == "array [2,3]: expected 2 indices, got 1");
  CHECK(sentence([&] { (void)x(1, 3); }) ==
        "array [2,3]: axis 1: expected an index below 3, got 3");
  CHECK(sentence([&] { (void)x.item(); }) == "item: expected one element, got shape [2,3]");
  CHECK(sentence([&] { (void)x.reshaped({4}); }) ==
        "reshape: expected 6 elements as in [2,3], got shape [4]");
  CHECK(sentence([&] {
          expect_shape(x, {3, 2}, "op: x [B,D]");
        }) == "op: x [B,D]: expected shape [3,2], got [2,3]");
  CHECK(sentence([&] { (void)dims<3>(x, "op: x [B,N,D]"); }) ==
        "op: x [B,N,D]: expected 3 axes, got shape [2,3]");
  const auto [B, D] = dims<2>(x, "op: x [B,D]");
  CHECK(B == 2);
  CHECK(D == 3);
}

TEST_CASE("index: the first entry out of range is named") {
  const Index to({2, 2}, {0, -1, 3, 4});
  CHECK(sentence([&] { expect_below(to, 4, "op: to [B,M]"); }) ==
        "op: to [B,M]: expected values in [0,4), got -1 at element 1 of shape [2,2]");
  CHECK(sentence([&] { expect_below(to, 4, "op: to [B,M]", -1); }) ==
        "op: to [B,M]: expected values in [-1,4), got 4 at element 3 of shape [2,2]");
  CHECK_NOTHROW(expect_below(to, 5, "op: to [B,M]", -1));
  CHECK_NOTHROW(expect_below(to, size_t{1} << 40, "op: to [B,M]", -1));
}

TEST_CASE("array: whole-array expressions through xt()") {
  const Array a({2, 3}, {1, 2, 3, 4, 5, 6}), b({2, 3}, {6, 5, 4, 3, 2, 1});
  Array y({2, 3});
  y.xt() = a.xt() * a.xt() + real{2} * b.xt();
  for (size_t e = 0; e < 6; ++e) CHECK(y.data()[e] == a.data()[e] * a.data()[e] + 2 * b.data()[e]);
  CHECK(a.xt()(1, 2) == 6);
  CHECK(a.xt().shape(1) == 3);
}
