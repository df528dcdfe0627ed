// Lists of numbers as JSON that is small: base64 of little-endian numbers, in a pool in which equal
// lists stand once. A packed list is one of
//
//   7                       every number is 7 (null: not finite)
//   ["i", p]                16-bit integers, pool[p]; ["l", p]: 32-bit ones
//   ["q", p, low, unit]     16-bit unsigned u: low + unit u; 65535: not finite
//   ["f", p]                32-bit floats: what spreads too far for 16 bits
//
// A number of "q" is within 3.1e-4 of what it was.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gnomon {

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Four significant digits: more make a file large and tell nobody anything. null: not finite.
nlohmann::ordered_json rounded(double x);

class NumberPack {
 public:
  using Json = nlohmann::ordered_json;  // keys as written
  Json integers(const std::vector<int32_t>& all);
  Json numbers(const std::vector<double>& all);
  /// The pool as a list of texts.
  Json pool() const;

 private:
  size_t place(const std::string& bytes);
  std::unordered_map<std::string, size_t> places_;
  std::vector<const std::string*> lists_;
};

/// Reads back `count` numbers of a list that was packed into a pool; NaN: not finite. Throws
/// nlohmann::json::exception for what is not packed so.
std::vector<double> unpacked(const nlohmann::json& pool, const nlohmann::json& packed,
                             size_t count);

}  // namespace gnomon
