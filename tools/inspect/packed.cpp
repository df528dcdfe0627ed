#include "tools/inspect/packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

namespace gnomon {
namespace {

constexpr double kWidest = 40;  // of what 16 bits hold closely enough
constexpr double kMostSteps = 65534;
constexpr uint32_t kNotFinite = 65535;

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The lowest `count` bytes.
void append(std::string& bytes, uint32_t number, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>(number >> (8 * i) & 255);
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t there = std::min<size_t>(3, bytes.size() - at);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < there ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (size_t i = 0; i < 4; ++i) text += i <= there ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

namespace {

std::string bytes_of_base64(const std::string& text) {
  std::string bytes;
  uint32_t bits = 0, count = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

}  // namespace

nlohmann::ordered_json rounded(double x) {
  if (!std::isfinite(x)) return nullptr;
  if (x == 0) return 0;
  const double unit = std::pow(10, 3 - std::floor(std::log10(std::abs(x))));
  return std::round(x * unit) / unit;
}

NumberPack::Json NumberPack::integers(const std::vector<int32_t>& all) {
  if (!all.empty() && std::ranges::all_of(all, [&](int32_t x) { return x == all[0]; }))
    return all[0];
  const bool small = std::ranges::all_of(all, [](int32_t x) { return x >= -32768 && x <= 32767; });
  std::string bytes;
  for (const int32_t x : all) append(bytes, static_cast<uint32_t>(x), small ? 2 : 4);
  return {small ? "i" : "l", place(bytes)};
}

NumberPack::Json NumberPack::numbers(const std::vector<double>& all) {
  double low = INFINITY, high = -INFINITY;
  bool finite = true;
  for (const double x : all) {
    finite &= std::isfinite(x);
    if (std::isfinite(x)) low = std::min(low, x), high = std::max(high, x);
  }
  if (all.empty()) return integers({});
  if (low > high) return nullptr;
  if (finite && low == high) return low;
  std::string bytes;
  if (high - low > kWidest) {
    for (const double x : all) append(bytes, std::bit_cast<uint32_t>(static_cast<float>(x)), 4);
    return {"f", place(bytes)};
  }
  const double unit = high > low ? (high - low) / kMostSteps : 1;
  for (const double x : all)
    append(bytes,
           std::isfinite(x) ? static_cast<uint32_t>(std::lround((x - low) / unit)) : kNotFinite, 2);
  return {"q", place(bytes), low, unit};
}

NumberPack::Json NumberPack::pool() const {
  Json all = Json::array();
  for (const std::string* list : lists_) all.push_back(base64(*list));
  return all;
}

size_t NumberPack::place(const std::string& bytes) {
  const auto [at, is_new] = places_.emplace(bytes, lists_.size());
  if (is_new) lists_.push_back(&at->first);
  return at->second;
}

std::vector<double> unpacked(const nlohmann::json& pool, const nlohmann::json& packed,
                             size_t count) {
  if (packed.is_null()) return std::vector<double>(count, NAN);
  if (packed.is_number()) return std::vector<double>(count, packed.get<double>());
  const std::string kind = packed.at(0),
                    bytes = bytes_of_base64(pool.at(packed.at(1).get<size_t>()));
  const size_t size = kind == "l" || kind == "f" ? 4 : 2;
  std::vector<double> all;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    uint32_t bits = 0;
    for (size_t i = size; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[at + i]);
    if (kind == "i") all.push_back(static_cast<int16_t>(bits));
    if (kind == "l") all.push_back(static_cast<int32_t>(bits));
    if (kind == "f") all.push_back(double{std::bit_cast<float>(bits)});
    if (kind == "q")
      all.push_back(bits == kNotFinite
                        ? NAN
                        : packed.at(2).get<double>() + packed.at(3).get<double>() * bits);
  }
  return all;
}

}  // namespace gnomon
