#include "tools/training/optimizer.hpp"

#include <cmath>

#include "core/simd/map.hpp"

namespace gnomon {
namespace {

using simd::kElementGrain, simd::kLanes, simd::Pack;

/// What is the same for all numbers of a parameter in one step.
struct StepScalars {
  real keep;           // 1 - rate decay
  real beta1, fresh1;  // fresh = 1 - beta
  real beta2, fresh2;
  real root_scale;  // 1 / sqrt(1 - beta2^t)
  real epsilon;
  real stride;  // rate / (1 - beta1^t)
};

/// One register of numbers.
void update_pack(const StepScalars& s, real* p, real* m, real* v, const real* g) {
  const Pack gradient = Pack::load_unaligned(g);
  const Pack first = s.beta1 * Pack::load_unaligned(m) + s.fresh1 * gradient;
  const Pack second = s.beta2 * Pack::load_unaligned(v) + s.fresh2 * gradient * gradient;
  const Pack size = xsimd::sqrt(second) * s.root_scale + s.epsilon;
  first.store_unaligned(m);
  second.store_unaligned(v);
  (s.keep * Pack::load_unaligned(p) - s.stride * first / size).store_unaligned(p);
}

/// n numbers on the calling thread; the ragged end goes through the same register code.
void update_range(const StepScalars& s, size_t n, real* p, real* m, real* v, const real* g) {
  size_t e = 0;
  for (; e + kLanes <= n; e += kLanes) update_pack(s, p + e, m + e, v + e, g + e);
  if (e == n) return;
  std::array<real, kLanes> rest_p{}, rest_m{}, rest_v{}, rest_g{};
  std::copy(p + e, p + n, rest_p.begin());
  std::copy(m + e, m + n, rest_m.begin());
  std::copy(v + e, v + n, rest_v.begin());
  std::copy(g + e, g + n, rest_g.begin());
  update_pack(s, rest_p.data(), rest_m.data(), rest_v.data(), rest_g.data());
  std::copy_n(rest_p.begin(), n - e, p + e);
  std::copy_n(rest_m.begin(), n - e, m + e);
  std::copy_n(rest_v.begin(), n - e, v + e);
}

/// sum of squares in double, on the calling thread: eight partial sums, added in order.
double sum_of_squares(const real* x, size_t n) {
  std::array<double, 8> partial{};
  size_t e = 0;
  for (; e + partial.size() <= n; e += partial.size())
    for (size_t i = 0; i < partial.size(); ++i) partial[i] += double{x[e + i]} * double{x[e + i]};
  double sum = 0;
  for (const double part : partial) sum += part;
  for (; e < n; ++e) sum += double{x[e]} * double{x[e]};
  return sum;
}

}  // namespace

void AdamWConfig::declare(Fields& f) {
  f.number("beta1", beta1, 0, 0.999999, "AdamW: how much of the mean gradient is kept each step");
  f.number("beta2", beta2, 0, 0.999999, "AdamW: how much of the mean squared gradient is kept");
  f.number("epsilon", epsilon, 1e-16, 1, "AdamW: added to the root of the mean squared gradient");
  f.number("weight-decay", weight_decay, 0, 1, "AdamW: decay of matrices, times the learning rate");
}

AdamW::AdamW(std::vector<Parameter> parameters, AdamWConfig config) : config_(config) {
  for (Parameter& p : parameters) {
    const Shape shape = p.var->shape();
    moments_.push_back({std::move(p), zeros(shape), zeros(shape)});
  }
}

void AdamW::step(double rate) {
  expect(std::isfinite(rate) && rate >= 0, "adamw: rate: expected a number from 0, got {}", rate);
  for (const Moments& each : moments_)
    if (!each.parameter.var->grad().empty())
      expect_shape(each.parameter.var->grad(), each.first.shape(),
                   "adamw: gradient of " + each.parameter.name);
  ++steps_;
  const double t = static_cast<double>(steps_);
  const auto scalars = [&](double decay) {
    const auto scalar = [](double value) { return static_cast<real>(value); };
    return StepScalars{.keep = scalar(1 - rate * decay),
                       .beta1 = scalar(config_.beta1),
                       .fresh1 = scalar(1 - config_.beta1),
                       .beta2 = scalar(config_.beta2),
                       .fresh2 = scalar(1 - config_.beta2),
                       .root_scale = scalar(1 / std::sqrt(1 - std::pow(config_.beta2, t))),
                       .epsilon = scalar(config_.epsilon),
                       .stride = scalar(rate / (1 - std::pow(config_.beta1, t)))};
  };
  const StepScalars of_matrix = scalars(config_.weight_decay), of_vector = scalars(0);
  std::vector<Loop> loops;
  std::vector<Array> gradients;
  for (const Moments& each : moments_) {
    const Array& g = each.parameter.var->grad();
    loops.push_back({each.first.size(), kElementGrain});
    gradients.push_back(g.empty() ? zeros_like(each.first) : g);
  }
  parallel_for(loops, [&](size_t i, size_t begin, size_t end) {
    Moments& each = moments_[i];
    Array& p = each.parameter.var->value();
    const bool matrix = p.shape().rank() >= 2 && p.size() > 1;  // a learned scalar is [1,1]
    update_range(matrix ? of_matrix : of_vector, end - begin, p.data() + begin,
                 each.first.data() + begin, each.second.data() + begin,
                 gradients[i].data() + begin);
  });
}

std::map<std::string, Array> AdamW::moments() const {
  std::map<std::string, Array> all;
  for (const Moments& each : moments_) {
    all["first_moment." + each.parameter.name] = each.first;
    all["second_moment." + each.parameter.name] = each.second;
  }
  return all;
}

double clip_gradients(const std::vector<Parameter>& parameters, double max_norm) {
  expect(max_norm > 0, "clip: max_norm: expected a positive number, got {}", max_norm);
  std::vector<Loop> loops;
  std::vector<std::vector<double>> pieces;
  for (const Parameter& p : parameters) {
    loops.push_back({p.var->grad().size(), kElementGrain});
    pieces.emplace_back((loops.back().n + kElementGrain - 1) / kElementGrain);
  }
  parallel_for(loops, [&](size_t i, size_t begin, size_t end) {
    pieces[i][begin / kElementGrain] =
        sum_of_squares(parameters[i].var->grad().data() + begin, end - begin);
  });
  double sum = 0;
  for (const auto& of_parameter : pieces)
    for (const double piece : of_parameter) sum += piece;
  const double norm = std::sqrt(sum);
  if (!std::isfinite(norm) || norm <= max_norm) return norm;
  const real scale = static_cast<real>(max_norm / norm);
  for (const Parameter& p : parameters) {
    Array& g = p.var->grad();
    if (g.shared()) g = g.clone();  // one array may be the gradient of two parameters
  }
  parallel_for(loops, [&](size_t i, size_t begin, size_t end) {
    real* const g = parameters[i].var->grad().data() + begin;
    simd::map_range(
        end - begin, g, [scale](const Pack& v) { return v * scale; }, g);
  });
  return norm;
}

}  // namespace gnomon
