#include "core/gradcheck.hpp"

#include <cmath>
#include <cstring>

namespace gnomon {
namespace {

double inner(const Array& a, const Array& b) {
  double sum = 0;
  for (size_t e = 0; e < a.size(); ++e) sum += double{a.data()[e]} * double{b.data()[e]};
  return sum;
}

std::vector<Array> gradients(const Function& op, const std::vector<Array>& values,
                             const Array& cotangent) {
  Tape tape;
  std::vector<Var> x;
  for (const Array& v : values) x.push_back(variable(v));
  tape.backward(op(x), cotangent);
  std::vector<Array> result;
  for (const Var& v : x) result.push_back(v.grad().empty() ? zeros(v.shape()) : v.grad());
  return result;
}

}  // namespace

GradcheckResult gradcheck(const OpCase& c, uint64_t seed) {
  Random random(seed);
  std::vector<Array> values;
  for (const Shape& s : c.inputs) {
    values.push_back(c.low < c.high ? random.uniform(s) : random.normal(s));
    if (c.low < c.high)
      for (real& v : values.back()) v = static_cast<real>(c.low + (c.high - c.low) * double{v});
  }
  const std::vector<Var> constants(values.begin(), values.end());  // share storage with `values`
  const Array cotangent = random.normal(c.op(constants).shape());

  const std::vector<Array> got = gradients(c.op, values, cotangent);
  const std::vector<Array> again = gradients(c.op, values, cotangent);
  const Function& reference = c.surrogate ? c.surrogate : c.op;
  GradcheckResult result;
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t e = 0; e < values[i].size(); ++e) {
      expect(std::memcmp(got[i].data() + e, again[i].data() + e, sizeof(real)) == 0,
             "gradcheck: {}: input {}, element {}: two backward passes differ", c.name, i, e);
      real& x = values[i].data()[e];
      const real at = x;
      x = static_cast<real>(double{at} + c.step);
      const double above = inner(reference(constants).value(), cotangent);
      x = static_cast<real>(double{at} - c.step);
      const double below = inner(reference(constants).value(), cotangent);
      x = at;
      const double expected = (above - below) / (2 * c.step), found = double{got[i].data()[e]};
      const double error = std::abs(found - expected) / std::max(1.0, std::abs(expected));
      if (error > result.worst || !std::isfinite(error)) {
        result.worst = error;
        result.where =
            fmt::format("input {}, element {}: expected {:.9g}, got {:.9g}", i, e, expected, found);
        if (!std::isfinite(error)) return result;
      }
    }
  return result;
}

double directional_check(const std::function<Var()>& loss, std::vector<Var> parameters,
                         uint64_t seed, double step) {
  for (Var& p : parameters) p.grad() = Array();
  {
    Tape tape;
    tape.backward(loss());
  }
  Random random(seed);
  std::vector<Array> direction, origin;
  double slope = 0;
  for (Var& p : parameters) {
    direction.push_back(random.normal(p.shape()));
    origin.push_back(p.value().clone());
    if (!p.grad().empty()) slope += inner(p.grad(), direction.back());
  }
  const auto loss_at = [&](double t) {
    for (size_t i = 0; i < parameters.size(); ++i)
      for (size_t e = 0; e < origin[i].size(); ++e)
        parameters[i].value().data()[e] =
            static_cast<real>(double{origin[i].data()[e]} + t * double{direction[i].data()[e]});
    return double{loss().value().item()};
  };
  const double expected = (loss_at(step) - loss_at(-step)) / (2 * step);
  loss_at(0);
  return std::abs(slope - expected) / std::max(1.0, std::abs(expected));
}

}  // namespace gnomon
