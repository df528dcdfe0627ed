// tests/bad_safetensors.hpp
// Safetensors files built byte by byte, so that none of them depends on the writer under test; and
// a list of bad ones with the sentence that each deserves.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "tools/training/checkpoint.hpp"

namespace gnomon::testing {

inline std::string little_endian(uint64_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
template <class T>
inline std::string bytes_of(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}
/// A file as the format's page describes it.
inline std::string file_of(const std::string& header, const std::string& data = "") {
  return little_endian(header.size()) + header + data;
}
inline std::string zeros_of(size_t bytes) { return std::string(bytes, '\0'); }

/// A header entry.
inline std::string entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, const std::string& range) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape,
                     range);
}
/// A file with the one tensor "w" of 16 bytes.
inline std::string one(const std::string& dtype, const std::string& shape,
                       const std::string& range) {
  return file_of("{" + entry("w", dtype, shape, range) + "}", zeros_of(16));
}

struct Bad {
  std::string what, bytes, reason;  // the reason is part of the sentence
};

inline std::vector<Bad> bad_files() {
  const std::string good_entry = entry("w", "F32", "[4]", "[0,16]");
  const std::string good = "{" + good_entry + "}", data = zeros_of(16);
  const auto with_length = [&](uint64_t length) { return little_endian(length) + good + data; };
  const auto raw = [&](const std::string& header) { return file_of(header, data); };
  const auto metadata = [&](const std::string& json) {
    return raw(R"({"__metadata__":)" + json + "," + good_entry + "}");
  };
  const auto two = [&](const std::string& first, const std::string& second) {
    return raw("{" + entry("a", "F32", "[2]", first) + "," + entry("b", "F32", "[2]", second) +
               "}");
  };
  std::string many = "{";
  for (int i = 0; i < 70000; ++i)
    many += (i ? "," : "") + entry(std::to_string(i), "F32", "[0]", "[0,0]");
  const std::string no_json = "not valid JSON at byte ", no_file = "not a safetensors file",
                    range = "expected a range of 16 bytes", whole = "expected a whole number",
                    place = "expected its numbers at byte ", large = "is too large";

  return {
      {"empty", "", "only 0 bytes long"},
      {"1 byte", "x", "only 1 bytes long"},
      {"7 bytes", "1234567", "only 7 bytes long"},
      {"nothing but a length of 0", zeros_of(8), no_file},
      {"text", "This is not a model, it is a letter to a friend.", no_file},
      {"a zip archive", "PK\x03\x04" + zeros_of(100), no_file},
      // the length of the header
      {"length 0", with_length(0), no_file},
      {"length 1", with_length(1), no_json},
      {"length one too short", with_length(good.size() - 1), no_json},
      {"length one too long", with_length(good.size() + 1), "a zero byte"},
      {"length ends inside the numbers", with_length(good.size() + 8), "a zero byte"},
      {"length to the end of the file", with_length(good.size() + 16), "a zero byte"},
      {"length past the end", with_length(good.size() + 17), "expected a header of at most"},
      {"length 2^31", with_length(uint64_t{1} << 31), "expected a header of at most"},
      {"length 2^63", with_length(uint64_t{1} << 63), "expected a header of at most"},
      {"length 2^64-1", with_length(UINT64_MAX), "expected a header of at most"},
      {"length 2^64-8", with_length(UINT64_MAX - 7), "expected a header of at most"},
      {"header of 16 MiB and one",
       file_of(good + std::string((16 << 20) + 1 - good.size(), ' '), data),
       "expected a header of at most 16777216 bytes, got 16777217"},
      // the text of the header
      {"not JSON", raw("{hello}"), no_json},
      {"an array", raw("[]"), no_file},
      {"a text", raw("\"w\""), no_file},
      {"spaces only", raw("    "), no_file},
      {"an empty object with 16 bytes of numbers", raw("{}"), "expected 0 bytes of numbers"},
      {"a space first", raw(" " + good), no_file},
      {"a byte order mark", raw("\xEF\xBB\xBF" + good), no_file},
      {"zero bytes as padding", raw(good + zeros_of(3)), "a zero byte"},
      {"a zero byte inside", raw("{" + zeros_of(1) + good_entry + "}"), "a zero byte"},
      {"two documents", raw(good + good), no_json},
      {"a comment", raw("{/* */" + good_entry + "}"), no_json},
      {"a comma too many", raw("{" + good_entry + ",}"), no_json},
      {"invalid UTF-8 in a name", raw("{" + entry("w\xC3(", "F32", "[4]", "[0,16]") + "}"),
       no_json},
      {"overlong UTF-8 in a name", raw("{" + entry("w\xC0\xAF", "F32", "[4]", "[0,16]") + "}"),
       no_json},
      {"half a surrogate pair", raw("{" + entry(R"(\ud800)", "F32", "[4]", "[0,16]") + "}"),
       no_json},
      {"the same tensor twice", raw("{" + good_entry + "," + good_entry + "}"),
       "'w' is there twice"},
      {"the same tensor twice, escaped",
       raw("{" + good_entry + "," + entry(R"(\u0077)", "F32", "[4]", "[0,16]") + "}"),
       "'w' is there twice"},
      {"a key twice inside a tensor",
       raw(R"({"w":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}})"),
       "'dtype' is there twice"},
      {"arrays 100000 deep", raw(R"({"w":)" + std::string(100000, '[')), "nested more than 8 deep"},
      {"objects 9 deep", raw(R"({"":{"":{"":{"":{"":{"":{"":{"":{"":{}}}}}}}}}})"),
       "nested more than 8 deep"},
      {"70000 tensors", file_of(many + "}"), "expected at most 65536 tensors, got 70000"},
      // names
      {"an empty name", raw("{" + entry("", "F32", "[4]", "[0,16]") + "}"),
       "names of 1 to 512 bytes, got one of 0"},
      {"a name of 513 bytes", raw("{" + entry(std::string(513, 'n'), "F32", "[4]", "[0,16]") + "}"),
       "got one of 513"},
      {"a name of 1 MB", raw("{" + entry(std::string(1000000, 'n'), "F32", "[4]", "[0,16]") + "}"),
       "got one of 1000000"},
      {"a zero byte in a name", raw("{" + entry(R"(w\u0000)", "F32", "[4]", "[0,16]") + "}"),
       "control character"},
      {"a line end in a name", raw("{" + entry(R"(w\n)", "F32", "[4]", "[0,16]") + "}"),
       "control character"},
      {"an escape sequence in a name",
       raw("{" + entry(R"(\u001b[31m)", "F32", "[4]", "[0,16]") + "}"), R"('\x1b[31m' contains)"},
      // metadata
      {"metadata: a number", metadata("1"), "metadata: expected an object"},
      {"metadata: null", metadata("null"), "metadata: expected an object"},
      {"metadata: a number inside", metadata(R"({"epoch":1})"),
       "metadata 'epoch': expected a text"},
      {"metadata: an object inside", metadata(R"({"config":{}})"),
       "metadata 'config': expected a text"},
      {"metadata: a key twice", metadata(R"({"a":"1","a":"2"})"), "'a' is there twice"},
      {"metadata: an empty key", metadata(R"({"":"1"})"), "names of 1 to 512 bytes"},
      {"metadata: over 1 MiB", metadata(R"({"a":")" + std::string(1 << 20, 'x') + "\"}"),
       "expected at most 1048576 bytes, got 1048577"},
      {"metadata: there twice", raw(R"({"__metadata__":{},"__metadata__":{},)" + good_entry + "}"),
       "is there twice"},
      // entries
      {"entry: a number", raw(R"({"w":1})"), "expected an object"},
      {"entry: an array", raw(R"({"w":[]})"), "expected an object"},
      {"entry: empty", raw(R"({"w":{}})"), "the key 'dtype' is missing"},
      {"entry: no shape", raw(R"({"w":{"dtype":"F32","data_offsets":[0,16]}})"),
       "the key 'shape' is missing"},
      {"entry: no data_offsets", raw(R"({"w":{"dtype":"F32","shape":[4]}})"),
       "the key 'data_offsets' is missing"},
      {"entry: a key too many",
       raw(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"stride":1}})"),
       "expected only dtype"},
      {"dtype: unknown", one("F33", "[4]", "[0,16]"), "dtype 'F33' cannot be read"},
      {"dtype: small letters", one("f32", "[4]", "[0,16]"), "dtype 'f32' cannot be read"},
      {"dtype: empty", one("", "[4]", "[0,16]"), "dtype '' cannot be read"},
      {"dtype: 8-bit floats", one("F8_E4M3", "[16]", "[0,16]"), "dtype 'F8_E4M3' cannot be read"},
      {"dtype: a number", raw(R"({"w":{"dtype":32,"shape":[4],"data_offsets":[0,16]}})"),
       "dtype: expected a text"},
      {"shape: negative", one("F32", "[-4]", "[0,16]"), whole},
      {"shape: minus zero", one("F32", "[-0]", "[0,0]"), whole},
      {"shape: a fraction", one("F32", "[1.5]", "[0,16]"), whole},
      {"shape: 4.0", one("F32", "[4.0]", "[0,16]"), whole},
      {"shape: a text", one("F32", "[\"4\"]", "[0,16]"), whole},
      {"shape: true", one("F32", "[true]", "[0,16]"), whole},
      {"shape: nested", one("F32", "[[4]]", "[0,16]"), whole},
      {"shape: 2^64", one("F32", "[18446744073709551616]", "[0,16]"), whole},
      {"shape: a number", one("F32", "4", "[0,16]"), "shape: expected an array"},
      {"shape: null", one("F32", "null", "[0,16]"), "shape: expected an array"},
      {"shape: an object", one("F32", "{}", "[0,16]"), "shape: expected an array"},
      {"shape: 9 axes", one("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]"), "at most 8 whole numbers"},
      {"shape: 2^62 elements wrap to 0 bytes", one("F32", "[4611686018427387904]", "[0,0]"), large},
      {"shape: 2^32 x 2^32", one("F32", "[4294967296,4294967296]", "[0,0]"), large},
      {"shape: 2^63 x 2", one("U8", "[9223372036854775808,2]", "[0,0]"), large},
      {"shape: 2^64-1 x 2^64-1", one("U8", "[18446744073709551615,18446744073709551615]", "[0,1]"),
       large},
      {"shape: 10^12 numbers in 16 bytes", one("F32", "[1000000000000]", "[0,4000000000000]"),
       "expected 4000000000000 bytes of numbers after the header, got 16"},
      {"shape: one element more", one("F32", "[5]", "[0,16]"),
       "expected a range of 20 bytes, got [0,16]"},
      {"shape: one element less", one("F32", "[3]", "[0,16]"), "expected a range of 12 bytes"},
      {"shape: a scalar in 16 bytes", one("F32", "[]", "[0,16]"), "expected a range of 4 bytes"},
      {"shape: empty in 16 bytes", one("F32", "[0]", "[0,16]"), "expected a range of 0 bytes"},
      {"dtype does not fit", one("F64", "[4]", "[0,16]"), "expected a range of 32 bytes"},
      {"range: reversed", one("F32", "[4]", "[16,0]"), range},
      {"range: negative", one("F32", "[4]", "[-16,0]"), whole},
      {"range: fractions", one("F32", "[4]", "[0.0,16.0]"), whole},
      {"range: one number", one("F32", "[4]", "[16]"), range},
      {"range: three numbers", one("F32", "[4]", "[0,16,16]"), "at most 2 whole numbers"},
      {"range: empty", one("F32", "[4]", "[]"), range},
      {"range: wraps", one("F32", "[4]", "[18446744073709551608,8]"), range},
      {"range: at 2^64", one("F32", "[4]", "[18446744073709551599,18446744073709551615]"), place},
      {"range: past the end", one("F32", "[4]", "[16,32]"),
       "expected its numbers at byte 0 after the header, got 16"},
      {"range: off by one", one("F32", "[4]", "[1,17]"), place},
      {"range: one byte too few for F32", one("F32", "[4]", "[0,15]"), range},
      {"ranges: overlapping", two("[0,8]", "[4,12]"), place},
      {"ranges: the same", two("[0,8]", "[0,8]"), place},
      {"ranges: a hole", two("[0,8]", "[12,20]"), place},
      {"ranges: a hole in front", two("[4,12]", "[12,20]"), place},
      {"ranges: one inside another",
       file_of(
           "{" + entry("a", "F32", "[4]", "[0,16]") + "," + entry("b", "F32", "[1]", "[4,8]") + "}",
           data),
       place},
      {"ranges: an empty tensor inside another",
       file_of(
           "{" + entry("a", "F32", "[4]", "[0,16]") + "," + entry("b", "F32", "[0]", "[8,8]") + "}",
           data),
       place},
      // the end
      {"one byte short", file_of(good, zeros_of(15)),
       "expected 16 bytes of numbers after the header, got 15"},
      {"one byte too many", file_of(good, zeros_of(17)), "got 17"},
      {"no numbers", file_of(good), "got 0"},
      {"a zip archive appended", file_of(good, data + "PK\x05\x06" + zeros_of(18)), "got 38"},
      {"two models in one file", file_of(good, data + file_of(good, data)),
       "expected 16 bytes of numbers"},
  };
}

}  // namespace gnomon::testing
