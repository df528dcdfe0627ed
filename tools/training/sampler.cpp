#include "tools/training/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gnomon {
namespace {

constexpr size_t kRemembered = 64;  // tokens that a repetition is looked for in

}  // namespace

void SamplerConfig::declare(Fields& f) {
  f.number("temperature", temperature, 0, 100, "0: the likeliest token; above: drawn, wilder");
  f.integer("top-k", top_k, 0, 1'000'000'000, "only the k likeliest tokens; 0: all");
  f.number("top-p", top_p, 0, 1, "only the likeliest that together reach this probability; 1: all");
  f.number("min-p", min_p, 0, 1, "only those of this share of the largest probability; 0: all");
  f.number("repetition-penalty", repetition_penalty, 1, 10,
           "divides the positive logits of the latest 64 tokens, multiplies the others; 1: none");
}

Sampler::Sampler(const SamplerConfig& config, const Random& random,
                 const std::vector<int32_t>& text)
    : config_(config),
      random_(random),
      latest_(text.end() - static_cast<std::ptrdiff_t>(std::min(text.size(), kRemembered)),
              text.end()) {}

/// The logits, repetitions pushed down.
void Sampler::read(const real* logits, size_t V) {
  logits_.assign(logits, logits + V);
  expect_finite(std::none_of(logits, logits + V, [](real l) { return std::isnan(l); }),
                "sampler: logits [{}]: one is not a number", V);
  if (config_.repetition_penalty == 1) return;
  std::vector<int32_t> once = latest_;
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  for (const int32_t token : once) {
    double& l = logits_[static_cast<size_t>(token)];
    l = l > 0 ? l / config_.repetition_penalty : l * config_.repetition_penalty;
  }
}

/// Those that may be drawn.
void Sampler::choose() {
  stay_.resize(logits_.size());
  std::iota(stay_.begin(), stay_.end(), size_t{0});
  const auto likelier = [&](size_t a, size_t b) {
    return logits_[a] > logits_[b] || (logits_[a] == logits_[b] && a < b);
  };
  if (config_.top_k > 0 && config_.top_k < stay_.size()) {
    const auto end = stay_.begin() + static_cast<std::ptrdiff_t>(config_.top_k);
    std::nth_element(stay_.begin(), end, stay_.end(), likelier);
    stay_.erase(end, stay_.end());
  }
  const double best = logits_[*std::ranges::min_element(stay_, likelier)];
  const auto weight = [&](size_t v) { return std::exp(logits_[v] - best); };
  if (config_.top_p < 1) {
    std::ranges::sort(stay_, likelier);
    double all = 0, reached = 0;
    for (const size_t v : stay_) all += weight(v);
    size_t count = 0;
    do reached += weight(stay_[count++]);
    while (count < stay_.size() && reached < config_.top_p * all);
    stay_.resize(count);
  }
  if (config_.min_p > 0) std::erase_if(stay_, [&](size_t v) { return weight(v) < config_.min_p; });
  if (config_.top_k > 0 || config_.top_p < 1) std::ranges::sort(stay_);
}

/// One of those that stay.
size_t Sampler::drawn() {
  const auto likelier = [&](size_t a, size_t b) { return logits_[a] < logits_[b]; };
  const size_t likeliest = *std::ranges::max_element(stay_, likelier);  // the first of equal ones
  const double best = logits_[likeliest];
  expect_finite(std::isfinite(best), "sampler: logits [{}]: the largest is {}", logits_.size(),
                best);
  if (config_.temperature == 0) return likeliest;
  up_to_.clear();
  double sum = 0;
  for (const size_t v : stay_)
    up_to_.push_back(sum += std::exp((logits_[v] - best) / config_.temperature));
  const auto at = std::ranges::upper_bound(up_to_, random_.uniform() * sum);
  const auto last = std::ranges::lower_bound(up_to_, sum);  // of those whose weight is not 0
  return stay_[static_cast<size_t>(std::min(at, last) - up_to_.begin())];
}

int32_t Sampler::draw(const real* logits, size_t V) {
  read(logits, V);
  choose();
  const auto token = static_cast<int32_t>(drawn());
  if (latest_.size() == kRemembered) latest_.erase(latest_.begin());
  latest_.push_back(token);
  return token;
}

}  // namespace gnomon
