// Lists of numbers of tools/inspect/packed.hpp, read back.
#pragma once

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gnomon {

inline std::string bytes_of_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

/// `count` numbers of a sample's JSON; NaN: not finite.
inline std::vector<double> unpacked(const nlohmann::json& sample, const nlohmann::json& packed,
                                    size_t count) {
  if (packed.is_null()) return std::vector<double>(count, NAN);
  if (packed.is_number()) return std::vector<double>(count, packed.get<double>());
  const std::string kind = packed.at(0);
  const std::string bytes = bytes_of_base64(sample.at("pool").at(packed.at(1).get<size_t>()));
  const size_t size = kind == "l" || kind == "f" ? 4 : 2;
  std::vector<double> all;
  for (size_t at = 0; at < bytes.size(); at += size) {
    uint32_t bits = 0;
    for (size_t i = size; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[at + i]);
    if (kind == "i") all.push_back(static_cast<int16_t>(bits));
    if (kind == "l") all.push_back(static_cast<int32_t>(bits));
    if (kind == "f") all.push_back(double{std::bit_cast<float>(bits)});
    if (kind == "q")
      all.push_back(bits == 65535 ? NAN
                                  : packed.at(2).get<double>() + packed.at(3).get<double>() * bits);
  }
  return all;
}

}  // namespace gnomon
