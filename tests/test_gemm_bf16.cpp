#include <doctest/doctest.h>

#include "core/gemm_bf16.hpp"
#include "core/ops/affine.hpp"
#include "models/sequence_model.hpp"
#include "nn/recompute.hpp"
#include "tasks/task.hpp"
#include "tests/product.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

constexpr auto kRounded = [](auto&&... arguments) { gemm(arguments..., Precision::bf16); };
#ifdef GNOMON_ONEDNN
constexpr auto kPacked = [](auto&&... arguments) { gemm_packed<float>(arguments...); };
#endif

float near(float x) { return from_bf16(to_bf16(x)); }

}  // namespace

TEST_CASE("bf16: the nearest of 8 significant bits, ties to even") {
  CHECK(near(1.0f) == 1.0f);
  CHECK(near(-0.0f) == 0.0f);
  CHECK(std::signbit(near(-0.0f)));
  CHECK(near(1 + 0x1p-8f) == 1.0f);              // half way: down to the even one
  CHECK(near(1 + 0x1.8p-7f) == 1 + 0x1p-6f);     // half way: up to the even one
  CHECK(near(1 + 0x1.0002p-8f) == 1 + 0x1p-7f);  // a little more than half way
  CHECK(near(0x1.fep127f) == 0x1.fep127f);       // the largest
  CHECK(std::isinf(near(0x1.fffffep127f)));
  CHECK(near(-std::numeric_limits<float>::infinity()) < -0x1.fep127f);
  CHECK(std::isnan(near(std::numeric_limits<float>::quiet_NaN())));
  Random random(1);
  for (size_t i = 0; i < 10'000; ++i) {
    const auto bits = static_cast<uint32_t>(0x01000000 + random.below(0x7e000000));  // not denormal
    float x;
    std::memcpy(&x, &bits, sizeof x);
    const uint16_t found = to_bf16(x);
    const double miss = std::abs(double{from_bf16(found)} - double{x});
    for (const int aside : {-1, 1}) {  // no neighbour is nearer; as near only if this one is even
      const double other =
          std::abs(double{from_bf16(static_cast<uint16_t>(found + aside))} - double{x});
      REQUIRE((found == 0 || miss < other || (miss == other && found % 2 == 0)));
    }
  }
}

TEST_CASE("bf16: a product is that of the rounded operands") {
  every_product(
      {1, 130, 257}, {1, 17, 129}, {1, 131},
      [](size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b) {
        REQUIRE(wrong_elements(kRounded, m, n, k, transpose_a, transpose_b, 3, 0, 1, true) == 0);
      });
  CHECK(wrong_elements(kRounded, 130, 33, 20, false, true, 5, 1, real(-2.5), true) == 0);
  CHECK(wrong_elements(kRounded, 130, 33, 20, true, false, 5, real(-0.5), 1, true) == 0);
  CHECK(wrong_elements(kRounded, 130, 33, 2100, true, false, 5, 1, 1, true) == 0);
  CHECK(wrong_elements(kRounded, 3, 4, 0, false, false, 2, real(0.5), 1, true) == 0);
}

#ifdef GNOMON_ONEDNN
TEST_CASE("bf16: the library's packed products, in float32, at ragged sizes and long inner sides") {
  every_product({1, 130, 257}, {1, 33}, {1, 131, 1024, 2100},
                [](size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b) {
                  REQUIRE(wrong_elements(kPacked, m, n, k, transpose_a, transpose_b, 3, 0, 1) == 0);
                  REQUIRE(wrong_elements(kPacked, m, n, k, transpose_a, transpose_b, 0, 1, 1) == 0);
                });
  CHECK(wrong_elements(kPacked, 130, 33, 2100, false, true, 5, real(-0.5), real(-2.5)) == 0);
}
#endif

TEST_CASE("bf16: equal bits on 1 to 4 threads, and inside parallel_for") {
  const size_t m = 300, n = 70, k = 2100;
  const Operand a(m, k, true, 0, 1), b(k, n, false, 0, 2);
  const auto compare = [&](auto product) {
    std::vector<Array> results;
    for (int count : {1, 2, 3, 4})
      with_threads(count, [&] {
        std::vector<Array> nested(4, Array({m, n}, kPoison));
        for (Array& c : nested) c = c.clone();
        product(m, n, k, a.matrix(), b.matrix(), nested[0].data(), n, real(0), real(1));
        parallel_for(3, 1, [&](size_t begin, size_t) {
          product(m, n, k, a.matrix(), b.matrix(), nested[begin + 1].data(), n, real(0), real(1));
        });
        results.insert(results.end(), nested.begin(), nested.end());
      });
    for (const Array& c : results) CHECK(std::memcmp(c.data(), results[0].data(), c.bytes()) == 0);
  };
  compare(kRounded);
#ifdef GNOMON_ONEDNN
  compare(kPacked);
#endif
}

TEST_CASE(
    "bf16: an affine op goes back in the precision it was recorded in, also when recomputed") {
  const Var x = variable(Random(1).normal({5, 7})), w = variable(Random(2).normal({3, 7}));
  const Array dy = Random(3).normal({5, 3});
  const auto gradients = [&](Precision precision, bool again) {
    x.slot()->grad = w.slot()->grad = Array();
    Tape tape;
    Var y;
    {
      const AffinePrecision scope(precision);
      y = affine(x, w);
      if (again) y = recomputed({x}, y.value(), [&](const auto& x) { return affine(x[0], w); });
    }
    CHECK(affine_precision() == Precision::f32);
    tape.backward(y, dy);
    return std::array{y.value().clone(), x.grad().clone(), w.grad().clone()};
  };
  const auto full = gradients(Precision::f32, false), half = gradients(Precision::bf16, false);
  const auto again = gradients(Precision::bf16, true);
  for (size_t i = 0; i < 3; ++i) {
    double largest = 0, apart = 0;
    for (size_t e = 0; e < full[i].size(); ++e) {
      const double exact = full[i].data()[e];
      largest = std::max(largest, std::abs(exact));
      apart = std::max(apart, std::abs(double{half[i].data()[e]} - exact));
    }
    CHECK(apart > 0);
    CHECK(apart < 0.02 * largest);
    CHECK(std::memcmp(half[i].data(), again[i].data(), half[i].bytes()) == 0);
  }
  // dx[0,0] by hand: the operands of the backward pass are rounded too.
  double by_hand = 0;
  for (size_t o = 0; o < 3; ++o) by_hand += double{near(dy(0, o))} * double{near(w.value()(o, 0))};
  CHECK(half[1](0, 0) == doctest::Approx(by_hand).epsilon(1e-6));
}

TEST_CASE("bf16: every model computes in it when it is told to, and only then") {
  for (const std::string& name : registered_names<ModelKind>()) {
    CAPTURE(name);
    const auto loss = [&](const std::string& precision) {
      const auto kind = make_registered<ModelKind>(name, "model");
      kind->config.precision = precision;
      const auto task = make_registered<Task>("copy", "task");
      const auto model = kind->make(task->vocabulary());
      model->initialise(3);
      Context context;
      return model->score(task->test_batch(2, 64, Random(1)), context).loss.value().item();
    };
    const real full = loss("f32"), half = loss("bf16");
    CHECK(half != full);
    CHECK(half == doctest::Approx(full).epsilon(0.01));
    CHECK(loss("f32") == full);
  }
}
