// The source "rank" counts with gates drawn anew every time in training. What their mean stands for
// is an expectation over gates that are open or shut by chance, computed here exactly:
//
//   F_j(t) = F_{j-1}(t) (1 - g_j) + F_{j-1}(t-1) g_j        how probable t members among 0 .. j are
//   P(j is the t-th member) = F_{j-1}(t-1) g_j
#include <doctest/doctest.h>

#include "core/ops/softmax.hpp"
#include "nn/pointer/menu.hpp"

using namespace gnomon;

namespace {

constexpr size_t kN = 24, kWindow = 24;

struct Gates {
  std::vector<double> member, query;
};

/// member_is[n][j]: how probable it is that token n asks for the member that j is. (0 members asked
/// for: nothing.)
std::vector<std::vector<double>> expectation(const Gates& gates) {
  const auto one_more = [](std::vector<double>& f, double gate) {
    for (size_t t = f.size(); t-- > 0;) f[t] = f[t] * (1 - gate) + (t > 0 ? f[t - 1] * gate : 0);
  };
  std::vector<std::vector<double>> is(kN, std::vector<double>(kN, 0.0));
  std::vector<double> asked(kN + 1, 0.0);
  asked[0] = 1;
  for (size_t n = 0; n < kN; ++n) {
    one_more(asked, gates.query[n]);
    std::vector<double> members(kN + 1, 0.0);
    members[0] = 1;
    for (size_t j = 0; j <= n; ++j) {
      for (size_t t = 1; t <= kN; ++t) is[n][j] += asked[t] * members[t - 1] * gates.member[j];
      one_more(members, gates.member[j]);
    }
  }
  return is;
}

}  // namespace

TEST_CASE("rank: with gates nearly decided, the mean of the draws is the exact expectation") {
  Random random(5);
  Array features({1, kN, 2});
  for (real& f : features) f = random.below(3) == 0 ? real{1} : real{-1};
  constexpr double kSteep = 7;  // a gate is open to 99.9 %, or shut as far
  // Feature 0 opens the gate of a member, feature 1 that of a query.
  const Menu menu(fmt::format("rank:{}", kWindow), {2, 1, 0, 1, "none"});
  for (const Parameter& p : menu.parameters()) {
    p.var->value().fill(0);
    if (p.name == "rank.member.weight") p.var->value()(0, 0) = kSteep;
    if (p.name == "rank.query.weight") p.var->value()(0, 1) = kSteep;
    if (p.name == "rank.sharpness") p.var->value().fill(real(1.5));
  }
  Gates gates;
  for (size_t n = 0; n < kN; ++n) {
    gates.member.push_back(1 / (1 + std::exp(-kSteep * double{features(0, n, 0)})));
    gates.query.push_back(1 / (1 + std::exp(-kSteep * double{features(0, n, 1)})));
  }
  const std::vector<std::vector<double>> exact = expectation(gates);

  Context context;
  context.tokens = Index({1, kN}, 0);
  context.training = true;
  const PreviousPointers below;
  const Var a = features;
  constexpr size_t kDraws = 400;
  std::vector<std::vector<double>> trained(kN, std::vector<double>(kN, 0.0));
  context.noise = Random(3);
  for (size_t draw = 0; draw < kDraws; ++draw) {
    const CandidateSet offer = menu.offer({a, below, context, 1});
    const Array weight = softmax(offer.logits, offer.index.to).value();
    for (size_t n = 0; n < kN; ++n)
      for (size_t k = 0; k < kWindow; ++k)
        if (const int32_t j = offer.index.to(0, n, 0, k); j >= 0)
          trained[n][static_cast<size_t>(j)] += double{weight(0, n, 0, k)} / kDraws;
  }
  size_t compared = 0;
  for (size_t n = 0; n < kN; ++n) {
    double total = 0;
    for (const double p : exact[n]) total += p;
    if (total < 0.9) continue;  // nothing is asked for yet, or more than there is
    ++compared;
    for (size_t j = 0; j < kN; ++j) CHECK(std::abs(trained[n][j] - exact[n][j]) < 0.06);
  }
  CHECK(compared > kN / 3);

  // Whatever the temperature by which the layer divides its logits, this is what is left of them.
  const auto logits = [&](double temperature) {
    context.temperature = temperature;
    context.noise = Random(3);
    return menu.offer({a, below, context, 1}).logits.value();
  };
  const Array warm = logits(1), cold = logits(0.1);
  for (size_t e = 0; e < cold.size(); ++e)
    CHECK(cold.data()[e] / 0.1 == doctest::Approx(warm.data()[e]).epsilon(1e-4));
}
