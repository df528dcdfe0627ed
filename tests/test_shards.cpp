// A batch cut in parts: the same gradient, whoever scores how many tokens.
#include "tools/training/shards.hpp"

#include <doctest/doctest.h>

#include "tests/allclose.hpp"
#include "tests/sentence.hpp"
#include "tools/training/trainer.hpp"

using namespace gnomon;

namespace {

std::unique_ptr<Experiment> small(const std::string& more) {
  return Experiment::of_run(Arguments::of_text(
      "model = pointer\ntask = copy\npayload = 2\nlength = 9\nlayers = 1\nwidth = 8\n"
      "feed-forward = 8\nsources = window:2,match:2,run\n" +  // learned ones draw, part by part
          more,
      "small.ini"));
}

/// Gradients of a batch cut in `shards` parts, and what was found.
std::pair<std::vector<Array>, Learner::Found> differentiated(const Batch& batch, size_t shards) {
  auto model = small("")->make_model();
  model->initialise(4);
  Learner learner(std::move(model), {}, 1e6, shards);
  Context context;
  const auto found = learner.differentiate(batch, context);
  std::vector<Array> gradients;
  for (const Parameter& p : learner.model().parameters()) gradients.push_back(p.var->grad());
  return {gradients, found};
}

}  // namespace

TEST_CASE("shards: parts add up to the whole batch, however many tokens each of them scores") {
  Batch batch = small("")->task().test_batch(8, 9, Random(1));
  int32_t* const targets = batch.targets.data();
  const size_t N = batch.targets.shape().last();
  std::fill(targets, targets + 2 * N, -1);          // of four parts, the first scores nothing,
  std::fill(targets + 2 * N, targets + 4 * N, -1);  // and the second one token
  targets[3 * N - 1] = 1;
  const auto [whole, found] = differentiated(batch, 1);
  for (const size_t shards : {2, 4, 8}) {
    CAPTURE(shards);
    const auto [parts, again] = differentiated(batch, shards);
    for (size_t i = 0; i < whole.size(); ++i)
      CHECK(differs(parts[i], [&, &once = whole[i]](size_t e) {
              return once.empty() ? real{0} : once.data()[e];
            }) == "");
    CHECK(again.loss == doctest::Approx(found.loss).epsilon(1e-6));
    CHECK(again.accuracy == found.accuracy);
    CHECK(again.gradient_norm == doctest::Approx(found.gradient_norm).epsilon(1e-5));
  }
  batch.targets.fill(-1);
  CHECK_THROWS_AS(differentiated(batch, 2), Error);
}

TEST_CASE("shards: every part has noise of its own, and S decides the bits") {
  const std::string noisy = "batch = 4\nselection = gumbel\ndropout = 0.2\n";
  const auto losses = [&](const std::string& shards) {
    const auto experiment = small(noisy + "shards = " + shards + "\n");
    Trainer trainer(*experiment);
    std::vector<real> all;
    for (int step = 0; step < 3; ++step) all.push_back(trainer.step().loss);
    return all;
  };
  CHECK(losses("2") == losses("2"));
  CHECK(losses("2") != losses("1"));

  // Two parts with the same sequences differ in nothing but their noise.
  const Batch one = small("")->task().test_batch(1, 9, Random(1));
  Batch twice{Index({2, one.tokens.size()}), Index({2, one.tokens.size()})};
  for (const size_t row : {0, 1}) {
    std::copy(one.tokens.begin(), one.tokens.end(), twice.tokens.row(row));
    std::copy(one.targets.begin(), one.targets.end(), twice.targets.row(row));
  }
  const auto loss = [&](const Batch& batch, size_t shards, const Random& noise) {
    auto model = small(noisy)->make_model();
    model->initialise(4);
    Learner learner(std::move(model), {}, 1, shards);
    Context context;
    context.noise = noise;
    return learner.differentiate(batch, context).loss;
  };
  const real first = loss(one, 1, Random(5).split(0)), second = loss(one, 1, Random(5).split(1));
  CHECK(first != second);
  CHECK(loss(twice, 2, Random(5)) == doctest::Approx((first + second) / 2).epsilon(1e-6));
}

TEST_CASE("shards: the sum is that of a binary tree") {
  const auto leaf = [](size_t p) {
    Sums sums;
    sums.gradient = Array({1}, std::vector<real>{p == 0 ? real(1e8) : p == 1 ? real(3) : real(-3)});
    sums.right = static_cast<double>(p);
    return sums;
  };
  const Sums sums = sum_of_branch(0, 4, leaf);
  CHECK(sums.gradient.item() == real(99999992));  // (1e8 + 3) + (-3 - 3); from the left, 1e8
  CHECK(sums.right == 6);
}

TEST_CASE("shards: what does not cut the batch evenly is refused") {
  for (const std::string wrong : {"3", "6", "8"})
    CHECK(sentence([&] { small("batch = 12\nshards = " + wrong + "\n"); }) ==
          "shards: expected a power of two that divides batch = 12, got " + wrong);
  CHECK_NOTHROW(small("batch = 12\nshards = 4\n"));
}
