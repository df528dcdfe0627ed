// Strict JSON for files that strangers may have written: nlohmann's reader, with the things it lets
// pass (the last of two equal keys wins, any depth, text after a zero byte) turned into errors, and
// numbers read as exactly what is asked for.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace gnomon {

using Json = nlohmann::json;

struct JsonLimits {
  size_t bytes = size_t{1} << 20;
  size_t depth = 8;  ///< nested objects and arrays
};

/// One JSON document. Throws Error(Fault::data) when it is malformed, not UTF-8, longer or deeper
/// than the limits, or has an object with two equal keys; `what` (the file) begins the sentence.
Json parse_json(std::string_view text, const std::string& what, JsonLimits limits = {});

/// A whole number in [low, high]: 1.0, -0 and "1" are refused, nothing is rounded or wrapped.
uint64_t json_integer(const Json& value, uint64_t low, uint64_t high, const std::string& what);
/// A number.
double json_number(const Json& value, const std::string& what);
/// A text.
const std::string& json_text(const Json& value, const std::string& what);
/// The value of a key of an object. Throws Error(Fault::data) when it is missing.
const Json& json_at(const Json& object, const std::string& key, const std::string& what);

/// Can JSON hold the text?
bool is_utf8(const std::string& text);

/// Foreign text for a message: in quotes, at most 64 bytes, nothing that could upset a terminal.
std::string printable(std::string_view text);

}  // namespace gnomon
