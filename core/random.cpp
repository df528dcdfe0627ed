#include "core/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

#include "core/parallel.hpp"

namespace gnomon {
namespace {

constexpr size_t kGrain = 4096;  // blocks of four numbers

std::array<uint32_t, 4> block(uint64_t seed, uint64_t stream, uint64_t index) {
  using Philox = r123::Philox4x32;
  const Philox::ctr_type counter{{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                                  static_cast<uint32_t>(stream),
                                  static_cast<uint32_t>(stream >> 32)}};
  const Philox::key_type key{{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
  const Philox::ctr_type words = Philox()(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

// The centre of one of 2^23 intervals: strictly inside (0, 1), and exact in float (with 2^24 of
// them the last centre would round up to 1).
double open_unit(uint32_t word) { return (static_cast<double>(word >> 9) + 0.5) * 0x1p-23; }

// Box-Muller: two uniform numbers to two independent normal ones.
std::array<double, 2> normal_pair(uint32_t a, uint32_t b) {
  const double radius = std::sqrt(-2 * std::log(open_unit(a)));
  const double angle = 2 * std::numbers::pi * open_unit(b);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

template <class FromBlock>
Array fill(Shape shape, uint64_t seed, uint64_t stream, uint64_t first, FromBlock&& from_block) {
  Array x(shape);
  const size_t n = x.size();
  parallel_for((n + 3) / 4, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const std::array<double, 4> four = from_block(block(seed, stream, first + i));
      for (size_t j = 0; j < 4 && 4 * i + j < n; ++j)
        x.data()[4 * i + j] = static_cast<real>(four[j]);
    }
  });
  return x;
}

}  // namespace

Random Random::split(uint64_t label) const {
  const auto words = block(seed_ ^ 0x9e3779b97f4a7c15u, stream_, label);
  return Random(seed_, (uint64_t{words[1]} << 32) | words[0]);
}

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

Random Random::split(std::string_view label) const { return split(fnv1a(label)); }

uint64_t Random::bits() {
  const auto words = block(seed_, stream_, next_++);
  return (uint64_t{words[1]} << 32) | words[0];
}

double Random::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

double Random::normal() {
  const auto words = block(seed_, stream_, next_++);
  return normal_pair(words[0], words[1])[0];
}

uint32_t Random::below(uint32_t n) {
  expect(n >= 1, "random: below(n): expected n >= 1, got 0");
  const uint32_t surplus = static_cast<uint32_t>(-n) % n;  // 2^32 mod n: so many draws are too many
  for (;;) {
    const uint64_t wide = (bits() & 0xffffffffu) * uint64_t{n};
    if (static_cast<uint32_t>(wide) >= surplus) return static_cast<uint32_t>(wide >> 32);
  }
}

Array Random::uniform(Shape shape) {
  const uint64_t first = next_;
  next_ += (shape.elements() + 3) / 4;
  return fill(shape, seed_, stream_, first, [](const std::array<uint32_t, 4>& w) {
    return std::array{open_unit(w[0]), open_unit(w[1]), open_unit(w[2]), open_unit(w[3])};
  });
}

Array Random::normal(Shape shape) {
  const uint64_t first = next_;
  next_ += (shape.elements() + 3) / 4;
  return fill(shape, seed_, stream_, first, [](const std::array<uint32_t, 4>& w) {
    const auto a = normal_pair(w[0], w[1]), b = normal_pair(w[2], w[3]);
    return std::array{a[0], a[1], b[0], b[1]};
  });
}

}  // namespace gnomon
