#include "core/base/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/folder.hpp"

using namespace gnomon;

namespace {
std::string refused(std::string_view text, JsonLimits limits = {}) {
  return problem([&] { parse_json(text, "state.json", limits); }, Fault::data);
}
}  // namespace

TEST_CASE("json: a document is read as nlohmann's own parser reads it") {
  for (const char* text : {R"({"a":[1,-2,3.5,true,false,null,"x\né"],"b":{"a":{}},"":[[],[{}]]})",
                           "[]", "{}", "7", " \"text\" ", "[18446744073709551615]", "null"})
    CHECK(parse_json(text, "state.json") == Json::parse(text));
}

TEST_CASE("json: what a lenient reader lets pass is refused") {
  CHECK(refused(R"({"a":1,"a":2})") == "state.json: the key 'a' is there twice");
  CHECK(refused(R"({"a":1,"\u0061":2})") == "state.json: the key 'a' is there twice");
  CHECK(refused(R"([{"b":{"a":1},"b":1}])") == "state.json: the key 'b' is there twice");
  CHECK(refused("\xEF\xBB\xBF{}") == "state.json: begins with a byte order mark");
  CHECK(refused(std::string("{}\0junk", 7)) == "state.json: not valid JSON at byte 3: a zero byte");
  for (const std::string_view bad :
       {"",         " ",        "{",           "{}{}", "{} x", "[1,]",  "{\"a\"}",   "{a:1}",
        "'a'",      "nan",      "[NaN]",       "01",   "+1",   ".5",    "1e999",     "//c\n{}",
        "\"\xff\"", "\"\x01\"", R"("\ud800")", "\"",   "tru",  "[1 2]", "{\"a\":1,}"})
    CHECK_MESSAGE(refused(bad).starts_with("state.json: not valid JSON at byte "), bad);
}

TEST_CASE("json: limits on depth and length") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(refused(nested(8)) == "");
  CHECK(refused(nested(9)) == "state.json: nested more than 8 deep");
  CHECK(refused(std::string(1000000, '[')) == "state.json: nested more than 8 deep");
  CHECK(refused(R"({"a":[{"a":1}]})", {.depth = 2}) == "state.json: nested more than 2 deep");
  CHECK(refused("[[],[],[[]]]", {.depth = 3}) == "");
  CHECK(refused("[1]", {.bytes = 3}) == "");
  CHECK(refused("[1]", {.bytes = 2}) == "state.json: expected at most 2 bytes of JSON, got 3");
}

TEST_CASE("json: integers are exact or refused") {
  const auto integer = [](const char* text, uint64_t low = 0, uint64_t high = UINT64_MAX) {
    return json_integer(parse_json(text, "f"), low, high, "f: step");
  };
  CHECK(integer("0") == 0);
  CHECK(integer("18446744073709551615") == UINT64_MAX);
  CHECK(integer("5", 5, 5) == 5);
  for (const char* bad :
       {"-1", "-0", "1.0", "1e3", "18446744073709551616", "\"1\"", "true", "null", "[1]"})
    CHECK(problem([&] { integer(bad); }, Fault::data) ==
          "f: step: expected a whole number from 0 to 18446744073709551615");
  CHECK(problem([&] { integer("4", 5, 6); }, Fault::data) != "");
  CHECK(problem([&] { integer("9223372036854775808", 0, 1000000); }, Fault::data) ==
        "f: step: expected a whole number from 0 to 1000000");
}

TEST_CASE("json: numbers, texts and keys") {
  for (const double x : {0.1, -1e-300, 2.0})
    CHECK(json_number(parse_json(Json(x).dump(), "f"), "f") == x);
  CHECK(problem([] { json_number("1", "f: loss"); }, Fault::data) == "f: loss: expected a number");
  CHECK(json_text("x", "f") == "x");
  CHECK(problem([] { json_text(1, "f: name"); }, Fault::data) == "f: name: expected a text");
  const Json object = {{"a", 1}};
  CHECK(json_at(object, "a", "f") == 1);
  CHECK(problem([&] { json_at(object, "b", "f"); }, Fault::data) == "f: the key 'b' is missing");
  CHECK(problem([] { json_at(1, "b", "f"); }, Fault::data) == "f: expected an object");
}

TEST_CASE("json: foreign text in a message is short and harmless") {
  CHECK(printable("a.b") == "'a.b'");
  CHECK(printable("\x1b[31m\n\xc3") == R"('\x1b[31m\x0a\xc3')");
  CHECK(printable(std::string(1000, 'a')) == "'" + std::string(64, 'a') + "...'");
}
